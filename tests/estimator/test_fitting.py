import time

import numpy as np
import pytest

from convergan.estimator.fitting import (
    choose_steps,
    divide_time,
    fit_classifier,
    hold_out_unlabeled,
    log_realness,
    mean_log_probabilities,
)
from convergan.estimator.guard import GAN
from convergan.estimator.member import TrainingTask
from tests.estimator.helpers import clusters, task_of


def four_clusters(misleading: bool) -> TrainingTask:
    """Two classes, apart in the first of nine features, and clusters in the other eight.

    Of a helpful pool every cluster is of one class; of a misleading one half and half, and what
    lies near says nothing.
    """
    chance = np.random.default_rng(0)
    cluster = np.arange(400) % 4
    labels = np.arange(400) // 4 % 2 if misleading else cluster % 2
    beside = chance.normal(0, 1.2, (4, 8))[cluster] + chance.normal(0, 0.3, (400, 8))
    points = np.c_[0.2 * (2 * labels - 1) + chance.normal(0, 0.02, 400), beside]
    return task_of(points, range(120), labels[:120], steps=25, batch_size=50)


@pytest.mark.slow
@pytest.mark.parametrize("misleading", [False, True])
def test_a_pool_that_misleads_is_noticed_and_one_that_helps_is_not(misleading: bool) -> None:
    fitted = fit_classifier(four_clusters(misleading), members=1, guard_level=0.1, max_seconds=None)
    assert (fitted.report.selected != GAN) == misleading, fitted.report
    assert bool(fitted.notices) == misleading


def test_one_label_of_a_class_cannot_be_held_out_and_the_report_says_so() -> None:
    few = clusters(labeled=4, steps=5)
    fitted = fit_classifier(few, members=1, guard_level=0.1, max_seconds=None)
    assert fitted.report.reason == "a class has 1 labeled row, which cannot be held out"
    assert fitted.risk is None


@pytest.mark.slow
def test_level_zero_keeps_the_gan_and_still_calibrates() -> None:
    fitted = fit_classifier(clusters(steps=5), members=1, guard_level=0.0, max_seconds=None)
    assert fitted.report.selected == GAN and fitted.report.folds == 3
    assert fitted.risk is not None


def test_time_is_shared_out_and_what_one_training_leaves_is_for_the_next() -> None:
    now = time.monotonic()
    deadline = divide_time(now + 800, 8)
    assert deadline() == pytest.approx(now + 100, abs=1)
    assert deadline() == pytest.approx(now + 800 / 7, abs=1)
    shares = [deadline() - now for _ in range(6)]
    assert shares == pytest.approx([800 / left for left in (6, 5, 4, 3, 2, 1)], abs=1)
    assert divide_time(float("inf"), 3)() == float("inf")


@pytest.mark.slow
def test_a_time_limit_holds_for_the_guard_and_the_members_together() -> None:
    lines: list[dict[str, float]] = []
    started = time.monotonic()
    endless = clusters(steps=1_000_000, on_losses=lines.append)
    fit_classifier(endless, members=2, guard_level=0.1, max_seconds=0.8)
    assert 0.8 <= time.monotonic() - started < 4
    assert len(lines) >= 8  # three folds of two candidates, two members


@pytest.mark.parametrize(("unlabeled", "held"), [(199, 0), (200, 20), (990, 99), (20_000, 1000)])
def test_a_tenth_of_many_unlabelled_rows_is_kept_out(unlabeled: int, held: int) -> None:
    codes = np.r_[np.zeros(7, int), np.full(unlabeled, -1)]
    kept, out = hold_out_unlabeled(codes, np.random.default_rng(0))
    assert len(out) == held and (codes[out] < 0).all()
    assert sorted([*kept, *out]) == list(range(len(codes))) and (np.diff(kept) > 0).all()


@pytest.mark.parametrize(
    ("rows", "epochs", "steps"),
    [(50, None, 500), (10_000, None, 1000), (60_000, None, 2000), (1000, 3, 30), (20, 3, 3)],
)
def test_a_training_has_ten_epochs_within_limits_or_those_asked_for(
    rows: int, epochs: int | None, steps: int
) -> None:
    assert choose_steps(rows, 100, epochs) == steps


def test_members_are_averaged_as_probabilities_and_as_log_d() -> None:
    members = [[(np.array([[a, -a]]), np.zeros(2))] for a in (1.0, 3.0)]
    rows = np.array([[0.5], [-2.0]])
    logits = [rows @ layers[0][0] for layers in members]
    softmax = [np.exp(ls) / np.exp(ls).sum(axis=1, keepdims=True) for ls in logits]
    np.testing.assert_allclose(
        np.exp(mean_log_probabilities(members, rows)), np.mean(softmax, axis=0)
    )
    sums = [np.exp(ls).sum(axis=1) for ls in logits]
    wanted = np.mean([np.log(total / (1 + total)) for total in sums], axis=0)
    np.testing.assert_allclose(log_realness(members, rows), wanted)
    assert log_realness([], rows).shape == (0,)
