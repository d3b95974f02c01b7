import math

import pytest
import torch
from torch import Tensor

from convergan.metrics import bootstrap_interval
from tests import oracles
from tests.oracles import chance


def test_ends_are_percentiles_of_the_figure_of_rows_drawn_with_replacement() -> None:
    numbers, drawn = oracles.draw(20), chance(4)
    figures = sorted(
        oracles.mean([float(numbers[i]) for i in torch.randint(20, (20,), generator=drawn)])
        for _ in range(21)
    )
    found = bootstrap_interval(
        lambda i: float(numbers[i].mean()), 20, draws=21, level=0.9, chance=chance(4)
    )
    assert found == pytest.approx((figures[1], figures[19]))  # 5 % and 95 % of 20 steps


def test_it_holds_the_mean_of_the_distribution_as_often_as_it_says() -> None:
    held = 0
    for seed in range(100):
        numbers = oracles.draw(60, seed=seed)

        def figure(indices: Tensor, numbers: Tensor = numbers) -> float:
            return float(numbers[indices].mean())

        low, high = bootstrap_interval(figure, 60, level=0.8, chance=chance(seed))
        held += low <= 0 <= high
    assert abs(held / 100 - 0.8) < 0.1


def test_a_figure_that_is_always_the_same_has_no_width() -> None:
    assert bootstrap_interval(lambda i: float(len(i)), 7, chance=chance()) == (7, 7)


def test_the_same_chance_draws_the_same_and_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()

    def first(indices: Tensor) -> float:
        return float(indices[0])

    a, b, c = (bootstrap_interval(first, 50, chance=chance(seed)) for seed in (0, 0, 1))
    assert a == b != c and torch.equal(before, torch.get_rng_state())


def test_what_does_not_fit_is_refused() -> None:
    def figure(indices: Tensor) -> float:
        return math.nan if 0 in indices.tolist() else 0.0

    with pytest.raises(ValueError, match="^rows must be 1 or more, got 0$"):
        bootstrap_interval(figure, 0, chance=chance())
    with pytest.raises(ValueError, match="^draws must be 2 or more, got 1$"):
        bootstrap_interval(figure, 5, draws=1, chance=chance())
    with pytest.raises(ValueError, match="^level must be above 0 and below 1, got 1$"):
        bootstrap_interval(figure, 5, level=1, chance=chance())
    with pytest.raises(ValueError, match="^the figure must be finite, got nan in draw 0$"):
        bootstrap_interval(figure, 1, chance=chance())
