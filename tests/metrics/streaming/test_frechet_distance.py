import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance

from convergan.metrics import frechet_distance
from convergan.metrics.streaming import FrechetDistance
from tests import oracles
from tests.metrics.streaming.networks import SmallNetwork, images

REAL, FAKE = images(60, seed=2), images(50, seed=3) // 2


def test_distance_by_a_network_is_torchmetrics() -> None:
    network = SmallNetwork().eval().double()
    theirs, ours = FrechetInceptionDistance(network), FrechetDistance(network)
    for metric in (theirs, ours):
        for rows, real in ((REAL, True), (FAKE, False)):
            for part in torch.split(rows, 25):
                metric.update(part, real=real)
    exact = frechet_distance(network(REAL), network(FAKE))
    assert float(ours.compute()) == pytest.approx(exact, rel=1e-9)
    assert float(theirs.compute()) == pytest.approx(exact, rel=1e-4)
    assert exact > 1e-3


def test_a_mean_far_from_zero_takes_no_digits_away() -> None:
    rows, others = oracles.draw(40, 3), 2 * oracles.draw(40, 3, seed=1)
    metric = FrechetDistance(num_features=3)
    for part in torch.split(rows + 2.0**20, 7):
        metric.update(part, real=True)
    for part in torch.split(others + 2.0**20, 7):
        metric.update(part, real=False)
    assert float(metric.compute()) == pytest.approx(frechet_distance(rows, others), rel=1e-9)


def test_a_set_of_one_row_has_no_distance() -> None:
    metric = FrechetDistance(num_features=3)
    metric.update(torch.zeros(4, 3), real=True)
    metric.update(torch.zeros(1, 3), real=False)
    with pytest.raises(ValueError, match="^2 fake rows or more are needed, got 1$"):
        metric.compute()
