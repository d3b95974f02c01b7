import math

import pytest
import torch

from tests.metrics.streaming.loops import FAKE, KINDS, REAL, TWO_SETS, add, figures, filled

each = pytest.mark.parametrize("name", TWO_SETS)


@each
def test_forward_adds_a_batch_and_has_no_figure_of_one_side(name: str) -> None:
    metric = KINDS[name].make()
    for rows, real in ((REAL, True), (FAKE, False)):
        for part in torch.split(rows, 8):
            assert math.isnan(float(metric(part, real=real)))
    assert figures(metric) == pytest.approx(figures(filled(name)), rel=1e-10)


@each
def test_real_rows_may_stay_for_the_next_round(name: str) -> None:
    metric = filled(name, reset_real_features=False)
    expected = KINDS[name].exact(REAL, FAKE + 3)
    metric.reset()
    for part in torch.split(FAKE + 3, 8):
        metric.update(part, real=False)
    assert figures(metric) == pytest.approx(expected, rel=1e-10, abs=1e-13)
    metric.reset()
    metric.update(REAL[:2], real=True)
    with pytest.raises(ValueError, match="fake rows"):
        metric.compute()


@each
def test_all_is_forgotten_unless_that_is_asked_for(name: str) -> None:
    metric = filled(name)
    metric.reset()
    metric.update(FAKE, real=False)
    with pytest.raises(ValueError, match="real rows"):
        metric.compute()


@each
def test_a_side_is_true_or_false_and_no_name(name: str) -> None:
    metric = KINDS[name].make()
    with pytest.raises(ValueError, match="^real must be True or False, got 'fake'$"):
        metric.update(FAKE, real="fake")


def test_float64_and_float32_meet_in_one_set() -> None:
    metric = KINDS["kernel distance"].make()
    add(metric, REAL[:20], FAKE[:20].float())
    add(metric, REAL[20:].float(), FAKE[20:])
    expected = KINDS["kernel distance"].exact(
        torch.cat([REAL[:20], REAL[20:].float()]), torch.cat([FAKE[:20].float(), FAKE[20:]])
    )
    assert figures(metric) == expected
