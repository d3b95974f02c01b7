from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from convergan.data import nearest_neighbors, oriented_gradients, tangent_neighbors
from convergan.data.tangent_distance import WAYS, _plane_distances, _whiten
from tests import oracles

SEARCH = partial(tangent_neighbors, descriptor=oriented_gradients, stiffness=0.5)


def strokes(count: int, height: int = 8, width: int = 11, *, seed: int = 0) -> Tensor:
    """Smooth spots at random places, (count, 1, H, W) in [0, 1]."""
    chance = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.rand(count, 2, 2, 1, 1, generator=chance) * torch.tensor([height, width]).view(
        2, 1, 1
    )
    squares = (torch.stack([y, x]) - places).square().sum(dim=2)
    return torch.exp(-squares / 6).sum(dim=1, keepdim=True).clamp(max=1)


@pytest.mark.parametrize("chunk_size", [4, 500])
def test_distances_are_those_of_least_squares_on_planes_of_slowly_deformed_images(
    chunk_size: int,
) -> None:
    images = strokes(10)
    points = oriented_gradients(images).double().numpy()
    tangents = (
        np.stack(
            [
                np.stack(
                    [described(image, way, 1.0) - described(image, way, -1.0) for way in range(12)]
                )
                for image in images[:, 0].double().numpy()
            ]
        )
        / 2
    )
    found = SEARCH(images, 9, candidates=9, components=points.shape[1], chunk_size=chunk_size)
    for row in range(10):
        expected = {
            other: oracles.plane_distance(
                points[row], tangents[row], points[other], tangents[other], 0.5
            )
            for other in range(10)
            if other != row
        }
        order = sorted(expected, key=lambda other: expected[other])
        assert found.indices[row].tolist() == order
        np.testing.assert_allclose(
            found.squared_distances[row].numpy(), [expected[o] for o in order], rtol=1e-3
        )


def described(image: np.ndarray, way: int, pixels: float) -> np.ndarray:
    moved = torch.from_numpy(oracles.deformed(image, way, pixels))
    return oriented_gradients(moved[None, None])[0].numpy()


def test_planes_are_nearer_than_points_and_no_nearer_where_nothing_may_bend() -> None:
    images = strokes(12)
    plain = nearest_neighbors(oriented_gradients(images), 11, components=16)
    soft, stiff = (
        SEARCH(images, 11, candidates=11, components=16, stiffness=stiffness)
        for stiffness in (0.1, 1e9)
    )
    assert stiff.indices.equal(plain.indices)
    torch.testing.assert_close(
        stiff.squared_distances, plain.squared_distances, rtol=1e-3, atol=1e-3
    )
    assert bool((soft.squared_distances < plain.squared_distances).all())


def test_distances_are_the_same_both_ways() -> None:
    found = SEARCH(strokes(8), 7, candidates=7)
    between = torch.zeros(8, 8).scatter(1, found.indices, found.squared_distances)
    torch.testing.assert_close(between, between.T, rtol=1e-3, atol=1e-4)


def test_a_moved_copy_is_nearer_than_another_image() -> None:
    images = torch.nn.functional.pad(strokes(30, 10, 10), (2, 2, 2, 2))
    both = torch.cat([images, images.roll((0, 2), dims=(2, 3))])
    copies = (torch.arange(60) + 30) % 60
    plain = nearest_neighbors(oriented_gradients(both), 1).indices.flatten()
    found = SEARCH(both, 1, candidates=20).indices.flatten()
    assert (found == copies).sum() > (plain == copies).sum()


def test_bytes_and_colours_are_welcome_and_stay_as_they_are() -> None:
    images = (255 * strokes(6)).to(torch.uint8).expand(-1, 3, -1, -1).contiguous()
    before = images.clone()
    found, of_floats = (SEARCH(i, 2, candidates=5) for i in (images, images.float() / 255))
    assert found.indices.equal(of_floats.indices) and images.equal(before)


def test_few_images_are_all_candidates() -> None:
    few, as_many = (SEARCH(strokes(6), 2, candidates=number) for number in (40, 5))
    assert few.indices.equal(as_many.indices)


@pytest.mark.parametrize(("count", "candidates", "most"), [(6, 40, 5), (4, 3, 3), (0, 3, 3)])
def test_more_neighbors_than_candidates_are_refused(count: int, candidates: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"count must be between 1 and {most}, got {count}"):
        SEARCH(strokes(6), count, candidates=candidates)


@pytest.mark.parametrize("stiffness", [0.0, -1.0, float("nan")])
def test_planes_without_stiffness_are_refused(stiffness: float) -> None:
    with pytest.raises(ValueError, match=f"stiffness must be positive, got {stiffness}"):
        SEARCH(strokes(6), 2, stiffness=stiffness)


@pytest.mark.parametrize("stiffness", [1e-3, 0.5, 100.0])
def test_twelve_equations_give_what_all_twenty_four_do(stiffness: float) -> None:
    chance = torch.Generator().manual_seed(0)
    points = torch.randn(9, 30, generator=chance)
    tangents = torch.randn(9, WAYS, 30, generator=chance) * torch.logspace(1, -2, WAYS)[:, None]
    tangents[4] = 0  # a black image
    rows, others = torch.arange(3), torch.tensor([[4, 5, 6, 7], [8, 4, 5, 2], [0, 3, 1, 7]])
    gaps = (points[others] - points[rows, None]).square().sum(dim=2)
    planes = _whiten(points, tangents, stiffness)
    found = _plane_distances(planes, rows, others, gaps)
    for row, other, distance in zip(
        rows.repeat_interleave(4).tolist(), others.flatten().tolist(), found.flatten(), strict=True
    ):
        h, t = points.double().numpy(), tangents.double().numpy()
        expected = oracles.plane_distance(h[row], t[row], h[other], t[other], stiffness)
        assert distance.item() == pytest.approx(expected, rel=1e-4, abs=1e-3)
