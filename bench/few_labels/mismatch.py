"""The cost of unlabelled rows whose classes have no labels.

``python -m bench.few_labels.mismatch [--set digits] [--labels 10] [--seeds 5]``. The lower half of
the classes is labelled and tested, the upper half unseen. The number of unlabelled rows is the
same for every share of unseen ones, that of the smaller half; the rows of a seed's larger shares
contain those of its smaller ones. Logistic regression uses labelled rows only, so its error is the
same for all shares. A line has test errors in percent, mean and deviation over seeds, and how often
`fit` warned that unlabelled rows are unlike labelled ones.
"""

import argparse
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench.few_labels.sets import Problem, load
from convergan.estimator import SemiSupervisedGANClassifier, mask_labels
from convergan.sweeps.statistics import format_mean, mean_and_deviation

SHARES = (0, 25, 50, 75, 100)
SETS = ("digits", "mnist", "fashion_mnist", "cifar10")
UNLIKE = "do not look like labeled ones"


class Outcome(NamedTuple):
    """Results of one share and seed: errors in percent, whether fit warned."""

    ours: float
    logistic: float
    warned: bool


def hide_classes(problem: Problem, *, labels: int, share: int, seed: int) -> Problem:
    """Return the problem of the known classes, with ``share`` percent of unlabelled rows of others.

    Labels are -1 where they are hidden; test rows are of known classes.
    """
    known = np.flatnonzero(problem.y < _half(problem))
    kept = mask_labels(problem.y[known], labels, random_state=seed)
    labeled = known[kept >= 0]
    chance = np.random.default_rng([seed, 1])
    seen = chance.permutation(known[kept < 0])
    unseen = chance.permutation(np.flatnonzero(problem.y >= _half(problem)))
    count = min(len(seen), len(unseen))
    other = round(count * share / 100)
    rows = np.concatenate([labeled, seen[: count - other], unseen[:other]])
    y = np.full(len(rows), -1)
    y[: len(labeled)] = problem.y[labeled]
    tested = problem.y_test < _half(problem)
    return Problem(problem.X[rows], y, problem.X_test[tested], problem.y_test[tested])


def measure(pool: Problem, seed: int) -> Outcome:
    labeled = pool.y >= 0
    logistic = LogisticRegression(max_iter=1000).fit(pool.X[labeled], pool.y[labeled])
    model = SemiSupervisedGANClassifier(random_state=seed, device="cpu")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(pool.X, pool.y)
    return Outcome(
        ours=100 * (1 - model.score(pool.X_test, pool.y_test)),
        logistic=100 * (1 - logistic.score(pool.X_test, pool.y_test)),
        warned=any(UNLIKE in str(entry.message) for entry in caught),
    )


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--set", choices=SETS, default="digits")
    parser.add_argument("--labels", type=int, default=10, help="of each class (default: 10)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shares", type=int, nargs="+", default=list(SHARES), help="in percent")
    arguments = parser.parse_args()
    problem = load(arguments.set)
    first = hide_classes(problem, labels=arguments.labels, share=0, seed=0)
    print(
        f"{arguments.set}: {int((first.y >= 0).sum())} labels, {int((first.y < 0).sum())} rows "
        f"without, {len(first.y_test)} test rows; errors in %"
    )
    print("unseen  ours            LogisticRegression  warned")
    for share in arguments.shares:
        found = [
            measure(hide_classes(problem, labels=arguments.labels, share=share, seed=seed), seed)
            for seed in range(arguments.seeds)
        ]
        columns = [x.ours for x in found], [x.logistic for x in found]
        ours, logistic = (
            format_mean(mean_and_deviation(values), ".2f", ".2f") for values in columns
        )
        warned = sum(x.warned for x in found)
        print(f"{share:4d} %  {ours:14}  {logistic:18}  {warned} of {len(found)}", flush=True)
        print(f"        each: {_every(columns[0])} | {_every(columns[1])}")


def _every(values: list[float]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def _half(problem: Problem) -> int:
    return (int(problem.y.max()) + 1) // 2


if __name__ == "__main__":
    main()
