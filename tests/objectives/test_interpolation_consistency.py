import pytest
import torch
from torch import Tensor

from convergan.objectives import consistency_loss, interpolate, interpolation_consistency
from tests.oracles import draw


def test_every_mixed_row_lies_between_two_rows_with_its_target_at_the_same_share() -> None:
    rows = torch.eye(6, dtype=torch.float64).view(6, 1, 2, 3)
    mixed, targets = interpolate(
        rows, torch.eye(6, dtype=torch.float64), torch.Generator().manual_seed(0)
    )
    assert mixed.shape == rows.shape
    torch.testing.assert_close(mixed.flatten(1), targets)  # rows are their own targets here
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(6, dtype=torch.float64))
    assert bool((targets.diagonal() > 0).all())
    assert int((targets > 0).sum(dim=1).max()) == 2


def stated(words: str) -> bool:
    return words in " ".join((interpolation_consistency.__doc__ or "").split())


def released_loss(logits: Tensor, mixed_teacher_logits: Tensor) -> Tensor:
    """The squared difference of two softmaxes, the mean over rows and classes."""
    return (logits.softmax(dim=1) - mixed_teacher_logits.softmax(dim=1)).square().mean()


def test_the_released_loss_is_a_kth_of_ours() -> None:
    logits, teacher = draw(6, 10), draw(6, 10, seed=1)
    ours = consistency_loss(logits, teacher.softmax(dim=1))
    assert ours.item() == pytest.approx(10 * released_loss(logits, teacher).item(), rel=1e-12)
    assert stated("a tenth of ours for ten classes")


def test_mixed_logits_are_nearly_the_nearer_row_s_where_mixed_probabilities_are_not() -> None:
    teacher = 10 * torch.eye(10, dtype=torch.float64)[:2]
    share = torch.tensor([0.75, 0.25], dtype=torch.float64)
    assert (share @ teacher.softmax(dim=1))[:2].tolist() == pytest.approx([0.750, 0.250], abs=5e-4)
    assert (share @ teacher).softmax(dim=0)[:2].tolist() == pytest.approx([0.989, 0.007], abs=5e-4)
    assert stated("its target is 0.989 and 0.007 where ours is 0.750 and 0.250")


def test_shares_are_drawn_row_by_row_and_one_row_of_a_batch_meets_itself() -> None:
    chance = torch.Generator().manual_seed(0)
    rows = torch.stack([torch.arange(100.0), torch.zeros(100)], dim=1).double()
    means, themselves = [], []
    for _ in range(1000):
        mixed, targets = interpolate(rows, torch.eye(100, dtype=torch.float64), chance)
        assert bool((mixed[:, 1] == 0).all())
        own = targets.diagonal()
        alone = own == 1
        means.append(own[~alone].mean())
        themselves.append(alone.sum().item())
    assert torch.stack(means).std().item() == pytest.approx(0.029, abs=0.002)
    assert 1 / 12**0.5 == pytest.approx(0.289, abs=5e-4)  # of one uniform share
    assert sum(themselves) / 1000 == pytest.approx(1, abs=0.1)
    assert stated("deviates by 0.289 there and 0.029 here")
