"""Out-of-distribution detection by `score_samples`, beside two simple scores.

``python -m bench.few_labels.ood [--sets digits fashion_mnist] [--labels 10] [--seeds 5]``. A line
is the area under the ROC curve in percent, mean and deviation over seeds: 50 is chance, 100 is
perfect, below 50 the other rows look more usual than test rows. Scores are ``log D`` of ours
(`score_samples`), its largest class probability, and minus the distance to the nearest row of the
pool.

The other rows of digits are its test images altered: turned by a quarter or by half, mirrored,
inverted, or with their pixels in another order, the same for all. Some remain digits, a 0 turned by
half; the embedded digits all fill their square from top to bottom, so that one on its side is
unlike all of them. Those of Fashion-MNIST are its own altered and MNIST's.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from bench.few_labels.methods import Array
from bench.few_labels.sets import load
from convergan.estimator import SemiSupervisedGANClassifier, mask_labels
from convergan.sweeps.statistics import format_mean, mean_and_deviation

SETS = ("digits", "mnist", "fashion_mnist")
SCORES = ("log D", "max softmax", "nearest row")


def others(name: str) -> Iterator[tuple[str, Array]]:
    """Yield rows of other kinds, each with a name."""
    rows = load(name).X_test
    side = round(rows.shape[1] ** 0.5)
    images = rows.reshape(-1, side, side)
    yield "turned by a quarter", np.rot90(images, axes=(1, 2)).reshape(rows.shape)
    yield "turned by half", images[:, ::-1, ::-1].reshape(rows.shape)
    yield "mirrored", images[:, :, ::-1].reshape(rows.shape)
    yield "inverted", 1 - rows
    yield "pixels permuted", rows[:, np.random.default_rng(0).permutation(rows.shape[1])]
    if name == "fashion_mnist":
        yield "MNIST", load("mnist").X_test
    if name == "mnist":
        yield "Fashion-MNIST", load("fashion_mnist").X_test


def areas(name: str, labels: int, seed: int) -> dict[str, tuple[float, ...]]:
    """Return the areas in percent by kind of row, in the order of `SCORES`."""
    problem = load(name)
    y = mask_labels(problem.y, labels, random_state=seed)
    model = SemiSupervisedGANClassifier(random_state=seed, device="cpu")
    model.fit(problem.X, y)
    nearest = NearestNeighbors(n_neighbors=1).fit(problem.X)

    def scores(rows: Array) -> tuple[Array, ...]:
        distances = nearest.kneighbors(rows)[0][:, 0]
        return model.score_samples(rows), model.predict_proba(rows).max(axis=1), -distances

    usual = scores(problem.X_test)
    return {
        kind: tuple(area(own, other) for own, other in zip(usual, scores(rows), strict=True))
        for kind, rows in others(name)
    }


def area(usual: Array, other: Array) -> float:
    """Return how often a usual row has the higher score, in percent; half for equal ones."""
    truth = np.repeat([1, 0], [len(usual), len(other)])
    return 100 * float(roc_auc_score(truth, np.concatenate([usual, other])))


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["digits", "fashion_mnist"])
    parser.add_argument("--labels", type=int, default=10, help="of each class (default: 10)")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    for name in arguments.sets:
        found = [areas(name, arguments.labels, seed) for seed in range(arguments.seeds)]
        print(f"\n{name}: {arguments.labels} labels a class, seeds 0 to {arguments.seeds - 1}")
        print(f"  {'':20} " + "  ".join(f"{score:15}" for score in SCORES))
        for kind in found[0]:
            columns = zip(*(seed[kind] for seed in found), strict=True)
            cells = [format_mean(mean_and_deviation(column), ".2f", ".2f") for column in columns]
            print(f"  {kind:20} " + "  ".join(f"{cell:15}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
