import math

import pytest
import torch

from convergan.metrics import inception_score, score_contributions, select_best
from tests import oracles


def slow_contributions(probabilities: oracles.Array) -> list[float]:
    """KL(p(y|x) || p(y)) of each row."""
    count, classes = probabilities.shape
    marginal = [oracles.mean([float(row[k]) for row in probabilities]) for k in range(classes)]
    return [
        sum(float(p) * math.log(p / q) for p, q in zip(row, marginal, strict=True) if p > 0)
        for row in probabilities
    ]


def test_contributions_are_those_of_the_slow_loop() -> None:
    logits = 3 * oracles.draw(40, 6)
    probabilities = logits.softmax(dim=1)
    expected = torch.tensor(slow_contributions(probabilities.numpy()), dtype=torch.float64)
    for found in (
        score_contributions(logits=logits),
        score_contributions(probabilities=probabilities),
    ):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_the_exponential_of_their_mean_is_the_score_in_one_split() -> None:
    logits = oracles.draw(500, 1008).float()  # more than a chunk
    score = inception_score(logits=logits, splits=1).mean
    assert float(score_contributions(logits=logits).mean().exp()) == pytest.approx(score, rel=1e-12)


def test_a_sure_row_of_a_rare_class_contributes_most() -> None:
    probabilities = torch.eye(3, dtype=torch.float64)[[0] * 6 + [1] * 3 + [2]]
    found = score_contributions(probabilities=probabilities)
    expected = -torch.tensor([0.6] * 6 + [0.3] * 3 + [0.1], dtype=torch.float64).log()
    torch.testing.assert_close(found, expected)
    assert select_best(found).tolist() == [9]


def test_a_class_that_no_row_has_contributes_nothing() -> None:
    rows = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    assert torch.equal(
        score_contributions(probabilities=rows), score_contributions(probabilities=rows[:, :2])
    )


def test_contributions_stay_finite_where_probabilities_underflow() -> None:
    logits = 1e308 * torch.eye(3, dtype=torch.float64) - 5e307
    assert score_contributions(logits=logits).tolist() == pytest.approx([math.log(3)] * 3)


@pytest.mark.parametrize(
    ("rows", "fraction", "chosen"), [(5, 0.01, 1), (99, 0.01, 1), (700, 0.01, 7), (100, 0.29, 29)]
)
def test_a_fraction_is_rounded_to_whole_rows_and_at_least_one(
    rows: int, fraction: float, chosen: int
) -> None:
    contributions = torch.arange(float(rows)).flip(0)
    assert select_best(contributions, fraction).tolist() == list(range(chosen))


def test_the_best_come_first_and_equals_in_their_order() -> None:
    contributions = torch.tensor([0.0, 3.0, 1.0, 3.0, 2.0])
    assert select_best(contributions, 1.0).tolist() == [1, 3, 4, 2, 0]


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, math.nan])
def test_a_fraction_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="^fraction must be above 0 and at most 1, got "):
        select_best(torch.ones(3), fraction)


def test_contributions_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"N of 1 or more, got \(0,\)$"):
        select_best(torch.ones(0))
    with pytest.raises(ValueError, match="must be finite, row 1 is not$"):
        select_best(torch.tensor([0.0, math.nan]))
    with pytest.raises(ValueError, match="either probabilities or logits, got neither$"):
        score_contributions()
