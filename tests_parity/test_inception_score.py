"""The inception score of given logits: against the formula in a loop, and torch-fidelity's."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_isc import isc_features_to_metric

from convergan.metrics import InceptionSums, inception_score
from tests_parity.material import Pair


def loop(logits: Sequence[Sequence[float]], splits: int) -> tuple[float, float]:
    """The script of 2016 row by row in float64, and its population deviation."""
    count, scores = len(logits), []
    for i in range(splits):
        predictions = []
        for row in logits[i * count // splits : (i + 1) * count // splits]:
            weights = [math.exp(value - max(row)) for value in row]
            predictions.append([weight / math.fsum(weights) for weight in weights])
        n = len(predictions)
        marginal = [math.fsum(column) / n for column in zip(*predictions, strict=True)]
        divergences = [
            math.fsum(p * math.log(p / q) for p, q in zip(row, marginal, strict=True) if p > 0)
            for row in predictions
        ]
        scores.append(math.exp(math.fsum(divergences) / n))
    mean = math.fsum(scores) / splits
    return mean, math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / splits)


@pytest.mark.parametrize("splits", [1, 10])
def test_score_of_given_logits_is_the_formula_in_a_loop(pair: Pair, splits: int) -> None:
    logits = pair.real.layers["logits_unbiased"]
    mean, std = loop(logits.double().tolist(), splits)
    found = inception_score(logits=logits, splits=splits)
    assert mean > 1.1
    assert found.mean == pytest.approx(mean, rel=1e-12, abs=0)
    assert found.std == pytest.approx(std, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("splits", [1, 5, 10])
def test_score_is_torch_fidelitys_without_its_shuffle(pair: Pair, splits: int) -> None:
    for part in pair:
        logits = part.layers["logits_unbiased"]
        theirs = isc_features_to_metric(logits, splits=splits, shuffle=False)
        found = inception_score(logits=logits, splits=splits)
        assert found.mean == pytest.approx(theirs["inception_score_mean"], rel=1e-12, abs=0)
        assert found.std == pytest.approx(theirs["inception_score_std"], rel=1e-11, abs=1e-13)


def test_score_is_torch_fidelitys_default_on_rows_in_its_order(pair: Pair) -> None:
    logits = pair.real.layers["logits_unbiased"]
    order = torch.from_numpy(np.random.RandomState(2020).permutation(len(logits)))
    theirs = isc_features_to_metric(logits)
    found = inception_score(logits=logits[order])
    assert found.mean == pytest.approx(theirs["inception_score_mean"], rel=1e-12, abs=0)
    assert found.std == pytest.approx(theirs["inception_score_std"], rel=1e-11, abs=0)
    assert found.mean != pytest.approx(inception_score(logits=logits).mean, rel=1e-6)


def test_score_in_batches_of_any_order_is_the_score_of_the_whole(pair: Pair) -> None:
    logits = pair.fake.layers["logits_unbiased"]
    sums = InceptionSums(len(logits), 10, logits.shape[1])
    for first in (32, 0, 64, 48, 16):
        sums.update(first, logits=logits[first : first + 16])
    assert sums.score() == inception_score(logits=logits)


def test_a_class_that_nobody_predicts_leaves_our_score_finite_and_not_torch_fidelitys() -> None:
    logits = certain(torch.arange(20) % 2)
    assert inception_score(logits=logits, splits=2).mean == pytest.approx(2, rel=1e-12)
    assert math.isnan(isc_features_to_metric(logits, splits=2)["inception_score_mean"])


def certain(classes: Tensor) -> Tensor:
    """Logits of three classes, so far apart that the other probabilities are 0 in float64."""
    return 1000.0 * torch.nn.functional.one_hot(classes, 3).float()
