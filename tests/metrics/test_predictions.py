"""Bits of a row must not tell where it was: in which batch, block, layout or thread."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from convergan.metrics import InceptionSums, inception_score
from convergan.metrics.predictions import likelihoods
from tests import oracles

CLASSES = (1, 2, 10, 15, 16, 1000, 1008)


def taken(rows: Tensor, *, given_logits: bool) -> Tensor:
    """``p`` and the certainty of each row, (N, K + 1)."""
    parts = []
    for p, certainty in likelihoods(rows, given_logits=given_logits):
        kept = p[: len(certainty), : rows.shape[1]]
        parts.append(torch.cat([kept, certainty[:, None]], dim=1))
    return torch.cat(parts)


def given(classes: int, dtype: torch.dtype, *, logits: bool, rows: int = 150) -> Tensor:
    drawn = 6 * oracles.draw(rows, classes, seed=classes)
    return (drawn if logits else drawn.softmax(dim=1)).to(dtype)


@pytest.mark.slow
@pytest.mark.parametrize("logits", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", CLASSES)
def test_a_row_has_the_same_bits_wherever_it_is(
    classes: int, dtype: torch.dtype, logits: bool
) -> None:
    rows = given(classes, dtype, logits=logits)
    expected = taken(rows, given_logits=logits)
    for size in (1, 3, 7, 15, 64, 65, 129):
        parts = [taken(part, given_logits=logits) for part in torch.split(rows, size)]
        assert torch.equal(torch.cat(parts), expected)
    across = rows.T.contiguous().T
    every_other = torch.stack([rows, rows], dim=2)[:, :, 0]
    for layout in (across, every_other):
        assert torch.equal(taken(layout, given_logits=logits), expected)
    assert torch.equal(taken(rows.flip(0), given_logits=logits).flip(0), expected)


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("logits", [True, False])
@pytest.mark.parametrize("classes", [2, 10, 1008])
def test_a_row_has_the_same_bits_with_several_threads(
    classes: int, logits: bool, three_threads: None
) -> None:
    rows = given(classes, torch.float32, logits=logits, rows=200)
    several = taken(rows, given_logits=logits)
    torch.set_num_threads(1)
    assert torch.equal(taken(rows, given_logits=logits), several)


@pytest.mark.parametrize("logits", [True, False])
@pytest.mark.parametrize("classes", CLASSES)
def test_likelihoods_are_those_of_the_softmax(classes: int, logits: bool) -> None:
    rows = given(classes, torch.float64, logits=logits)
    p = rows.softmax(dim=1) if logits else rows
    found = taken(rows, given_logits=logits)
    torch.testing.assert_close(found[:, :-1], p, rtol=1e-14, atol=0)
    torch.testing.assert_close(found[:, -1], torch.xlogy(p, p).sum(dim=1), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("classes", [3, 1008])
def test_what_a_block_had_before_does_not_matter(classes: int) -> None:
    """A last block of few rows after a full one, of values that are far from the others."""
    rows = torch.cat([given(classes, torch.float64, logits=True, rows=64), torch.zeros(5, classes)])
    rows[:64] *= 1e300
    expected = taken(torch.zeros(5, classes), given_logits=True)
    assert torch.equal(taken(rows, given_logits=True)[64:], expected)


@pytest.mark.parametrize("scale", [1e2, 1e5, 1e38])
def test_large_logits_in_float32_are_those_in_float64(scale: float) -> None:
    rows = (scale * (2 * oracles.draw(40, 1008).sigmoid() - 1)).float()
    found = taken(rows, given_logits=True)
    assert bool(found.isfinite().all())
    assert torch.equal(found, taken(rows.double(), given_logits=True))


@pytest.mark.parametrize("classes", [2, 9, 1008])
def test_marginals_are_exact_sums_of_probabilities_cut_to_the_unit(classes: int) -> None:
    rows = given(classes, torch.float64, logits=False, rows=37)
    sums = InceptionSums(37, 1, classes)
    sums.update(0, probabilities=rows)
    for k in (0, classes - 1):
        units = sum(int(Fraction(p) * 2**58) for p in rows[:, k].tolist())
        assert float(sums.marginals()[0, k]) == pytest.approx(units / 37 / 2**58, rel=1e-15)


@pytest.mark.parametrize("power", [-50, -53, -56, -58, -59, -63, -80])
def test_a_thousand_classes_below_the_unit_move_the_score_by_less_than_the_bound(
    power: int,
) -> None:
    """Rows that agree have score 1; all roundings are to the same side."""
    rows = torch.full((40, 1008), 0.999 * 2.0**power, dtype=torch.float64)
    rows[:, 0] = 1 - rows[:, 1:].sum(dim=1)
    score = inception_score(probabilities=rows, splits=1).mean
    assert abs(score - 1) < 1.5e-16 * 1009 + 1e-15
