import numpy as np
import pytest
import torch

from convergan.estimator.member import (
    COMPONENTS,
    LOG_EVERY,
    features,
    forward,
    train_gan,
    train_twin,
)
from convergan.estimator.teacher import pool_opinions
from tests.estimator.helpers import clusters, task_of


def test_a_fold_sees_neither_label_nor_row_of_what_it_is_tested_on() -> None:
    whole = clusters()
    part = whole.without(torch.tensor([0, 4]))
    assert len(part.rows) == 88 and len(part.labeled) == 28
    seen = part.rows[part.labeled]
    assert torch.equal(seen, whole.rows[[1, 2, 3, *range(5, 30)]])
    assert part.labels.tolist() == [n % 3 for n in [1, 2, 3, *range(5, 30)]]
    assert not (part.rows[:, None] == whole.rows[[0, 4]]).all(dim=2).any()


def test_the_first_layer_of_wide_rows_takes_them_as_they_are() -> None:
    rows = np.random.default_rng(0).normal(size=(60, COMPONENTS + 20))
    task = task_of(rows, range(20), np.arange(20) % 2, steps=2)
    layers = train_gan(task, pool_opinions(task)).layers
    assert layers[0][0].shape[0] == rows.shape[1]
    assert forward(layers, rows).shape == (60, 2)


def test_a_history_has_a_line_now_and_then_and_one_at_the_end() -> None:
    lines: list[dict[str, float]] = []
    found = train_twin(clusters(steps=2 * LOG_EVERY + 3, on_losses=lines.append))
    assert [line["step"] for line in found.history] == [LOG_EVERY, 2 * LOG_EVERY, 2 * LOG_EVERY + 3]
    assert lines == found.history
    late = train_twin(clusters(steps=1000, deadline=0.0))
    assert [line["step"] for line in late.history] == [1]


def test_the_twin_takes_nothing_from_unlabelled_rows() -> None:
    task = clusters(labeled=30, steps=5)
    other = task_of(
        task.rows.numpy(), range(30), task.labels, steps=5, batch_size=30, unlabeled_weight=7.0
    )
    for (a, b), (c, d) in zip(train_twin(task).layers, train_twin(other).layers, strict=True):
        assert (a == c).all() and (b == d).all()


@pytest.mark.parametrize("steps", [1, 3])
def test_the_same_seed_gives_the_same_bits(steps: int) -> None:
    task = clusters(steps=steps)
    soft_labels = torch.full((90, 3), 1 / 3)
    one, two = (train_gan(task, soft_labels).layers for _ in range(2))
    assert all((a == c).all() and (b == d).all() for (a, b), (c, d) in zip(one, two, strict=True))


def test_logits_are_the_last_layer_of_the_features() -> None:
    layers = [(np.array([[1.0, -1.0]]), np.zeros(2)), (np.array([[2.0], [3.0]]), np.ones(1))]
    rows = np.array([[5.0], [-2.0]])
    assert features(layers, rows).tolist() == [[5, 0], [0, 2]]
    assert forward(layers, rows).tolist() == [[11], [7]]
