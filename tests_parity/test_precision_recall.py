"""Precision and recall of given features against torch-fidelity's: the same counts."""

import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_prc import prc_features_to_metric

from convergan.metrics import precision_recall
from tests_parity.material import LAYERS, Pair


def counts(real: Tensor, fake: Tensor, neighbors: int, *, whole: bool) -> tuple[int, int]:
    """Torch-fidelity's figures times the rows that they are shares of."""
    found = prc_features_to_metric(
        fake, real, prc_neighborhood=neighbors, save_cpu_ram=not whole, prc_batch_size=50
    )
    return round(found["precision"] * len(fake)), round(found["recall"] * len(real))


def our_counts(real: Tensor, fake: Tensor, neighbors: int) -> tuple[int, int]:
    found = precision_recall(real=real, fake=fake, neighbors=neighbors, block=40)
    return round(found.precision * len(fake)), round(found.recall * len(real))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("neighbors", [1, 3, 5])
def test_counts_of_the_networks_features_are_torch_fidelitys(
    pair: Pair, layer: str, neighbors: int
) -> None:
    real, fake = pair.real.layers[layer], pair.fake.layers[layer]
    theirs = counts(real.double(), fake.double(), neighbors, whole=True)
    assert our_counts(real.double(), fake.double(), neighbors) == theirs
    assert counts(real.double(), fake.double(), neighbors, whole=False) == theirs
    assert our_counts(real, fake, neighbors) == theirs


@pytest.mark.parametrize("width", [4, 64])
def test_counts_of_many_rows_are_torch_fidelitys(width: int) -> None:
    chance = torch.Generator().manual_seed(width)
    real = torch.randn(1500, width, generator=chance, dtype=torch.float64)
    fake = 1.1 * torch.randn(1200, width, generator=chance, dtype=torch.float64) + 0.1
    theirs = counts(real, fake, 3, whole=True)
    assert our_counts(real, fake, 3) == theirs
    assert 0 < theirs[0] < len(fake) and 0 < theirs[1] < len(real)
