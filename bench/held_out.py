"""Write training rows of a data set as a set of its own, some of them held out as its test rows.

``python -m bench.held_out uoft-cs/cifar10 held.npz --train 0 40000 --test 40000 50000``; then
``convergan train ... --data held.npz``. So settings can be chosen without a look at test rows, and
a set with few test rows can be measured to a tenth of a point.
"""

import argparse
from pathlib import Path

import numpy as np

from convergan.data import DataError, load


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="as --data of convergan train")
    parser.add_argument("out", type=Path, help="the .npz file to write")
    for name in ("--train", "--test"):
        parser.add_argument(
            name,
            type=int,
            nargs=2,
            required=True,
            metavar=("FROM", "TO"),
            help="training rows, counted from 0; TO is not among them",
        )
    chosen = parser.parse_args()
    try:
        rows = load(chosen.source).train
    except DataError as error:
        parser.error(str(error))
    for name, (first, end) in (("--train", chosen.train), ("--test", chosen.test)):
        if not 0 <= first < end <= len(rows.labels):
            parser.error(f"{name} {first} {end} is no range of the {len(rows.labels)} rows")
    train, test = slice(*chosen.train), slice(*chosen.test)
    if max(train.start, test.start) < min(train.stop, test.stop):
        parser.error("rows of --train and --test are the same in part")
    if chosen.out.suffix != ".npz" or not chosen.out.parent.is_dir():
        parser.error(f"{chosen.out} must be a .npz file in a folder that exists")
    images, labels = rows.images[:].numpy(), rows.labels.numpy()
    np.savez(
        chosen.out,
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
    )
    print(f"{chosen.out}: {train.stop - train.start} training rows, {test.stop - test.start} test")


if __name__ == "__main__":
    main()
