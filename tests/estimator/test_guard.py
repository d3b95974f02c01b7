from typing import Any

import numpy as np
import pytest

from convergan.estimator.guard import (
    GAN,
    LOGISTIC,
    TWIN,
    GuardReport,
    OutOfFold,
    choose,
    fall_back,
    out_of_fold,
)
from tests.estimator.helpers import clusters

pytestmark = pytest.mark.slow

Array = np.ndarray[Any, Any]


def said(predictions: list[int], classes: int = 2) -> Array:
    """Logits that say these classes."""
    found: Array = np.eye(classes)[predictions]
    return found


def held_out(**predictions: list[int]) -> OutOfFold:
    logits = {name.replace("_", " "): said(p) for name, p in predictions.items()}
    labels = np.zeros(len(next(iter(predictions.values()))), dtype=np.int64)
    return OutOfFold(logits, labels, labels, {})


def test_the_gan_stays_where_nothing_is_better() -> None:
    report = choose(held_out(gan=[0] * 10, twin=[1] * 10, logistic_regression=[0] * 10), 0.1)
    assert report.selected == GAN
    assert report.errors == {GAN: 0.0, TWIN: 1.0, LOGISTIC: 0.0}
    assert report.pvalues[LOGISTIC] == 1


def test_the_gan_goes_where_a_candidate_is_right_on_many_rows_that_it_gets_wrong() -> None:
    found = held_out(gan=[1] * 6 + [0] * 6, twin=[0] * 12, logistic_regression=[1] * 12)
    report = choose(found, 0.1)
    assert report.selected == TWIN
    assert report.pvalues[TWIN] == pytest.approx(2 / 2**6)
    assert "twin was better on held-out labels, p = 0.0312" in report.reason
    assert choose(found, 0.01).selected == GAN


def test_a_gan_that_failed_leaves_the_better_of_the_others() -> None:
    found = held_out(twin=[1, 0, 0, 0], logistic_regression=[0, 0, 0, 0])
    report = choose(found._replace(failed={GAN: "a loss is not finite"}), 0.1)
    assert report.selected == LOGISTIC and "a loss is not finite" in report.reason


def test_every_label_is_held_out_once_and_the_same_seed_gives_the_same() -> None:
    found, again = (out_of_fold(clusters(steps=10), 3, lambda: 1e9) for _ in range(2))
    assert sorted(found.logits) == sorted([GAN, TWIN, LOGISTIC])
    assert np.bincount(found.folds).tolist() == [10, 10, 10]
    assert all((found.logits[name] == again.logits[name]).all() for name in found.logits)
    assert (found.logits[LOGISTIC].argmax(axis=1) == found.labels).mean() > 0.9


@pytest.mark.parametrize("failed", [GAN, TWIN])
def test_what_failed_is_replaced_by_the_best_of_what_is_simpler(failed: str) -> None:
    report = GuardReport(failed, "", {GAN: 0.0, TWIN: 0.1, LOGISTIC: 0.2}, {}, 10, 2)
    found = fall_back(report, failed, "a loss is not finite")
    assert found.selected == (TWIN if failed == GAN else LOGISTIC)
    assert found.reason == f"training the {failed} failed: a loss is not finite"
    assert fall_back(report._replace(errors={}), failed, "").selected == LOGISTIC


def test_logistic_regression_takes_no_share_of_the_time() -> None:
    asked: list[None] = []

    def deadline() -> float:
        asked.append(None)
        return float("inf")

    out_of_fold(clusters(steps=1), 3, deadline)
    assert len(asked) == 2 * 3
