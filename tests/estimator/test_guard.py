import time
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from convergan.estimator.fitting import fit_all, share_out
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
from convergan.estimator.member import Lesson, forward
from convergan.estimator.teacher import logistic_layers

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


def lesson(rows: int = 90, classes: int = 3, labeled: int = 30, steps: int = 40) -> Lesson:
    chance = np.random.default_rng(0)
    labels = np.arange(rows) % classes
    points = chance.normal(0, 1, (rows, 4)) + 4 * np.eye(4)[labels]
    return Lesson(
        rows=torch.from_numpy(points).float(),
        labeled=torch.arange(labeled),
        labels=torch.from_numpy(labels[:labeled]),
        num_classes=classes,
        steps=steps,
        batch_size=30,
        unlabeled_weight=1.0,
        seed=0,
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_layers_of_logistic_regression_say_what_scikit_learn_says(classes: int) -> None:
    taught = lesson(classes=classes)
    rows, labels = taught.rows.double().numpy(), taught.labels.numpy()
    model = LogisticRegression(max_iter=1000).fit(rows[:30], labels)
    logits = forward(logistic_layers(taught), rows)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1e-12)


def test_a_fold_sees_neither_label_nor_row_of_what_it_is_tested_on() -> None:
    whole = lesson()
    part = whole.without(torch.tensor([0, 4]))
    assert len(part.rows) == 88 and len(part.labeled) == 28
    seen = part.rows[part.labeled]
    assert torch.equal(seen, whole.rows[[1, 2, 3, *range(5, 30)]])
    assert part.labels.tolist() == [n % 3 for n in [1, 2, 3, *range(5, 30)]]
    assert not (part.rows[:, None] == whole.rows[[0, 4]]).all(dim=2).any()


def test_every_label_is_held_out_once_and_the_same_seed_gives_the_same() -> None:
    found, again = (
        out_of_fold(lesson(steps=10), 3, lambda line: None, lambda: 1e9) for _ in range(2)
    )
    assert sorted(found.logits) == sorted([GAN, TWIN, LOGISTIC])
    assert np.bincount(found.folds).tolist() == [10, 10, 10]
    assert all((found.logits[name] == again.logits[name]).all() for name in found.logits)
    assert (found.logits[LOGISTIC].argmax(axis=1) == found.labels).mean() > 0.9


def pool(misleading: bool) -> Lesson:
    """Two classes, apart in the first of nine features, and clusters in the other eight.

    Of a helpful pool every cluster is of one class; of a misleading one half and half, and what
    lies near says nothing.
    """
    chance = np.random.default_rng(0)
    cluster = np.arange(400) % 4
    labels = np.arange(400) // 4 % 2 if misleading else cluster % 2
    beside = chance.normal(0, 1.2, (4, 8))[cluster] + chance.normal(0, 0.3, (400, 8))
    points = np.c_[0.2 * (2 * labels - 1) + chance.normal(0, 0.02, 400), beside]
    return Lesson(
        rows=torch.from_numpy(points).float(),
        labeled=torch.arange(120),
        labels=torch.from_numpy(labels[:120]),
        num_classes=2,
        steps=25,
        batch_size=50,
        unlabeled_weight=1.0,
        seed=0,
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize("misleading", [False, True])
def test_a_pool_that_misleads_is_noticed_and_one_that_helps_is_not(misleading: bool) -> None:
    fitted = fit_all(
        pool(misleading), members=1, guard_level=0.1, max_seconds=None, watch=lambda line: None
    )
    assert (fitted.report.selected != GAN) == misleading, fitted.report
    assert bool(fitted.notices) == misleading


def test_one_label_of_a_class_cannot_be_held_out_and_the_report_says_so() -> None:
    few = lesson(labeled=4, steps=5)
    fitted = fit_all(few, members=1, guard_level=0.1, max_seconds=None, watch=lambda line: None)
    assert fitted.report.reason == "a class has 1 labeled row, which cannot be held out"
    assert fitted.risk is None


def test_level_zero_keeps_the_gan_and_still_calibrates() -> None:
    fitted = fit_all(
        lesson(steps=5), members=1, guard_level=0.0, max_seconds=None, watch=lambda line: None
    )
    assert fitted.report.selected == GAN and fitted.report.folds == 3
    assert fitted.risk is not None


@pytest.mark.parametrize("failed", [GAN, TWIN])
def test_what_failed_is_replaced_by_the_best_of_what_is_simpler(failed: str) -> None:
    report = GuardReport(failed, "", {GAN: 0.0, TWIN: 0.1, LOGISTIC: 0.2}, {}, 10, 2)
    found = fall_back(report, failed, "a loss is not finite")
    assert found.selected == (TWIN if failed == GAN else LOGISTIC)
    assert found.reason == f"training the {failed} failed: a loss is not finite"
    assert fall_back(report._replace(errors={}), failed, "").selected == LOGISTIC


def test_time_is_shared_out_and_what_one_training_leaves_is_for_the_next() -> None:
    now = time.monotonic()
    deadline = share_out(now + 800, 8)
    assert deadline() == pytest.approx(now + 100, abs=1)
    assert deadline() == pytest.approx(now + 800 / 7, abs=1)
    shares = [deadline() - now for _ in range(6)]
    assert shares == pytest.approx([800 / left for left in (6, 5, 4, 3, 2, 1)], abs=1)
    assert share_out(float("inf"), 3)() == float("inf")


def test_logistic_regression_takes_no_share_of_the_time() -> None:
    asked: list[None] = []

    def deadline() -> float:
        asked.append(None)
        return float("inf")

    out_of_fold(lesson(steps=1), 3, lambda line: None, deadline)
    assert len(asked) == 2 * 3


def test_a_time_limit_holds_for_the_guard_and_the_members_together() -> None:
    lines: list[dict[str, float]] = []
    started = time.monotonic()
    endless = lesson(steps=1_000_000)
    fit_all(endless, members=2, guard_level=0.1, max_seconds=0.8, watch=lines.append)
    assert 0.8 <= time.monotonic() - started < 4
    assert len(lines) >= 8  # three folds of two candidates, two members
