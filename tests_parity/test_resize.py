"""How images reach the Inception network's side of 299: two grids that the peers use.

TensorFlow 1, hence the released script and torch-fidelity: output pixel i samples at
``i in / 299``. torchmetrics since 1.8, unless told otherwise: at ``(i + 1/2) in / 299 - 1/2``, with
a filter against aliases that does nothing where images grow. Its Frechet distance has a switch; its
inception score takes a network that was made with the switch off.
"""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3
from torchmetrics.image.inception import InceptionScore

from convergan.metrics import FeatureMoments, frechet_distance, inception_score
from tests_parity.material import Pair, random_images

SIDE = 299
SEED = 5


def torch_fidelitys(images: Tensor) -> Tensor:
    resized: Tensor = interpolate_bilinear_2d_like_tensorflow1x(
        images.float(), size=(SIDE, SIDE), align_corners=False
    )
    return resized


def torchmetrics_default(images: Tensor, *, antialias: bool = True) -> Tensor:
    return interpolate(
        images.float(), size=(SIDE, SIDE), mode="bilinear", align_corners=False, antialias=antialias
    )


def value_at(image: list[list[float]], y: float, x: float) -> float:
    """Bilinear interpolation of one channel, its border continued."""
    rows, columns = len(image), len(image[0])
    top, left = math.floor(y), math.floor(x)
    total = 0.0
    for row, down in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, right in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = image[min(max(row, 0), rows - 1)][min(max(column, 0), columns - 1)]
            total += down * right * inside
    return total


@pytest.mark.parametrize(("height", "width"), [(32, 32), (28, 48)])
def test_each_grid_is_its_formula(height: int, width: int) -> None:
    image = random_images(1, seed=6)[:, :1].repeat(1, 1, 1, 2)[:, :, :height, :width]
    pixels = image[0, 0].tolist()
    tensorflow, halves = torch_fidelitys(image)[0, 0], torchmetrics_default(image)[0, 0]
    for i in range(0, SIDE, 7):
        for j in range(0, SIDE, 7):
            y, x = i * height / SIDE, j * width / SIDE
            assert float(tensorflow[i, j]) == pytest.approx(value_at(pixels, y, x), abs=1e-3)
            y, x = (i + 0.5) * height / SIDE - 0.5, (j + 0.5) * width / SIDE - 0.5
            assert float(halves[i, j]) == pytest.approx(value_at(pixels, y, x), abs=1e-3)


def test_grids_differ_by_greys_and_the_filter_does_nothing_to_small_images(pair: Pair) -> None:
    images = pair.real.images[:16]
    halves = torchmetrics_default(images)
    assert float((torch_fidelitys(images) - halves).abs().mean()) > 3
    assert torch.allclose(halves, torchmetrics_default(images, antialias=False), atol=1e-3)


def test_an_image_of_the_networks_side_stays_as_it_is_in_both() -> None:
    image = torch.randint(256, (1, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(7))
    assert torch.equal(torch_fidelitys(image), image.float())
    assert torch.allclose(torchmetrics_default(image), image.float(), atol=1e-3)


def test_torchmetrics_frechet_distance_is_ours_on_images_once_its_filter_is_off(
    pair: Pair, weights: Path
) -> None:
    ours = []
    for part in pair:
        ours.append(FeatureMoments(64))
        ours[-1].update(part.layers["64"][:24])
    found = {}
    for antialias in (False, True):
        metric = FrechetInceptionDistance(
            feature=64, feature_extractor_weights_path=str(weights), antialias=antialias
        )
        for part, real in ((pair.real, True), (pair.fake, False)):
            metric.update(part.images[:24], real=real)
        found[antialias] = float(metric.compute())
    assert frechet_distance(*ours) == pytest.approx(found[False], rel=1e-4, abs=0)
    assert frechet_distance(*ours) != pytest.approx(found[True], rel=3e-3)


@pytest.mark.filterwarnings("ignore:Metric .* will save all extracted features")
def test_torchmetrics_score_is_ours_on_images_once_its_network_has_no_filter(
    pair: Pair, weights: Path
) -> None:
    logits = pair.real.layers["logits_unbiased"][:16]
    shuffle = torch.Generator().manual_seed(SEED)
    ours = inception_score(logits=logits, splits=2, correction=1, shuffle=shuffle)
    for antialias in (False, True):
        network = NoTrainInceptionV3(
            "seeded", ["logits_unbiased"], str(weights), antialias=antialias
        )
        metric = InceptionScore(feature=network, splits=2)
        metric.update(pair.real.images[:16])
        torch.manual_seed(SEED)
        mean, std = (float(value) for value in metric.compute())
        assert (ours.mean == pytest.approx(mean, rel=1e-4)) is not antialias
        assert (ours.std == pytest.approx(std, rel=1e-3)) is not antialias
