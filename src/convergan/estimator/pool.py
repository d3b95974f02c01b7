"""A pool of opinions: probabilities multiplied, each raised to a power (Genest & Zidek, 1986).

The powers are fitted to labels held out, under a prior that says what each kind of opinion was
worth on other data sets. With two labels a class the prior decides, with ten the evidence does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from .checks import Array
from .opinions import Evidence, Opinion, log_softmax

LOGISTIC, SELF, TREES = "logistic regression", "self-training", "trees"
NEAREST, DIRECTIONS = "graph", "graph of directions"
TAUGHT_TREES, GAME = "taught trees", "game"


class PriorPower(NamedTuple):
    """Mean power of an opinion before its evidence: ``max(0, level + slope log(n / 5) + random)``.

    n is the mean number of labels of a class, and the last term counts where the numbers differ by
    more than one, as they do where labels are drawn without regard to classes.
    """

    level: float
    slope: float
    random: float


PRIOR: Mapping[str, PriorPower] = {
    LOGISTIC: PriorPower(0.02, -0.029, 0.349),
    TREES: PriorPower(0.675, 0.217, -0.476),
    NEAREST: PriorPower(0.317, 0.062, -0.261),
    DIRECTIONS: PriorPower(0.705, -0.227, -0.226),
    SELF: PriorPower(0.303, 0.098, -0.258),
}
"""Learned from 22 data sets; ``python -m bench.few_labels.prior`` learns it again."""
OF_ALL_ROWS = (NEAREST, DIRECTIONS, SELF)
"""Opinions that unlabelled rows take part in."""
DEVIATION = 0.4
"""Of a power from its mean."""


@dataclass(frozen=True)
class Pool:
    """A classifier: ``p(k) ~ exp(offset_k) prod_m p_m(k)^power_m``.

    Attributes:
        names: of the M opinions.
        opinions: fitted.
        powers: (M,), none below 0.
        offset: (K,) logarithms of factors of the classes.
    """

    names: tuple[str, ...]
    opinions: tuple[Opinion, ...]
    powers: Array
    offset: Array

    def log_probabilities(self, rows: Array) -> Array:
        """Return (n, K) logarithms of probabilities of standardised rows (n, A)."""
        total = np.tile(self.offset, (len(rows), 1))
        for opinion, power in zip(self.opinions, self.powers, strict=True):
            if power:
                total += power * opinion.log_probabilities(rows)
        return log_softmax(total)


class OpinionReport(NamedTuple):
    """What an opinion was worth on this data.

    Attributes:
        name: of it.
        power: that its probabilities are raised to.
        usual: the power's mean before the evidence; the power of an opinion that is taught by the
            others, for which no labels are held out.
        error: share of wrong labels that were held out from it, or None.
    """

    name: str
    power: float
    usual: float
    error: float | None


def usual_powers(labels: Array, names: tuple[str, ...]) -> Array:
    """Return the mean of each power before the evidence, (M,), for labels (L,)."""
    counts = np.bincount(labels)
    counts = counts[counts > 0]
    size = np.log(counts.mean() / 5)
    differ = float(counts.max() - counts.min() > 1)
    means = [PRIOR[n].level + PRIOR[n].slope * size + PRIOR[n].random * differ for n in names]
    return np.maximum(means, 0)


def fit_powers(logs: Array, labels: Array, usual: Array, deviation: float = DEVIATION) -> Array:
    """Fit the powers of opinions on rows whose labels were held out from them.

    Maximises the likelihood of ``p(k) ~ prod_m p_m(k)^a_m`` times the prior
    ``a_m ~ N(usual_m, deviation^2)``, ``a_m >= 0``: a concave function.

    Args:
        logs: (M, L, K) logarithms of probabilities.
        labels: (L,) in ``0 .. K - 1``.
        usual: (M,) means of the prior.
        deviation: of the prior.

    Returns:
        (M,) powers.
    """
    given = np.eye(logs.shape[2])[labels]

    def loss(powers: Array) -> tuple[float, Array]:
        pooled = log_softmax(np.tensordot(powers, logs, axes=1))
        away = (powers - usual) / deviation
        slopes = ((np.exp(pooled) - given) * logs).sum(axis=(1, 2))
        return -(pooled * given).sum() + np.square(away).sum() / 2, slopes + away / deviation

    start = np.maximum(usual, 1e-6)
    bounds = [(0, None)] * len(usual)
    found: Array = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return found


def pooled_held_out(evidence: Mapping[str, Evidence], labels: Array, folds: Array) -> Array:
    """Return (L, K) logarithms of the pool's probabilities of labels held out from all of it.

    The powers for a fold are fitted to the labels of the others.
    """
    usual = usual_powers(labels, tuple(evidence))
    logs = np.stack([found.held_out for found in evidence.values()])
    pooled = np.empty(logs.shape[1:])
    for fold in np.unique(folds):
        held = folds == fold
        powers = fit_powers(logs[:, ~held], labels[~held], usual)
        pooled[held] = log_softmax(np.tensordot(powers, logs[:, held], axes=1))
    return pooled
