"""The sharpness of losses whose maximum in the box is known."""

import pytest
import torch
from torch import Tensor

from convergan.metrics import sharpness


def chance() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def box_of(weights: Tensor, dimensions: int, epsilon: float) -> tuple[Tensor, Tensor]:
    """The subspace that `sharpness` draws, and the half width of its box, by the formula."""
    basis = torch.randn(len(weights), dimensions, generator=chance()).to(weights)
    return basis, epsilon * ((torch.linalg.pinv(basis) @ weights).abs() + 1)


def test_a_plane_is_highest_in_a_corner() -> None:
    weights = torch.linspace(-1, 2, 40, dtype=torch.float64)
    slope = torch.linspace(3, -2, 40, dtype=torch.float64)
    found = sharpness(
        lambda x: 50 + slope @ x, weights, epsilon=0.01, dimensions=6, chance=chance()
    )
    basis, half_width = box_of(weights, 6, 0.01)
    first = 50 + float(slope @ weights)
    rise = float((slope @ basis).abs() @ half_width)
    highest = 100 * rise / (1 + first)
    assert 0.99 * highest < found <= highest * (1 + 1e-9)


def test_a_bowl_is_highest_in_the_farthest_corner() -> None:
    weights = torch.zeros(30, dtype=torch.float64)
    scale = torch.linspace(1, 9, 30, dtype=torch.float64)

    def bowl(x: Tensor) -> Tensor:
        return (scale * x.square()).sum() + x.sum() / 1e6  # the middle is no stationary point

    found = sharpness(bowl, weights, epsilon=0.1, dimensions=3, chance=chance())
    basis, half_width = box_of(weights, 3, 0.1)
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 3)
    corners = [float(bowl(basis @ (sign * half_width))) for sign in signs]
    assert 0.8 * max(corners) < found / 100 <= max(corners) * (1 + 1e-9)


def test_a_steeper_bowl_is_sharper_and_a_flat_loss_is_not_sharp() -> None:
    weights = torch.ones(20)

    def of(steepness: float) -> float:
        return sharpness(
            lambda x: steepness * (x - 1).square().sum() + 0 * x.sum() + 1e-3 * x.sum(),
            weights,
            epsilon=1e-3,
            dimensions=10,
            chance=chance(),
        )

    assert of(100.0) > of(10.0) > of(1.0) > 0
    flat = sharpness(
        lambda x: 0 * x.sum() + 2, weights, epsilon=1e-3, dimensions=10, chance=chance()
    )
    assert flat == 0


@pytest.mark.parametrize(
    ("epsilon", "dimensions", "message"),
    [(0.0, 1, "epsilon must be above 0"), (1e-3, 0, "from 1 to 4"), (1e-3, 5, "from 1 to 4")],
)
def test_a_box_without_a_size_is_refused(epsilon: float, dimensions: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sharpness(torch.sum, torch.ones(4), epsilon=epsilon, dimensions=dimensions, chance=chance())
