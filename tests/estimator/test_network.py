from typing import Any

import numpy as np
import pytest
import torch

from convergan.estimator.network import (
    DECAYS,
    EPSILON,
    LOG_EVERY,
    Layers,
    Network,
    TrainingTask,
    _Player,
    features,
    forward,
    train_game,
    train_twin,
)
from convergan.estimator.opinions import log_softmax
from convergan.training import NonFiniteError
from tests.estimator.helpers import clusters


def task(steps: int = 40, labeled: int = 30, **settings: Any) -> TrainingTask:
    rows, labels = clusters()
    defaults: dict[str, Any] = {"unlabeled_weight": 1.0, "generated_weight": 1.0, "seed": 0}
    return TrainingTask(
        rows=torch.from_numpy(rows).float(),
        labeled=torch.arange(labeled),
        labels=torch.from_numpy(labels[:labeled]),
        num_classes=3,
        steps=steps,
        batch_size=30,
        device=torch.device("cpu"),
        **defaults | settings,
    )


def equal(one: Layers, two: Layers) -> bool:
    return all((a == c).all() and (b == d).all() for (a, b), (c, d) in zip(one, two, strict=True))


def test_a_history_has_a_line_now_and_then_and_one_at_the_end() -> None:
    lines: list[dict[str, float]] = []
    found = train_twin(task(2 * LOG_EVERY + 3, on_losses=lines.append))
    assert [line["step"] for line in found.history] == [LOG_EVERY, 2 * LOG_EVERY, 2 * LOG_EVERY + 3]
    assert lines == found.history
    late = train_twin(task(1000, deadline=0.0))
    assert [line["step"] for line in late.history] == [1]


def test_the_twin_takes_nothing_from_unlabelled_rows() -> None:
    one, two = task(5), task(5)
    two.rows[30:] += 100
    assert equal(train_twin(one).layers, train_twin(two).layers)


def test_without_generated_rows_there_is_no_game() -> None:
    soft = torch.full((90, 3), 1 / 3)
    [line] = train_game(task(5, generated_weight=0.0), soft).history
    assert set(line) == {"step", "seconds", "supervised_loss", "teacher_loss"}
    [line] = train_game(task(5), soft).history
    assert {"unsupervised_loss", "generator_loss"} <= set(line)
    [line] = train_game(task(5, unlabeled_weight=0.0), soft).history
    assert set(line) == {"step", "seconds", "supervised_loss"}


def test_soft_labels_teach_what_labels_do_not_say() -> None:
    rows, labels = clusters()
    few = task(200, labeled=2)  # of two of three classes
    taught = train_game(few, torch.eye(3)[torch.from_numpy(labels)]).layers
    assert (forward(taught, rows).argmax(axis=1) == labels).mean() > 0.9
    plain = train_game(few, None).layers
    assert (forward(plain, rows).argmax(axis=1) == labels).mean() < 0.8


@pytest.mark.parametrize("steps", [1, 3])
def test_the_same_seed_gives_the_same_bits(steps: int) -> None:
    soft = torch.full((90, 3), 1 / 3)
    one, two = (train_game(task(steps), soft).layers for _ in range(2))
    assert equal(one, two) and not equal(one, train_game(task(steps, seed=1), soft).layers)


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    broken = task(3)
    broken.rows[0] = float("inf")
    with pytest.raises(NonFiniteError, match="not finite after step 3"):
        train_twin(broken)


def test_members_are_averaged_as_probabilities() -> None:
    members = tuple([(np.array([[a, -a]]), np.zeros(2))] for a in (1.0, 3.0))
    rows = np.array([[0.5], [-2.0]])
    each = [np.exp(log_softmax(rows @ layers[0][0])) for layers in members]
    found = Network(members).log_probabilities(rows)
    np.testing.assert_allclose(np.exp(found), np.mean(each, axis=0))


def test_features_are_the_last_hidden_layer() -> None:
    layers = [(np.array([[1.0, -1.0]]), np.zeros(2)), (np.ones((2, 2)), np.zeros(2))]
    assert features(layers, np.array([[2.0], [-3.0]])).tolist() == [[2, 0], [0, 3]]
    assert forward(layers, np.array([[2.0]])).tolist() == [[2, 2]]


def test_a_player_takes_the_steps_of_adam() -> None:
    chance = torch.Generator().manual_seed(0)
    start = [torch.randn(4, 3, generator=chance), torch.zeros(3)]
    rows, aims = torch.randn(8, 4, generator=chance), torch.randn(8, 3, generator=chance)
    player = _Player(start)
    weights = [one.clone().requires_grad_() for one in start]
    adam = torch.optim.Adam(weights, lr=0.1, betas=DECAYS, eps=EPSILON)
    for _ in range(5):
        loss = (rows @ weights[0] + weights[1] - aims).square().mean()
        for one, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            one.grad = gradient
        adam.step()
        loss = (rows @ player.weights[0] + player.weights[1] - aims).square().mean()
        player.update(loss, 0.1)
    for one, two in zip(player.weights, weights, strict=True):
        torch.testing.assert_close(one, two)
