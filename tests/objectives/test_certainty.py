import math

import pytest
import torch

from convergan.objectives import class_imbalance, prediction_entropy
from tests.oracles import draw


def entropy(shares: list[float]) -> float:
    return -sum(share * math.log(share) for share in shares if share)


def test_entropy_is_that_of_each_prediction_averaged() -> None:
    logits = draw(6, 4)
    expected = sum(entropy(row.tolist()) for row in logits.softmax(dim=1)) / 6
    assert prediction_entropy(logits).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("scale", "expected"), [(0.0, math.log(5)), (1e4, 0.0)])
def test_entropy_at_its_limits_has_a_finite_gradient(scale: float, expected: float) -> None:
    logits = (scale * torch.eye(5)).requires_grad_()
    found = prediction_entropy(logits)
    [gradient] = torch.autograd.grad(found, logits)
    assert found.item() == pytest.approx(expected, abs=1e-6)
    assert gradient.abs().max().item() < 1e-6


def test_imbalance_is_of_the_mean_prediction_less_the_slack() -> None:
    logits = draw(6, 4)
    shortfall = math.log(4) - entropy(logits.softmax(dim=1).mean(dim=0).tolist())
    found = class_imbalance(logits, slack=shortfall / 3).item()
    assert found == pytest.approx(shortfall * 2 / 3, rel=1e-6)
    assert class_imbalance(logits, slack=shortfall * 1.001).item() == 0


def test_sure_rows_of_every_class_are_balanced_and_of_one_class_are_not() -> None:
    every, one = 1e4 * torch.eye(3), 1e4 * torch.eye(3)[:1].expand(3, 3)
    assert class_imbalance(every, slack=0.0).item() == pytest.approx(0, abs=1e-6)
    assert class_imbalance(one, slack=0.2).item() == pytest.approx(math.log(3) - 0.2)


def test_the_hinge_takes_the_gradient_of_what_is_balanced_enough() -> None:
    logits = draw(6, 4).requires_grad_()
    [none] = torch.autograd.grad(class_imbalance(logits, slack=5.0), logits)
    [some] = torch.autograd.grad(class_imbalance(logits, slack=0.0), logits)
    assert none.abs().max().item() == 0 < some.abs().max().item()


@pytest.mark.parametrize("slack", [-0.1, math.nan])
def test_a_negative_slack_is_refused(slack: float) -> None:
    with pytest.raises(ValueError, match="slack must not be negative"):
        class_imbalance(draw(2, 3), slack=slack)
