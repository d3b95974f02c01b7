import math

import pytest
import torch
from torch import Tensor

from convergan.data import describe_fast, oriented_gradients
from tests import oracles
from tests.oracles import draw


def images(*shape: int, seed: int = 0) -> Tensor:
    """Uniform float64 numbers in [0, 1)."""
    chance = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=chance, dtype=torch.float64)


def by_cell(descriptors: Tensor, side: int, orientations: int = 8) -> Tensor:
    """(N, A) to (N, orientations, cells down, cells across)."""
    return descriptors.view(-1, orientations, side, side)


@pytest.mark.parametrize(
    ("shape", "orientations", "cell"),
    [((2, 1, 12, 9), 8, 4), ((1, 3, 8, 11), 8, 3), ((1, 1, 7, 7), 5, 4), ((1, 2, 6, 5), 1, 2)],
)
def test_descriptor_is_that_of_the_slow_loop(
    shape: tuple[int, ...], orientations: int, cell: int
) -> None:
    given = images(*shape)
    expected = torch.from_numpy(oracles.oriented_gradients(given.numpy(), orientations, cell))
    found = oriented_gradients(given, orientations=orientations, cell=cell)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    single = oriented_gradients(given.float(), orientations=orientations, cell=cell)
    torch.testing.assert_close(single, expected.float(), rtol=1e-4, atol=1e-5)


def test_defaults_are_eight_orientations_and_cells_of_four_pixels() -> None:
    given = images(2, 1, 11, 11)
    assert oriented_gradients(given).equal(oriented_gradients(given, orientations=8, cell=4))


