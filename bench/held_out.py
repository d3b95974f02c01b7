"""Write training rows of a data set as a set of its own, some of them held out as its test rows.

``python -m bench.held_out uoft-cs/cifar10 held.npz --train 0 40000 --test 40000 50000``; then
``convergan train ... --data held.npz``. So settings can be chosen without a look at test rows, and
a set with few test rows can be measured to a tenth of a point.
"""

import argparse
from pathlib import Path

import numpy as np

from convergan.data import load


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source")
    parser.add_argument("out", type=Path)
    for name in ("--train", "--test"):
        parser.add_argument(name, type=int, nargs=2, required=True, metavar=("FROM", "TO"))
    chosen = parser.parse_args()
    rows = load(chosen.source).train
    train, test = slice(*chosen.train), slice(*chosen.test)
    if set(range(len(rows.labels))[train]) & set(range(len(rows.labels))[test]):
        parser.error("rows of --train and --test are the same in part")
    images, labels = rows.images[:].numpy(), rows.labels.numpy()
    np.savez(
        chosen.out,
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
    )


if __name__ == "__main__":
    main()
