"""How frequent the classes are: in the labels, alike, or as unlabelled rows have them.

Labels that were drawn class by class say nothing of it. A classifier that is wrong on a tenth of
either class finds a tenth of the rare class at least, however rare it is; what is known of its
errors corrects that (Buck & Gart, 1966; Lipton et al., 2018, "Detecting and Correcting for Label
Shift with Black Box Predictors"). A few labels cannot tell a share of 1 % from none, so an estimate
never goes below what the labels prove, nor so far that labels which were predicted right would not
be any more.
"""

from typing import NamedTuple

import numpy as np

from .checks import Array

DRAWS = 60
ROUNDS = 200
CAUTION = 3.0
"""The estimate counts where its squared distance from what is known is more than so many times its
variance, and as far as it is more."""
LEAST_LABELS = 5
"""Of every class, for an estimate."""
STAGES = 21
"""Of the way back to uniform shares."""
PRIORS = ("auto", "labels", "uniform", "unlabeled")


class ClassShares(NamedTuple):
    """Shares of the classes.

    Attributes:
        shares: (K,) with sum 1.
        deviation: (K,) of an estimate from unlabelled rows; zeros where there is none.
        source: ``labels``, ``uniform`` or ``unlabeled``.
    """

    shares: Array
    deviation: Array
    source: str


def choose_shares(
    class_prior: str,
    labels: Array,
    num_classes: int,
    tested: Array,
    held_out: Array,
    unlabeled: Array,
    seed: int,
) -> ClassShares:
    """Return the class shares that predictions are made for.

    Args:
        class_prior: ``labels``, their shares; ``uniform``; ``unlabeled``, estimated from unlabelled
            rows. ``auto`` begins with the labels' shares where they differ, as they do in a random
            draw, else with uniform ones, and moves to the estimate as far as that is better than
            its own uncertainty.
        labels: (L,) in ``0 .. K - 1``.
        num_classes: K.
        tested: (T,) those of the labels that could be held out.
        held_out: (T, K) their probabilities then.
        unlabeled: (n, K) probabilities of unlabelled rows.
        seed: of the uncertainty's draws.
    """
    counts = np.bincount(labels, minlength=num_classes)
    own, none = label_shares(labels, num_classes), np.zeros(num_classes)
    uniform = np.full(num_classes, 1 / num_classes)
    drawn_at_random = counts.max() - counts.min() > 1
    if class_prior == "labels" or (class_prior == "auto" and drawn_at_random):
        return ClassShares(own, none, "labels")
    missing = len(np.unique(tested)) < num_classes
    if class_prior == "uniform" or missing or not len(unlabeled):
        return ClassShares(uniform, none, "uniform")
    drawn = estimate_shares(tested, held_out, unlabeled, seed)
    mean, deviation = drawn.mean(axis=0), drawn.std(axis=0)
    mean = np.maximum(mean, counts / (len(labels) + len(unlabeled)))
    mean /= mean.sum()
    if class_prior == "unlabeled":
        return ClassShares(mean, deviation, "unlabeled")
    away = float(np.square(mean - uniform).sum())
    trust = 1 - CAUTION * float(np.square(deviation).sum()) / max(away, 1e-12)
    if trust <= 0 or counts.min() < LEAST_LABELS:
        return ClassShares(uniform, none, "uniform")
    shares = _keep_labels(uniform + trust * (mean - uniform), tested, held_out)
    return ClassShares(shares, deviation, "unlabeled")


def _keep_labels(shares: Array, labels: Array, held_out: Array) -> Array:
    """Bring shares nearer to uniform until most labels are predicted as they are with uniform ones.

    Of each class, half of the labels that are predicted right with uniform shares still are.

    Args:
        shares: (K,), none of them 0.
        labels: (L,) in ``0 .. K - 1``.
        held_out: (L, K) their probabilities for uniform shares.
    """
    evidence = np.log(np.maximum(held_out, np.finfo(held_out.dtype).tiny))
    right = evidence.argmax(axis=1) == labels
    before = np.bincount(labels[right], minlength=len(shares))
    for power in np.linspace(1, 0, STAGES):
        still = right & ((evidence + power * np.log(shares)).argmax(axis=1) == labels)
        if (2 * np.bincount(labels[still], minlength=len(shares)) >= before).all():
            break
    nearer: Array = shares**power / (shares**power).sum()
    return nearer


def label_shares(labels: Array, num_classes: int) -> Array:
    """Return the classes' shares of labels (L,), with one label more of each."""
    counts = np.bincount(labels, minlength=num_classes) + 1.0
    found: Array = counts / counts.sum()
    return found


def estimate_shares(labels: Array, held_out: Array, unlabeled: Array, seed: int) -> Array:
    """Estimate the classes' shares of unlabelled rows.

    The mean probabilities of the unlabelled rows are a mixture of those of each class, which the
    held-out labels, and one row more that is like the mixture, show. Its weights have the most
    likelihood; weights of these rows are drawn anew (the Bayesian bootstrap, Rubin, 1981) to see
    how uncertain they are.

    Args:
        labels: (L,) in ``0 .. K - 1``, one of each class at least.
        held_out: (L, K) probabilities of these rows, of a classifier that had not seen the labels.
        unlabeled: (n, K) probabilities of unlabelled rows.
        seed: of the draws.

    Returns:
        (`DRAWS`, K) shares; rows sum to 1.
    """
    chance = np.random.default_rng(seed)
    classes = held_out.shape[1]
    mixed = unlabeled.mean(axis=0)
    drawn = chance.exponential(size=(DRAWS, 1, len(labels))) * np.eye(classes)[labels].T
    unknown = chance.exponential(size=(DRAWS, classes, 1))
    means = drawn @ held_out + unknown * mixed
    means /= drawn.sum(axis=2, keepdims=True) + unknown
    shares = np.full((DRAWS, classes), 1 / classes)
    for _ in range(ROUNDS):
        expected = np.einsum("dk,dkj->dj", shares, means)
        shares *= np.einsum("dkj,dj->dk", means, mixed / np.maximum(expected, 1e-12))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
