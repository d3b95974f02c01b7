import numpy as np
import torch

from convergan.objectives import consistency_loss
from tests.oracles import draw


def test_loss_is_the_mean_squared_distance_of_probabilities() -> None:
    logits, targets = draw(5, 3), draw(5, 3, seed=1).softmax(dim=1)
    total = 0.0
    for row, target in zip(logits.numpy(), targets.numpy(), strict=True):
        p = np.exp(row) / np.exp(row).sum()
        total += sum((a - b) ** 2 for a, b in zip(p, target, strict=True))
    loss = consistency_loss(logits, targets)
    assert abs(loss.item() - total / 5) < 1e-12


def test_loss_lies_between_agreement_and_opposite_certainty() -> None:
    sure = torch.tensor([[1e4, 0.0]])
    assert consistency_loss(sure, torch.tensor([[1.0, 0.0]])).item() == 0
    assert consistency_loss(sure, torch.tensor([[0.0, 1.0]])).item() == 2


def test_targets_receive_no_gradient_and_logits_the_right_one() -> None:
    logits, targets = draw(4, 3).requires_grad_(), draw(4, 3, seed=1).requires_grad_()
    consistency_loss(logits, targets).backward()  # type: ignore[no-untyped-call]
    assert targets.grad is None
    assert torch.autograd.gradcheck(consistency_loss, (logits, targets.detach()))
