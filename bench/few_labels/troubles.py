"""What tables as they are do to the estimator and to logistic regression.

``python -m bench.few_labels.troubles`` fits both to some sets, by 10 labels a class and a prior
that was learned without the set, as they are and with a trouble: columns on a log scale, three
wild cells a column, 50 columns of noise, a tenth of the cells missing, a tenth of the labels wrong.
Logistic regression has rows of mean 0 and deviation 1 and medians for missing cells. Then the
rarer class of two-class sets is thinned to 1 of 131 pool rows, with 10 labels of each class.
"""

import argparse
from collections.abc import Callable

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from bench.few_labels.methods import Array, prior_without
from bench.few_labels.sets import load
from convergan.estimator import SemiSupervisedGANClassifier, mask_labels

SETS = ("penguins", "vehicle", "spambase", "satimage", "page-blocks0", "cells", "breast_cancer")
IMBALANCED = ("spambase", "page-blocks0", "breast_cancer", "mushroom", "cells")
LABELS = 10
Trouble = Callable[[Array, Array, np.random.Generator], tuple[Array, Array]]
"""From pool and test rows, one below the other, and marked labels."""


def as_they_are(rows: Array, y: Array, chance: np.random.Generator) -> tuple[Array, Array]:
    return rows, y


def exponential(rows: Array, y: Array, chance: np.random.Generator) -> tuple[Array, Array]:
    deviation = rows.std(axis=0)
    return np.exp(2 * (rows - rows.mean(axis=0)) / np.where(deviation > 0, deviation, 1)), y


def wild_cells(rows: Array, y: Array, chance: np.random.Generator) -> tuple[Array, Array]:
    rows = rows.copy()
    for column in range(rows.shape[1]):
        rows[chance.integers(0, len(rows), 3), column] += 1e6 * (rows[:, column].std() + 1)
    return rows, y


def noise_columns(rows: Array, y: Array, chance: np.random.Generator) -> tuple[Array, Array]:
    return np.hstack([rows, chance.normal(size=(len(rows), 50))]), y


def missing_cells(rows: Array, y: Array, chance: np.random.Generator) -> tuple[Array, Array]:
    return np.where(chance.random(rows.shape) < 0.1, np.nan, rows), y


def wrong_labels(rows: Array, y: Array, chance: np.random.Generator) -> tuple[Array, Array]:
    y = y.copy()
    labeled = np.flatnonzero(y >= 0)
    chosen = chance.permutation(labeled)[: round(len(labeled) / 10)]
    y[chosen] = (y[chosen] + chance.integers(1, y.max() + 1, len(chosen))) % (y.max() + 1)
    return rows, y


TROUBLES: dict[str, Trouble] = {
    "as they are": as_they_are,
    "exponential columns": exponential,
    "3 wild cells a column": wild_cells,
    "50 columns of noise": noise_columns,
    "10 % of cells missing": missing_cells,
    "10 % of labels wrong": wrong_labels,
}


def ours(X: Array, y: Array, seed: int, name: str) -> SemiSupervisedGANClassifier:
    with prior_without(name):
        return SemiSupervisedGANClassifier(random_state=seed, device="cpu").fit(X, y)


def errors(name: str, trouble: Trouble, seed: int) -> tuple[float, float]:
    """Return errors in percent of ours and of logistic regression."""
    problem = load(name)
    y = mask_labels(problem.y, LABELS, random_state=seed)
    chance = np.random.default_rng(seed)
    rows, y = trouble(np.vstack([problem.X, problem.X_test]), y, chance)
    X, X_test = rows[: len(problem.X)], rows[len(problem.X) :]
    prepared = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(X)
    logistic = LogisticRegression(max_iter=1000).fit(prepared.transform(X[y >= 0]), y[y >= 0])
    said = (ours(X, y, seed, name).predict(X_test), logistic.predict(prepared.transform(X_test)))
    mine, theirs = (100 * float((one != problem.y_test).mean()) for one in said)
    return mine, theirs


def positives(name: str, seed: int) -> tuple[float, float, float]:
    """Return percents: test rows of the rarer class, those called so, and those of it called so.

    Both sets are thinned.
    """
    problem = load(name)
    rare = int(np.bincount(problem.y).argmin())
    chance = np.random.default_rng(seed)

    def thinned(labels: Array, least: int) -> Array:
        common = np.flatnonzero(labels != rare)
        count = max(least, round(len(common) / 130))
        return np.concatenate([common, chance.permutation(np.flatnonzero(labels == rare))[:count]])

    kept, tested = thinned(problem.y, LABELS), thinned(problem.y_test, 1)
    y = mask_labels(problem.y[kept], LABELS, random_state=seed)
    said = ours(problem.X[kept], y, seed, name).predict(problem.X_test[tested]) == rare
    true = problem.y_test[tested] == rare
    return 100 * float(true.mean()), 100 * float(said.mean()), 100 * float(said[true].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    with threadpool_limits(1):
        for label, trouble in TROUBLES.items():
            print(label)
            found = {name: [errors(name, trouble, seed) for seed in seeds] for name in SETS}
            for name, pairs in found.items():
                mine, theirs = np.mean(pairs, axis=0)
                print(f"  {name:16} ours {mine:6.2f}  LogisticRegression {theirs:6.2f}", flush=True)
            mine, theirs = np.mean([np.mean(pairs, axis=0) for pairs in found.values()], axis=0)
            print(f"  {'mean':16} ours {mine:6.2f}  LogisticRegression {theirs:6.2f}")
        print("1 of 131 rows of the rarer class, 10 labels of each")
        for name in IMBALANCED:
            true, said, right = np.mean([positives(name, seed) for seed in seeds], axis=0)
            print(
                f"  {name:16} of the test rows {true:5.2f} % are of it, {said:5.2f} % are called "
                f"so; of its rows {right:.1f} %",
                flush=True,
            )


if __name__ == "__main__":
    main()
