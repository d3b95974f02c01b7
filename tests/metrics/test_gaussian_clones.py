"""Clones have the moments that they keep, and no others."""

import pytest
import torch
from torch import Tensor

from convergan.metrics import Moments, gaussian_clones


def chance() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def two_classes() -> tuple[Tensor, Tensor]:
    """4,000 rows of 2 x 2: class 0 spread along one diagonal, class 1 narrow and elsewhere."""
    drawn = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    rows = torch.empty(4000, 4)
    rows[:2000] = drawn[:2000, :1] @ torch.tensor([[2.0, 2.0, 0.0, 0.0]]) + 0.5
    rows[2000:] = 0.1 * torch.cat([drawn[2000:], drawn[2000:].roll(1, 0)], dim=1) - 1
    order = torch.randperm(4000, generator=torch.Generator().manual_seed(1))
    return rows[order].view(-1, 2, 2) / 100, (order >= 2000).long()


@pytest.mark.parametrize("moments", [1, 2])
def test_each_class_has_its_mean_and_with_two_moments_its_covariance(moments: Moments) -> None:
    rows, labels = two_classes()
    wide = torch.cat(
        [rows, torch.tensor([[[-9.0, 9.0], [0, 0]]] * 2)]
    )  # so that nothing is clipped
    clones = gaussian_clones(wide, torch.cat([labels, torch.tensor([2, 2])]), moments, chance())
    assert clones.shape == wide.shape
    for label in (0, 1):
        before, after = (each[: len(rows)][labels == label].flatten(1) for each in (wide, clones))
        scale = float(before.var(dim=0).mean())
        assert torch.allclose(after.mean(0), before.mean(0), atol=5 * (scale / 2000) ** 0.5)
        wanted = torch.cov(before.T) if moments == 2 else scale * torch.eye(4)
        assert torch.allclose(torch.cov(after.T), wanted, atol=0.15 * float(wanted.abs().max()))


def test_clones_of_two_moments_lie_where_the_class_lies() -> None:
    rows = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.25, 0.75]])  # on a line: singular covariance
    clones = gaussian_clones(rows, torch.zeros(3, dtype=torch.int64), 2, chance())
    inside = ((clones > 0) & (clones < 1)).all(dim=1)
    assert bool(inside.any())
    assert torch.allclose(clones[inside].sum(dim=1), torch.ones(int(inside.sum())))


def test_clones_are_clipped_to_the_range_of_the_rows() -> None:
    rows, labels = torch.tensor([[0.0], [1.0]] * 500), torch.zeros(1000, dtype=torch.int64)
    clones = gaussian_clones(rows, labels, 1, chance())
    assert (float(clones.min()), float(clones.max())) == (0, 1)


def test_a_class_of_one_row_is_refused() -> None:
    with pytest.raises(ValueError, match="class 1 has one row"):
        gaussian_clones(torch.zeros(3, 2), torch.tensor([0, 0, 1]), 1, chance())
