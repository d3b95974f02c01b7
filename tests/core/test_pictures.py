import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from convergan.core.pictures import grid, png, sample_picture, thumbnail


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def numbered(count: int, channels: int = 1, height: int = 2, width: int = 3) -> Tensor:
    """Return images that differ in every pixel."""
    total = count * channels * height * width
    return (torch.arange(total) / total).view(count, channels, height, width)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("count", "columns", "gap"), [(6, 3, 1), (5, 3, 2), (4, 4, 0), (1, 1, 3)])
def test_images_stand_in_rows_from_left_to_right_with_gaps_between(
    channels: int, count: int, columns: int, gap: int
) -> None:
    images = numbered(count, channels)
    laid = grid(images, columns=columns, gap=gap)
    rows = -(-count // columns)
    assert laid.shape == (channels, rows * (2 + gap) + gap, columns * (3 + gap) + gap)
    rest = torch.ones(laid.shape[1:], dtype=torch.bool)
    for index in range(count):
        row, column = index // columns, index % columns
        top, left = gap + row * (2 + gap), gap + column * (3 + gap)
        place = (slice(top, top + 2), slice(left, left + 3))
        assert torch.equal(laid[:, place[0], place[1]], images[index])
        rest[place] = False
    assert bool((laid[:, rest] == 0.5).all())


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (4, 2), (5, 3), (100, 10)])
def test_a_grid_is_about_square_unless_told(count: int, columns: int) -> None:
    assert torch.equal(grid(numbered(count)), grid(numbered(count), columns=columns))


def test_values_outside_the_range_are_clipped() -> None:
    laid = grid(torch.tensor([-7.0, 7.0]).view(1, 1, 1, 2), gap=0)
    assert laid.flatten().tolist() == [0, 1]
    assert np.asarray(decoded(png(torch.tensor([[[-7.0, 7.0]]])))).tolist() == [[0, 255]]


def test_every_grey_level_survives_the_file() -> None:
    levels = torch.arange(256).view(1, 16, 16)
    image = decoded(png(levels / 255))
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), levels[0].numpy())


def test_colours_survive_the_file() -> None:
    levels = torch.arange(3 * 6 * 5).view(3, 6, 5)
    image = decoded(png(levels / 255))
    assert image.mode == "RGB" and image.size == (5, 6)
    assert np.array_equal(np.asarray(image), levels.permute(1, 2, 0).numpy())


def test_an_image_with_a_gradient_or_of_another_dtype_is_encoded_alike() -> None:
    image = torch.tensor([[[0.0, 0.5, 1.0]]])
    for other in (image.clone().requires_grad_(), image.double(), image.bfloat16()):
        assert png(other) == png(image)


@pytest.mark.parametrize("shape", [(2, 4, 4), (4, 4), (1, 1, 4, 4), (4, 4, 3)])
def test_what_is_no_image_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"an image is .*, got \({shape[0]}, {shape[1]}"):
        png(torch.zeros(shape))


@pytest.mark.parametrize(("side", "factor"), [(8, 3), (14, 2), (28, 1), (32, 1)])
def test_small_samples_are_enlarged_by_a_whole_factor(side: int, factor: int) -> None:
    rows = numbered(4, 1, side, side)
    image = decoded(sample_picture(rows))
    assert image.size == (2 * (side * factor + 1) + 1,) * 2
    first = np.asarray(image)[1 : 1 + side * factor, 1 : 1 + side * factor]
    enlarged = np.kron(
        rows[0, 0].mul(255).round().numpy().astype(np.uint8), np.ones((factor, factor))
    )
    assert np.array_equal(first, enlarged)


def test_points_are_black_on_white_with_the_second_coordinate_upwards() -> None:
    points = torch.tensor([[-2.0, -2.0], [1.999, 1.999], [0.0, 1.0]])
    pixels = np.asarray(decoded(sample_picture(points)))
    assert pixels.shape == (256, 256)
    black = sorted(zip(*(axis.tolist() for axis in np.nonzero(pixels == 0)), strict=True))
    assert black == [(0, 255), (63, 128), (255, 0)]
    assert int((pixels == 255).sum()) == 256 * 256 - 3


def test_points_far_away_stand_on_the_edge() -> None:
    pixels = np.asarray(decoded(sample_picture(torch.tensor([[-99.0, 99.0]]))))
    assert pixels[0, 0] == 0


@pytest.mark.parametrize(("far", "limit"), [(2, 2), (3, 5)])
def test_a_wider_square_is_shown_where_more_than_a_tenth_lies_outside(far: int, limit: int) -> None:
    points = torch.tensor([[0.5, 0.0]] * (20 - far) + [[3.0, 0.0]] * far)
    pixels = np.asarray(decoded(sample_picture(points)))
    columns = sorted(set(np.nonzero(pixels == 0)[1].tolist()))
    assert columns == [min(255, int((x / limit + 1) * 128)) for x in (0.5, 3.0)]


@pytest.mark.parametrize(
    ("size", "shown"), [((400, 200), (160, 80)), ((8, 6), (80, 60)), ((90, 80), (90, 80))]
)
def test_a_thumbnail_keeps_its_shape(size: tuple[int, int], shown: tuple[int, int]) -> None:
    pixels = np.full((size[1], size[0], 3), 90, dtype=np.uint8)
    with Image.open(io.BytesIO(thumbnail(pixels))) as image:
        assert image.format == "JPEG" and image.size == shown
        assert np.abs(np.asarray(image).astype(int) - 90).max() < 3
