"""Which definitions of the peers are which arguments of ours; each row is a test below.

| peer | what it does | the same by us |
| --- | --- | --- |
| torch-fidelity IS, ``samples_shuffle=False`` | rows as given, float64, population deviation | \
default (``test_inception_score.py``) |
| torch-fidelity IS, default | numpy's permutation of seed 2020 | default, of ``logits[order]`` |
| torchmetrics ``InceptionScore``, S divides N | permutation by the global generator, \
``torch.chunk``, sample deviation, precision of the features | after ``torch.manual_seed(s)``: \
``shuffle=torch.Generator().manual_seed(s), correction=1`` |
| the same, S does not divide N | chunks of ceil(N / S) rows: 12 rows in 10 are 6 splits | \
``splits=`` the number of chunks, if they are even; else none |
| StudioGAN-style IS | rows as given, one split, sample deviation: NaN | ``splits=1``; its \
deviation is 0, and ``correction=1`` is refused |
| StudioGAN-style IS, S > 1 | rows as given, sample deviation | ``correction=1`` |
| torch-fidelity FID | float64 covariance, mean in the precision of the features | \
``frechet_distance`` (``test_distances.py``) |
| torchmetrics ``FrechetInceptionDistance`` | float64 sums; result in the precision of the \
features | ``frechet_distance``, rounded so |
| torch-fidelity KID | numpy's subsets of seed 2020 | ``polynomial_discrepancy`` of those subsets \
(``test_distances.py``) |
| torchmetrics ``KernelInceptionDistance`` | subsets by the global generator | after \
``torch.manual_seed(s)``: ``kernel_distance(real=..., fake=..., \
chance=torch.Generator().manual_seed(s))`` |
| torch-fidelity PRC | k = 3 | ``precision_recall(neighbors=3)`` (``test_precision_recall.py``) |

Features and logits are given here; how images are resized is in ``test_resize.py``.
"""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance

from convergan.metrics import FeatureMoments, frechet_distance, inception_score, kernel_distance
from tests_parity.material import Pair

pytestmark = pytest.mark.filterwarnings("ignore:Metric .* will save all extracted features")
SEED = 11


