import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics.image.inception import InceptionScore as TheirScore

from convergan.metrics import InceptionSums, inception_score
from convergan.metrics.streaming import InceptionScore
from tests import oracles
from tests.metrics.streaming.networks import SmallNetwork, images

LOGITS = oracles.draw(47, 6)


def of_turns(logits: Tensor, splits: int) -> tuple[float, float]:
    """Mean and population deviation of the scores of rows s, s + S, s + 2 S and so on."""
    parts = [inception_score(logits=logits[s::splits], splits=1).mean for s in range(splits)]
    return oracles.mean(parts), oracles.deviation(parts)


def batched(metric: Any, logits: Tensor, sizes: list[int]) -> Any:
    for part in torch.split(logits, sizes):
        metric.update(part)
    return metric


@pytest.mark.parametrize("sizes", [[47], [1] * 47, [20, 3, 24], [9, 38]])
@pytest.mark.parametrize("splits", [1, 4, 10])
def test_row_i_goes_to_split_i_modulo_s_whatever_the_batches(splits: int, sizes: list[int]) -> None:
    found = batched(InceptionScore(num_classes=6, splits=splits), LOGITS, sizes).compute()
    mean, std = of_turns(LOGITS, splits)
    assert float(found.mean) == pytest.approx(mean, rel=1e-12)
    assert float(found.std) == pytest.approx(std, rel=1e-9, abs=1e-15)


def test_one_split_has_the_bits_of_the_exact_score_in_any_order() -> None:
    exact = inception_score(logits=LOGITS, splits=1).mean
    found = batched(InceptionScore(num_classes=6, splits=1), LOGITS.flip(0), [13, 34]).compute()
    assert float(found.mean) == exact and float(found.std) == 0


def test_even_splits_are_those_of_the_exact_score_of_rows_in_turns() -> None:
    rows = LOGITS[:40]
    sums = InceptionSums(40, 4, 6)
    sums.update(0, logits=torch.cat([rows[s::4] for s in range(4)]))
    found = batched(InceptionScore(num_classes=6, splits=4, correction=1), rows, [7, 33]).compute()
    exact = sums.score(correction=1)
    assert (float(found.mean), float(found.std)) == (exact.mean, exact.std)


@pytest.mark.parametrize("splits", [1, 3])
def test_forward_gives_the_score_of_its_batch_and_adds_it(splits: int) -> None:
    metric = InceptionScore(num_classes=6, splits=splits)
    for part in torch.split(LOGITS, 8):
        assert float(metric(part).mean) == pytest.approx(of_turns(part, splits)[0], rel=1e-12)
    assert float(metric.compute().mean) == pytest.approx(of_turns(LOGITS, splits)[0], rel=1e-12)
    mixed = InceptionScore(num_classes=6, splits=splits)
    mixed.update(LOGITS[:8])
    mixed(LOGITS[8:16])
    mixed.update(LOGITS[16:])
    assert mixed.compute() == metric.compute()


def test_a_saved_score_goes_on_at_the_split_after_its_last() -> None:
    metric = InceptionScore(num_classes=6, splits=5)
    metric.persistent(True)
    metric.update(LOGITS[:13])
    loaded = InceptionScore(num_classes=6, splits=5)
    loaded.persistent(True)
    loaded.load_state_dict(copy.deepcopy(metric.state_dict()))
    loaded.update(LOGITS[13:])
    assert float(loaded.compute().mean) == pytest.approx(of_turns(LOGITS, 5)[0], rel=1e-12)


def test_probabilities_are_taken_where_they_are_promised() -> None:
    metric = InceptionScore(num_classes=6, splits=2, probabilities=True)
    metric.update(LOGITS.softmax(dim=1))
    assert float(metric.compute().mean) == pytest.approx(of_turns(LOGITS, 2)[0], rel=1e-12)
    with pytest.raises(ValueError, match="^probabilities must not be negative"):
        metric.update(LOGITS)


@pytest.mark.filterwarnings("ignore:Metric .* will save all extracted features")
@pytest.mark.filterwarnings("ignore:std")
def test_one_split_of_a_network_is_torchmetrics_score() -> None:
    network = SmallNetwork().eval().double()
    theirs, ours = TheirScore(network, splits=1), InceptionScore(network, num_classes=12, splits=1)
    for part in torch.split(images(60, seed=2), 25):
        theirs.update(part)
        ours.update(part)
    with torch.random.fork_rng(devices=[]):  # it shuffles by the global generator
        mean = float(theirs.compute()[0])
    assert float(ours.compute()) == pytest.approx(mean, rel=1e-9)
    assert mean > 1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="^splits must be 1 or more, got 0$"):
        InceptionScore(num_classes=6, splits=0)
    with pytest.raises(ValueError, match="^correction must be 0 with 1 splits, got 1$"):
        InceptionScore(num_classes=6, splits=1, correction=1)
    metric = InceptionScore(num_classes=6)
    metric.update(LOGITS[:9])
    with pytest.raises(ValueError, match="^splits must be at most the 9 rows, got 10$"):
        metric.compute()
