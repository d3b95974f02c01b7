"""Points in the plane whose modes are known."""

import pytest
import torch

from convergan.data import load
from convergan.data.toy import grid_centres, mixture_of_gaussians, ring_centres


def test_the_ring_has_eight_modes_at_distance_one() -> None:
    dataset = load("ring")
    assert dataset.row_shape == (2,) and len(dataset.classes) == 8
    assert len(dataset.train.labels) == 16_000 and len(dataset.test.labels) == 4_000
    for mode in range(8):
        centre = dataset.train.images[dataset.train.labels == mode].mean(dim=0)
        angle = torch.tensor(mode * torch.pi / 4)
        assert torch.allclose(centre, torch.stack([angle.cos(), angle.sin()]), atol=0.01)


def test_the_grid_has_twenty_five_modes_two_apart() -> None:
    dataset = load("grid")
    assert dataset.row_shape == (2,) and len(dataset.classes) == 25
    between = torch.cdist(grid_centres(), grid_centres()) + 9 * torch.eye(25)
    assert between.min(dim=1).values.tolist() == [2.0] * 25
    assert grid_centres().mean(dim=0).tolist() == [0, 0]
    away = dataset.train.images[:] - grid_centres()[dataset.train.labels]
    assert away.std().item() == pytest.approx(0.05, rel=0.02)


def test_points_of_a_mixture_depend_on_name_and_seed_alone() -> None:
    (points, modes), (again, _), (other, _), (named, _) = (
        mixture_of_gaussians(name, ring_centres(), 50, seed=seed)
        for name, seed in (("ring", 1), ("ring", 1), ("ring", 2), ("round", 1))
    )
    assert torch.equal(points, again)
    assert not torch.equal(points, other) and not torch.equal(points, named)
    assert points.shape == (50, 2) and points.dtype == torch.float32 and modes.dtype == torch.int64
