import pytest
import torch
from torch import Tensor

from convergan.data import upright


def spots(count: int, side: int = 24) -> Tensor:
    """Smooth leaning strokes off the middle, (count, 1, side, side), with room around them."""
    chance = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(*[torch.arange(float(side)) - side / 2] * 2, indexing="ij")
    dy, dx, lean = (4 * torch.rand(3, count, 1, 1, generator=chance) - 2).unbind()
    along, beside = y - dy, (x - dx) - lean / 3 * (y - dy)
    return torch.exp(-along.square() / 14 - beside.square() / 3)[:, None]


def moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """Centre of mass (N, 2) in pixels from the middle, and covariance of row and column (N,)."""
    side = images.shape[-1]
    place = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    mass = images.double().mean(dim=1)
    mass = mass / mass.sum(dim=(1, 2), keepdim=True)
    down, across = mass.sum(dim=2) @ place, mass.sum(dim=1) @ place
    together = torch.einsum("nhw,h,w->n", mass, place, place) - down * across
    return torch.stack([down, across], dim=1), together


def test_mass_is_in_the_middle_and_does_not_lean() -> None:
    images = spots(20)
    centre, together = moments(images)
    assert centre.abs().max().item() > 1.5 and together.abs().max().item() > 2
    centre, together = moments(upright(images))
    assert centre.abs().max().item() < 0.05 and together.abs().max().item() < 0.2


def test_a_moved_and_sheared_copy_becomes_the_same_image() -> None:
    y, x = torch.meshgrid(*[torch.arange(24.0) - 12] * 2, indexing="ij")
    straight = torch.exp(-y.square() / 14 - x.square() / 3)
    leaning = torch.exp(-(y - 1).square() / 14 - (x + 2 - 0.5 * (y - 1)).square() / 3)
    both = upright(torch.stack([straight, leaning])[:, None])
    assert (both[0] - both[1]).abs().max().item() < 0.05


def test_upright_images_stay_nearly_as_they_are() -> None:
    images = upright(spots(5))
    assert (upright(images) - images).abs().max().item() < 0.05


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_black_image_stays_black_and_sizes_stay(dtype: torch.dtype) -> None:
    given = torch.zeros(2, 3, 5, 9, dtype=dtype)
    given[1, :, 2, 4] = 1
    found = upright(given)
    assert found.shape == given.shape and found.dtype == torch.float32
    assert found[0].abs().max().item() == 0 < found[1].max().item()


def test_channels_move_together() -> None:
    images = spots(3)
    colours = upright(torch.cat([images, 0.5 * images], dim=1))
    torch.testing.assert_close(colours[:, 1], 0.5 * colours[:, 0])


def test_bytes_become_levels_of_the_unit_range() -> None:
    images = (255 * spots(3)).to(torch.uint8)
    before = images.clone()
    assert upright(images).equal(upright(images.float() / 255)) and images.equal(before)
