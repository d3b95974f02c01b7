"""Figures of rows on a GPU, alone or beside rows on the CPU, are those of rows on the CPU."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from convergan.metrics import (
    different_bins,
    frechet_distance,
    inception_score,
    kernel_distance,
    mode_coverage,
    nearest_rows,
    precision_recall,
    score_contributions,
)
from tests.metrics.streaming.loops import FAKE, KINDS, REAL, add, figures
from tests.oracles import chance

pytestmark = pytest.mark.gpu
DEVICE = torch.device("cuda")
TWO_SETS: dict[str, Callable[[Any, Any], Any]] = {
    "frechet": lambda a, b: frechet_distance(a, b),
    "kernel": lambda a, b: kernel_distance(real=a, fake=b, subset_size=9, chance=chance())[:2],
    "shares": lambda a, b: precision_recall(real=a, fake=b, neighbors=3)[:4],
    "bins": lambda a, b: different_bins(real=a, fake=b, bins=4, chance=chance()).different,
    "nearest": lambda a, b: nearest_rows(queries=a, rows=b)[0].tolist(),
    "modes": lambda a, b: mode_coverage(samples=a, centres=b, std=1.0)[:3],
}


@pytest.mark.parametrize("name", TWO_SETS)
def test_figures_do_not_depend_on_where_the_rows_are(name: str) -> None:
    figure = TWO_SETS[name]
    expected = figure(REAL, FAKE)
    pairs = [(REAL.to(DEVICE), FAKE.to(DEVICE)), (REAL.to(DEVICE), FAKE.numpy())]
    for real, fake in [*pairs, (REAL.numpy(), FAKE.to(DEVICE))]:
        assert figure(real, fake) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_scores_do_not_depend_on_where_the_rows_are() -> None:
    for call in (inception_score, score_contributions):
        rows: list[Tensor] = [FAKE, FAKE.to(DEVICE)]
        expected, found = (call(logits=some) for some in rows)
        if isinstance(expected, Tensor):
            assert isinstance(found, Tensor) and found.device.type == DEVICE.type
            torch.testing.assert_close(found.cpu(), expected, rtol=1e-12, atol=1e-13)
        else:
            assert float(found) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_a_metric_that_was_moved_takes_rows_from_anywhere(name: str) -> None:
    metric = KINDS[name].make().to(DEVICE)
    add(metric, REAL[:20].to(DEVICE), FAKE[:20].to(DEVICE))
    add(metric, REAL[20:], FAKE[20:])
    assert metric.device.type == DEVICE.type
    assert figures(metric) == pytest.approx(KINDS[name].exact(REAL, FAKE), rel=1e-9, abs=1e-12)
    metric.cpu()
    assert figures(metric) == pytest.approx(KINDS[name].exact(REAL, FAKE), rel=1e-9, abs=1e-12)
