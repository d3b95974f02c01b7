from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from convergan.data import nearest_neighbors, spread_labels
from convergan.estimator import teacher
from convergan.estimator.member import TrainingTask, forward
from convergan.estimator.teacher import USUAL, fit_powers, logistic_layers, pool_opinions
from tests.estimator.helpers import clusters, task_of

Array = np.ndarray[Any, Any]


def task(points: Array, labeled: list[int], labels: list[int]) -> TrainingTask:
    """Rows of mean 0 and mean square 1."""
    points = points - points.mean(axis=0)
    return task_of(points / np.sqrt(np.square(points).mean()), labeled, labels)


def moons(rows: int = 200) -> tuple[Array, Array]:
    """Two bent clusters that no line parts."""
    angle = np.linspace(0, np.pi, rows // 2)
    upper = np.c_[np.cos(angle), np.sin(angle)]
    lower = np.c_[1 - np.cos(angle), 0.5 - np.sin(angle)]
    return np.vstack([upper, lower]), np.repeat([0, 1], rows // 2)


@pytest.mark.parametrize("classes", [2, 3])
def test_layers_of_logistic_regression_say_what_scikit_learn_says(classes: int) -> None:
    taught = clusters(classes=classes)
    rows, labels = taught.rows.double().numpy(), taught.labels.numpy()
    model = LogisticRegression(max_iter=1000).fit(rows[:30], labels)
    logits = forward(logistic_layers(taught), rows)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1e-12)


def test_labels_follow_the_clusters_where_no_line_does() -> None:
    points, truth = moons()
    taught = task(points, [10, 50, 90, 110, 150, 190], [0, 0, 0, 1, 1, 1])
    pool = pool_opinions(taught)
    assert pool.dtype == torch.float32 and pool.shape == (200, 2)
    assert torch.allclose(pool.sum(dim=1), torch.ones(200))
    assert (pool.argmax(dim=1).numpy() == truth).all()
    assert (teacher._regress(taught).argmax(axis=1) != truth).mean() > 0.1


def test_regression_rules_where_nearness_says_nothing() -> None:
    chance = np.random.default_rng(0)
    labels = np.arange(300) % 2
    points = np.c_[0.8 * (2 * labels - 1), chance.normal(0, 1, (300, 12))]
    chosen = list(range(80))
    pool = pool_opinions(task(points, chosen, labels[chosen].tolist()))
    assert (pool.argmax(dim=1).numpy() == labels)[80:].mean() > 0.97


def test_one_label_a_class_leaves_the_usual_powers() -> None:
    points, _ = moons()
    taught = task(points, [50, 150], [0, 1])
    rows = taught.rows
    beside = rows / rows.norm(dim=1, keepdim=True)
    logs = [
        spread_labels(nearest_neighbors(near, 5, components=2), taught.labeled, taught.labels, 2)
        .double()
        .clamp(min=1e-12)
        .log()
        .numpy()
        for near in (rows, beside)
    ]
    logs.append(teacher._regress(taught))
    wanted = log_softmax(2 * logs[0] + 2 * logs[1] + 0.5 * logs[2], axis=1)
    np.testing.assert_allclose(pool_opinions(taught).numpy(), np.exp(wanted), atol=1e-6)


def test_a_single_label_is_not_held_out_and_the_others_are() -> None:
    points, truth = moons()
    taught = task(points, [10, 50, 90, 150], [0, 0, 0, 1])
    assert (pool_opinions(taught).argmax(dim=1).numpy() == truth).mean() > 0.8


def test_powers_have_the_greatest_likelihood_with_their_prior() -> None:
    chance = np.random.default_rng(3)
    logs = log_softmax(chance.normal(0, 2, (3, 60, 4)), axis=2)
    labels = logs[0].argmax(axis=1)
    labels[::3] = chance.integers(0, 4, 20)
    found = fit_powers(logs, labels)

    def loss(powers: Array) -> float:
        pooled = log_softmax(np.tensordot(powers, logs, axes=1), axis=1)
        likelihood = sum(pooled[row, label] for row, label in enumerate(labels))
        return float(-likelihood + sum(((powers - USUAL) / USUAL) ** 2) / 2)

    assert found[0] > 0.3 and found[1] < 0.5 and (found >= 0).all()
    for step in 0.02 * np.vstack([np.eye(3), -np.eye(3)]):
        assert loss(found) <= loss(np.maximum(found + step, 0)) + 1e-9


def test_many_labels_overrule_the_prior_and_none_leave_it() -> None:
    chance = np.random.default_rng(0)
    truth = log_softmax(chance.normal(0, 1.5, (4000, 3)), axis=1)
    labels = (chance.random((4000, 1)) > np.exp(truth).cumsum(axis=1)).sum(axis=1)
    noise = log_softmax(chance.normal(0, 1.5, (2, 4000, 3)), axis=2)
    powers = fit_powers(np.stack([truth, *noise]), labels)
    np.testing.assert_allclose(powers, [1, 0, 0], atol=0.1)
    np.testing.assert_allclose(fit_powers(np.zeros((3, 5, 2)), np.zeros(5, int)), USUAL)


def test_rows_beyond_the_graph_take_the_opinion_of_their_nearest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(teacher, "LARGEST_GRAPH", 60)
    points, truth = moons()
    pool = pool_opinions(task(points, [10, 50, 90, 110, 150, 190], [0, 0, 0, 1, 1, 1]))
    assert (pool.argmax(dim=1).numpy() == truth).mean() > 0.9
    whole = replace(task(points, list(range(200)), truth.tolist()), seed=1)  # more than fit
    assert (pool_opinions(whole).argmax(dim=1).numpy() == truth).mean() > 0.9


def test_the_same_seed_gives_the_same_bits_and_rows_at_the_mean_are_finite() -> None:
    points, _ = moons()
    points[7] = points.mean(axis=0)
    taught = task(points, [10, 50, 110, 150], [0, 0, 1, 1])
    first = pool_opinions(taught)
    assert torch.equal(first, pool_opinions(taught)) and first.isfinite().all()