def test_length_is_the_root_of_the_number_of_entries() -> None:
    found = oriented_gradients(images(5, 3, 28, 28))
    assert found.shape == (5, 8 * 6 * 6)
    torch.testing.assert_close(found.square().mean(dim=1), torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize("orientation", range(8))
def test_a_ramp_has_its_own_orientation_and_a_quarter_of_it_at_each_neighbor(
    orientation: int,
) -> None:
    angle = orientation * math.pi / 4
    y, x = torch.meshgrid(*[torch.arange(23, dtype=torch.float64)] * 2, indexing="ij")
    ramp = 0.5 + 0.01 * (math.cos(angle) * (x - 11) + math.sin(angle) * (y - 11))
    inner = by_cell(oriented_gradients(ramp[None, None]), 5)[0, :, 1:4, 1:4]  # off the border
    relative = inner / inner[orientation]
    expected = torch.zeros(8, dtype=torch.float64)
    expected[orientation] = 1
    expected[(orientation + 1) % 8] = expected[orientation - 1] = math.sqrt(1 / 4)  # cos^4, root
    torch.testing.assert_close(relative, expected[:, None, None].expand(8, 3, 3))


@pytest.mark.parametrize("side", [1, 2, 4])
def test_a_quarter_turn_of_the_image_turns_cells_and_orientations(side: int) -> None:
    given = images(3, 1, 4 * side + 3, 4 * side + 3)  # cells reach all pixels
    cells = by_cell(oriented_gradients(given), side)
    turned = by_cell(oriented_gradients(torch.rot90(given, dims=(2, 3))), side)
    expected = torch.rot90(cells, dims=(2, 3)).roll(-2, dims=1)  # right becomes up, three quarters
    torch.testing.assert_close(turned, expected)
    assert not torch.allclose(turned, cells, rtol=0.01)


def test_a_mirrored_image_has_mirrored_cells_and_orientations() -> None:
    given = images(3, 1, 11, 11)
    cells = by_cell(oriented_gradients(given), 2)
    mirrored = by_cell(oriented_gradients(given.flip(3)), 2)
    opposite = [(4 - b) % 8 for b in range(8)]
    torch.testing.assert_close(mirrored, cells.flip(3)[:, opposite])


@pytest.mark.parametrize("factor", [0.01, 0.5])
def test_contrast_does_not_matter(factor: float) -> None:
    given = images(3, 1, 16, 16).float()
    found = oriented_gradients(factor * given), oriented_gradients(given)
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def test_a_shift_inside_a_cell_changes_descriptors_much_less_than_pixels() -> None:
    y, x = torch.meshgrid(*[torch.arange(28.0)] * 2, indexing="ij")
    rings = []
    for radius in (4, 6, 8):  # strokes two pixels wide
        rings.append(((((x - 13) ** 2 + (y - 13) ** 2).sqrt() - radius).abs() < 1).float())
    given = torch.stack(rings)[:, None]
    moved = given.roll((1, 1), dims=(2, 3))

    def change(before: Tensor, after: Tensor) -> Tensor:
        return torch.nn.functional.cosine_similarity(before, after).neg() + 1

    pixels = change(given.flatten(1), moved.flatten(1))
    described = change(oriented_gradients(given), oriented_gradients(moved))
    assert bool((described < pixels / 4).all())
    assert bool((described > 1e-3).all())


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_black_image_is_zero_and_leaves_its_neighbors_alone(dtype: torch.dtype) -> None:
    given = torch.zeros(3, 1, 9, 9, dtype=dtype)
    given[1, 0, 4, 4] = 1
    found = oriented_gradients(given)
    assert found[[0, 2]].tolist() == torch.zeros(2, 8).tolist()
    assert found[1].square().mean().item() == pytest.approx(1)


def test_a_flat_image_has_edges_at_its_border_alone() -> None:
    cells = by_cell(oriented_gradients(torch.ones(1, 1, 23, 23)), 5)
    assert cells[:, :, 1:4, 1:4].abs().max().item() == 0
    assert cells[0, :, 2, 0].argmax().item() == 0  # brighter to the right of the left border


def test_channels_are_averaged_before_the_root() -> None:
    edge = torch.zeros(1, 1, 7, 7, dtype=torch.float64)
    edge[..., 4:] = 1
    found = oriented_gradients(torch.cat([edge, 0.5 * edge.mT], dim=1))[0]
    assert (found[2] / found[0]).item() != pytest.approx(0.5, rel=0.2)
    alone = oriented_gradients(edge)[0]
    right, down = alone.square(), oriented_gradients(edge.mT)[0].square()  # equal lengths before
    expected = (right + 0.5 * down).sqrt()
    torch.testing.assert_close(found / found[0], expected / expected[0])
    torch.testing.assert_close(oriented_gradients(edge.expand(1, 3, 7, 7))[0], alone)


def test_bytes_and_their_levels_in_the_unit_range_look_the_same() -> None:
    given = (255 * images(4, 3, 10, 10)).to(torch.uint8)
    before = given.clone()
    assert oriented_gradients(given).equal(oriented_gradients(given.float() / 255))
    assert given.equal(before)


def test_many_images_are_described_as_one_by_one() -> None:
    given = images(2003, 1, 7, 7).float()
    found = oriented_gradients(given)
    assert found.shape == (2003, 8)
    for row in (0, 1999, 2000, 2002):
        torch.testing.assert_close(found[row : row + 1], oriented_gradients(given[row : row + 1]))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_no_images_have_no_descriptors_of_the_usual_width(dtype: torch.dtype) -> None:
    assert oriented_gradients(torch.zeros(0, 3, 28, 28, dtype=dtype)).shape == (0, 288)


@pytest.mark.parametrize(
    ("shape", "got"),
    [((5, 30), r"\(30,\)"), ((5, 1, 6, 9), r"\(1, 6, 9\)"), ((5, 1, 9, 6), r"\(1, 9, 6\)")],
)
def test_vectors_and_small_images_are_refused(shape: tuple[int, ...], got: str) -> None:
    with pytest.raises(ValueError, match=f"7 pixels a side or more, got rows of shape {got}"):
        oriented_gradients(torch.zeros(shape))
    assert oriented_gradients(torch.zeros(1, 1, 7, 7)).shape == (1, 8)


def test_descriptors_have_a_gradient_with_respect_to_pixels() -> None:
    given = draw(1, 1, 7, 7).requires_grad_()
    assert torch.autograd.gradcheck(oriented_gradients, (given,))


@pytest.mark.parametrize(
    ("shape", "orientations", "cell"),
    [((80, 1, 28, 28), 8, 4), ((2, 3, 8, 11), 8, 3), ((1, 1, 7, 7), 5, 4), ((1, 2, 6, 5), 1, 2)],
)
def test_fast_descriptions_differ_by_rounding(
    shape: tuple[int, ...], orientations: int, cell: int
) -> None:
    given = images(*shape)
    found, expected = (
        describe(given, orientations=orientations, cell=cell)
        for describe in (describe_fast, oriented_gradients)
    )
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