class Given(nn.Module):
    """Stands for the network where features are given in place of images."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, rows: Tensor) -> Tensor:
        return rows


def torchmetrics_score(logits: Tensor, splits: int) -> tuple[float, float]:
    metric = InceptionScore(feature=Given(logits.shape[1]), splits=splits)
    for batch in torch.split(logits, 16):
        metric.update(batch)
    torch.manual_seed(SEED)
    mean, std = metric.compute()
    return float(mean), float(std)


def studiogan_style_score(probabilities: Tensor, splits: int) -> tuple[float, float]:
    """The script of 2016 with a sample deviation, as StudioGAN reports it; written by us."""
    scores = torch.stack(
        [
            (part * (part.log() - part.mean(dim=0).log())).sum(dim=1).mean().exp()
            for part in torch.tensor_split(probabilities, splits)  # S divides N: the same ranges
        ]
    )
    return float(scores.mean()), float(scores.std())


@pytest.mark.parametrize("splits", [2, 9, 12])
def test_torchmetrics_score_is_ours_shuffled_with_the_deviation_of_a_sample(
    pair: Pair, splits: int
) -> None:
    logits = pair.real.layers["logits_unbiased"]
    shuffle = torch.Generator().manual_seed(SEED)
    found = inception_score(logits=logits, splits=splits, correction=1, shuffle=shuffle)
    mean, std = torchmetrics_score(logits.double(), splits)
    assert found.mean == pytest.approx(mean, rel=1e-12, abs=0)
    assert found.std == pytest.approx(std, rel=1e-10, abs=0)
    assert torchmetrics_score(logits, splits)[0] == pytest.approx(found.mean, rel=1e-5)


@pytest.mark.parametrize(("rows", "chunks"), [(12, 6), (72, 9), (22, 8)])
def test_torchmetrics_splits_ten_ways_into_fewer(pair: Pair, rows: int, chunks: int) -> None:
    logits = pair.real.layers["logits_unbiased"][:rows].double()
    mean, std = torchmetrics_score(logits, splits=10)
    even = rows % chunks == 0
    shuffle = torch.Generator().manual_seed(SEED)
    found = inception_score(logits=logits, splits=chunks, correction=1, shuffle=shuffle)
    assert (found.mean == pytest.approx(mean, rel=1e-12, abs=0)) is even
    assert (found.std == pytest.approx(std, rel=1e-10, abs=0)) is even
    as_asked = inception_score(
        logits=logits, correction=1, shuffle=torch.Generator().manual_seed(SEED)
    )
    assert as_asked.mean != pytest.approx(mean, rel=1e-3)


def test_a_class_that_nobody_predicts_leaves_torchmetrics_score_undefined() -> None:
    logits = torch.tensor([[1000.0, 0.0, 0.0], [0.0, 1000.0, 0.0]]).repeat(10, 1)
    assert math.isnan(torchmetrics_score(logits, splits=2)[0])
    assert math.isfinite(inception_score(logits=logits, splits=2).mean)


def test_one_split_in_the_style_of_studiogan_is_our_one_split(pair: Pair) -> None:
    probabilities = pair.fake.layers["logits_unbiased"].double().softmax(dim=1)
    with pytest.warns(UserWarning, match="degrees of freedom"):
        mean, std = studiogan_style_score(probabilities, splits=1)
    found = inception_score(probabilities=probabilities, splits=1)
    assert found.mean == pytest.approx(mean, rel=1e-12, abs=0)
    assert math.isnan(std) and found.std == 0
    with pytest.raises(ValueError, match="^correction must be 0 with 1 splits, got 1$"):
        inception_score(probabilities=probabilities, splits=1, correction=1)


@pytest.mark.parametrize("splits", [2, 9])
def test_splits_in_the_style_of_studiogan_are_ours_with_the_deviation_of_a_sample(
    pair: Pair, splits: int
) -> None:
    probabilities = pair.fake.layers["logits_unbiased"].double().softmax(dim=1)
    mean, std = studiogan_style_score(probabilities, splits)
    found = inception_score(probabilities=probabilities, splits=splits, correction=1)
    assert found.mean == pytest.approx(mean, rel=1e-12, abs=0)
    assert found.std == pytest.approx(std, rel=1e-10, abs=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torchmetrics_frechet_distance_is_ours_in_the_precision_of_the_features(
    pair: Pair, dtype: torch.dtype
) -> None:
    metric = FrechetInceptionDistance(feature=Given(64))
    moments = []
    for part, real in ((pair.real, True), (pair.fake, False)):
        rows = part.layers["64"].to(dtype)
        metric.update(rows, real=real)
        moments.append(FeatureMoments(64))
        moments[-1].update(rows)
    theirs = metric.compute()
    assert theirs.dtype == dtype
    assert frechet_distance(*moments) == pytest.approx(float(theirs), rel=1e-6, abs=0)


@pytest.mark.parametrize("layer", ["64", "2048"])
def test_torchmetrics_kernel_distance_is_ours_by_the_same_seed(pair: Pair, layer: str) -> None:
    real, fake = pair.real.layers[layer], pair.fake.layers[layer]
    found = kernel_distance(
        real=real, fake=fake, subsets=20, subset_size=50, chance=torch.Generator().manual_seed(SEED)
    )
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-3)):
        metric = KernelInceptionDistance(feature=Given(0), subsets=20, subset_size=50)
        metric.update(real.to(dtype), real=True)
        metric.update(fake.to(dtype), real=False)
        torch.manual_seed(SEED)
        mean, std = (float(value) for value in metric.compute())
        assert found.mean == pytest.approx(mean, rel=tolerance, abs=1e-12)
        assert found.std == pytest.approx(std, rel=tolerance)


def test_a_seed_of_numpy_draws_other_rows_than_one_of_torch() -> None:
    order = torch.randperm(72, generator=torch.Generator().manual_seed(2020))
    assert order.tolist() != np.random.RandomState(2020).permutation(72).tolist()
