from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from convergan.metrics import Extractor, extract
from convergan.metrics.extractor import coloured, resized

IMAGES = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def means(images: Tensor) -> tuple[Tensor, Tensor]:
    return images.flatten(1), images.mean(dim=(2, 3))


def of(network: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Extractor:
    return Extractor(name="mine", network=network)


def test_features_and_logits_come_as_float32_without_gradient() -> None:
    weight = torch.ones(1, requires_grad=True)
    found = extract(
        of(lambda images: (images.flatten(1).double(), images[:, 0, 0] * weight)), IMAGES
    )
    assert torch.equal(found.features, IMAGES.flatten(1))
    assert found.features.dtype == found.logits.dtype == torch.float32
    assert not found.logits.requires_grad


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (IMAGES * 255, r"^images must be in \[0, 1\], got .* to 2\d\d"),
        (IMAGES - 1, r"^images must be in \[0, 1\], got -0\.\d+ to"),
        (IMAGES * torch.nan, r"^images must be in \[0, 1\], got nan to nan$"),
        (IMAGES[:0], r"none of them 0, got torch.float32 \(0, 1, 4, 4\)$"),
        ((IMAGES * 255).byte(), r"floating point \(N, C, H, W\), none of them 0, got torch.uint8"),
        (IMAGES[:, 0], r"got torch.float32 \(3, 4, 4\)$"),
    ],
)
def test_what_are_no_images_is_refused(images: Tensor, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        extract(of(means), images)


def test_features_that_are_not_finite_are_refused_naming_the_image() -> None:
    def broken(images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = means(images)
        return features.index_fill(0, torch.tensor([1]), torch.nan), logits

    with pytest.raises(
        ValueError, match="^extractor mine gives features that are not finite, the "
    ):
        extract(of(broken), IMAGES)
    with pytest.raises(ValueError, match="gives logits that are not finite, the first for image 0"):
        extract(of(lambda images: (means(images)[0], means(images)[1] / 0)), IMAGES)


def test_outputs_of_another_shape_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"mine must give features \(3, width\), got \(3, 1, 4, 4\)"
    ):
        extract(of(lambda images: (images, images[:, 0, 0])), IMAGES)
    with pytest.raises(ValueError, match=r"mine must give logits \(3, width\), got \(1, 1\)"):
        extract(of(lambda images: (means(images)[0], means(images)[1][:1])), IMAGES)


def test_grey_becomes_three_equal_channels_and_colour_stays() -> None:
    colour = coloured(IMAGES)
    assert colour.shape == (3, 3, 4, 4) and torch.equal(colour[:, 2:], IMAGES)
    assert torch.equal(coloured(colour), colour)
    with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
        coloured(colour[:, :2])


def test_resizing_keeps_constants_the_range_and_images_of_the_side() -> None:
    assert resized(IMAGES, 4) is IMAGES
    for mode in ("bilinear", "bicubic"):
        assert torch.allclose(resized(IMAGES * 0 + 0.3, 9, mode), torch.tensor(0.3))
        large = resized(IMAGES.round(), 9, mode)
        assert large.shape == (3, 1, 9, 9) and 0 <= large.min() <= large.max() <= 1


def test_scaling_down_by_two_with_antialias_sees_every_pixel() -> None:
    image = torch.zeros(1, 1, 8, 8)
    for place in range(8):
        image[:] = 0
        image[0, 0, place, place] = 1
        assert resized(image, 4, "bilinear").sum() > 0.1
