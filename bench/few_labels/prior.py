"""The prior of the powers of the estimator's opinions, learned from data sets.

``python -m bench.few_labels.prior`` fits every opinion to every set with 2, 5 and 10 labels a
class, drawn by class and at random, and writes ``prior.json``: means of powers by which the pool
gives the test labels the most likelihood, learned from all sets (``all``) and from all but one.
`convergan.estimator.pool.PRIOR` has the former, and what the benchmark reports of a set the one
without it. Each set counts once, and its loss is divided by the logarithm of its classes.
"""

import argparse
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from scipy.optimize import minimize

from bench.few_labels.measure import draw_labels
from bench.few_labels.methods import PRIORS, Array
from bench.few_labels.sets import SETS, load
from convergan.estimator.fitting import FitOptions, fit_classifier
from convergan.estimator.opinions import log_softmax
from convergan.estimator.pool import PRIOR, PriorPower
from convergan.estimator.preprocessing import fit_preprocessor

LABELS, DRAWS, SEEDS = (2, 5, 10), ("class", "random"), (100, 101)
TESTED = 200
"""Test rows of each set, at most."""
PENALTY = 1e-3
"""Of squared levels; of slopes three times as much."""
LEAST = 0.02
"""Of a level, so that evidence can speak for every opinion."""


class Judged(NamedTuple):
    """Opinions of test rows, logarithms (M, n, K), their labels, and what powers depend on."""

    set: str
    logs: Array
    labels: Array
    terms: Array


def judge(name: str, draw: str, count: int, seed: int) -> Judged:
    """Fit the opinions to a set with some labels and ask them for test rows."""
    problem = load(name)
    y = draw_labels(problem.y, draw, count, seed)
    classes = np.unique(y[y >= 0])
    codes = np.where(y >= 0, np.searchsorted(classes, y), -1)
    known = np.flatnonzero(np.isin(problem.y_test, classes))[:TESTED]
    preprocessor, rows = fit_preprocessor(problem.X)
    found = fit_classifier(rows, codes, seed, FitOptions(max_epochs=1)).pool
    tested = preprocessor.apply(problem.X_test[known])
    opinions = dict(zip(found.names, found.opinions, strict=True))
    logs = np.stack([opinions[name].log_probabilities(tested) for name in PRIOR])
    counts = np.bincount(codes[codes >= 0])
    differ = float(counts.max() - counts.min() > 1)
    terms = np.array([1.0, np.log(counts.mean() / 5), differ])
    return Judged(name, logs, np.searchsorted(classes, problem.y_test[known]), terms)


def learn(judged: Sequence[Judged]) -> Array:
    """Return (M, 3) level, slope and term of a random draw of each opinion."""
    sets = [one.set for one in judged]
    penalty = PENALTY * np.array([1.0, 3.0, 3.0])

    def loss(flat: Array) -> tuple[float, Array]:
        means = flat.reshape(-1, 3)
        total, slopes = (penalty * means**2).sum(), 2 * penalty * means
        for one in judged:
            powers = means @ one.terms
            pooled = log_softmax(np.tensordot(np.maximum(powers, 0), one.logs, axes=1))
            given = np.eye(pooled.shape[1])[one.labels]
            share = 1 / (len(set(sets)) * sets.count(one.set) * np.log(pooled.shape[1]))
            share /= len(given)
            total -= share * (pooled * given).sum()
            away = ((np.exp(pooled) - given) * one.logs).sum(axis=(1, 2)) * (powers > 0)
            slopes += share * np.outer(away, one.terms)
        return total, slopes.ravel()

    start = np.tile([0.3, 0.0, 0.0], len(PRIOR))
    bounds = [(LEAST, None), (None, None), (None, None)] * len(PRIOR)
    found: Array = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found.reshape(-1, 3)


def as_prior(means: Array) -> dict[str, PriorPower]:
    return {
        name: PriorPower(*np.round(mean, 3).tolist())
        for name, mean in zip(PRIOR, means, strict=True)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    arguments = parser.parse_args()
    judged = Parallel(n_jobs=arguments.jobs)(
        delayed(judge)(name, draw, count, seed)
        for name in SETS
        for count in LABELS
        for draw in DRAWS
        for seed in SEEDS
    )
    found = {"all": as_prior(learn(judged))}
    for left_out in SETS:
        found[left_out] = as_prior(learn([one for one in judged if one.set != left_out]))
    PRIORS.write_text(json.dumps(found, indent=1) + "\n")
    for opinion, mean in found["all"].items():
        print(f"{opinion:22}" + "".join(f"{value:8.3f}" for value in mean))


if __name__ == "__main__":
    main()
