"""What the labels that ``convergan label`` asks for are worth, and whether its error is honest.

``python -m bench.label_choice digits photographs texts --seeds 3``. A simulated labeller gives the
right label of whatever is asked. The error is that of a third of the items, which are never asked.
Printed beside: how often the interval that the page shows holds that error, and how many of the
items that the grid would show are wrong.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from convergan.labeling.simulation import POLICIES, Step, simulate

DATA = Path(os.environ.get("CONVERGAN_DATA", "."))


def digits() -> tuple[Any, list[str]]:
    images, labels = load_digits(return_X_y=True)
    return images.reshape(-1, 1, 8, 8) / 16, [str(label) for label in labels]


def photographs() -> tuple[Any, list[str]]:
    """Eighteen classes of ImageNet, by the features of ``convergan label``."""
    from datasets import load_dataset

    from convergan.embedding import as_encoded, embed_images, find_image_network

    found = load_dataset("parquet", data_dir=str(DATA / "imagenet_mini18"), split="train")
    cells = [cell["bytes"] for cell in found.data.column("image").to_pylist()]
    rows = embed_images(as_encoded(cells), find_image_network()).rows
    return rows, [str(label) for label in found.data.column("label").to_pylist()]


def texts() -> tuple[Any, list[str]]:
    """Questions of TREC, six classes, by the features of ``convergan label``."""
    from datasets import load_dataset

    from convergan.embedding import embed_texts, find_text_network

    found = load_dataset("parquet", data_dir=str(DATA / "trec"), split="train").shuffle(seed=0)
    found = found.select(range(1500))
    return embed_texts(found["text"], find_text_network()), list(map(str, found["label"]))


SETS: dict[str, Callable[[], tuple[Any, list[str]]]] = {
    "digits": digits,
    "photographs": photographs,
    "texts": texts,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", choices=list(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=120)
    parser.add_argument("--batch", type=int, default=20)
    arguments = parser.parse_args()
    for name in arguments.sets:
        rows, truth = SETS[name]()
        for policy in POLICIES:
            runs = [
                simulate(
                    rows,
                    truth,
                    draw(len(truth), seed),
                    policy=policy,
                    most=arguments.most,
                    batch=arguments.batch,
                    seed=seed,
                )
                for seed in range(arguments.seeds)
            ]
            show(name, policy, runs)


def draw(count: int, seed: int) -> frozenset[int]:
    """Return a third of the items, which are never asked."""
    chance = np.random.default_rng([seed, 7])
    return frozenset(chance.permutation(count)[: count // 3].tolist())


def show(name: str, policy: str, runs: list[list[Step]]) -> None:
    print(f"{name}, {policy}")
    for steps in zip(*runs, strict=True):
        errors = " ".join(f"{100 * step.error:5.1f}" for step in steps)
        points = [step.measured for step in steps]
        held = [
            point.low <= step.error <= point.high
            for step, point in zip(steps, points, strict=True)
            if point is not None
        ]
        shown = " ".join("    -" if p is None else f"{100 * p.error:5.1f}" for p in points)
        sure, wrong = (sum(step.sure[k] for step in steps) for k in (0, 1))
        print(
            f"  {steps[0].labels:4d} labels  error {np.mean([s.error for s in steps]):6.2%} "
            f"({errors})  shown ({shown})  interval holds {sum(held)}/{len(held)}  "
            f"sure {sure:5d}, wrong {wrong:4d}  {' '.join(s.advice for s in steps)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
