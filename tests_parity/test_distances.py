"""Frechet and kernel distance of given features against torch-fidelity's."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from convergan.metrics import FeatureMoments, frechet_distance, polynomial_discrepancy
from tests_parity.material import Pair


def ours(real: Tensor, fake: Tensor) -> float:
    moments = []
    for rows in (real, fake):
        moments.append(FeatureMoments(rows.shape[1]))
        for batch in torch.split(rows, 16):
            moments[-1].update(batch)
    return frechet_distance(*moments)


def theirs(real: Tensor, fake: Tensor) -> float:
    statistics = [fid_features_to_statistics(rows) for rows in (real, fake)]
    return float(fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"])


def test_frechet_distance_of_the_networks_features_is_torch_fidelitys(pair: Pair) -> None:
    real, fake = pair.real.layers["64"], pair.fake.layers["64"]
    assert ours(real, fake) == pytest.approx(theirs(real.double(), fake.double()), rel=1e-6, abs=0)
    assert ours(real, fake) == pytest.approx(theirs(real, fake), rel=1e-6, abs=0)


def test_frechet_distance_of_wide_features_is_torch_fidelitys() -> None:
    chance = torch.Generator().manual_seed(0)
    real = torch.randn(2000, 512, generator=chance, dtype=torch.float64)
    fake = torch.randn(1500, 512, generator=chance, dtype=torch.float64) * 1.1 + 0.05
    mixed = fake @ torch.randn(512, 512, generator=chance, dtype=torch.float64) / 512**0.5
    for others in (fake, mixed):
        assert ours(real, others) == pytest.approx(theirs(real, others), rel=1e-9, abs=0)


def test_frechet_distance_of_fewer_rows_than_features_is_closer_than_torch_fidelitys(
    pair: Pair,
) -> None:
    """Where covariances are singular, roots of eigenvalues that are rounding alone add up."""
    real, fake = pair.real.layers["192"].double(), pair.fake.layers["192"].double()
    first, second = ((rows - rows.mean(dim=0)) / (len(rows) - 1) ** 0.5 for rows in (real, fake))
    shared = torch.linalg.svdvals(first @ second.T).sum()  # no covariance, no eigenvalues
    gap = (real.mean(dim=0) - fake.mean(dim=0)).square().sum()
    exact = float(gap + first.square().sum() + second.square().sum() - 2 * shared)
    assert ours(real, fake) == pytest.approx(exact, rel=1e-9, abs=0)
    assert theirs(real, fake) == pytest.approx(exact, rel=1e-4, abs=0)


def test_kernel_distance_of_the_same_subsets_is_torch_fidelitys(pair: Pair) -> None:
    for layer in ("64", "2048"):
        real, fake = pair.real.layers[layer].double(), pair.fake.layers[layer].double()
        found = kid_features_to_metric(real, fake, kid_subsets=20, kid_subset_size=50)
        drawn = np.random.RandomState(2020)
        values = []
        for _ in range(20):
            first = torch.from_numpy(drawn.choice(len(real), 50, replace=False))
            second = torch.from_numpy(drawn.choice(len(fake), 50, replace=False))
            values.append(polynomial_discrepancy(real[first], fake[second]))
        mean = found["kernel_inception_distance_mean"]
        assert np.mean(values) == pytest.approx(mean, rel=1e-6, abs=1e-9)
        assert np.std(values) == pytest.approx(found["kernel_inception_distance_std"], rel=1e-6)
