import math

import pytest
import torch

from convergan.metrics import KernelDistance, kernel_distance, polynomial_discrepancy
from tests import oracles
from tests.oracles import chance


def slow_discrepancy(x: oracles.Array, y: oracles.Array) -> float:
    """Unbiased MMD^2 of two sets, one pair at a time."""

    def kernel(a: oracles.Array, b: oracles.Array) -> float:
        return (sum(float(u) * float(v) for u, v in zip(a, b, strict=True)) / len(a) + 1) ** 3

    def within(rows: oracles.Array) -> float:
        count = len(rows)
        pairs = [kernel(rows[i], rows[j]) for i in range(count) for j in range(count) if i != j]
        return oracles.mean(pairs)

    return within(x) + within(y) - 2 * oracles.mean([kernel(a, b) for a in x for b in y])


@pytest.mark.parametrize(("n", "m"), [(9, 9), (7, 12), (2, 3)])
def test_discrepancy_is_that_of_the_slow_loop(n: int, m: int) -> None:
    x, y = 2 * oracles.draw(n, 5) + 1, oracles.draw(m, 5, seed=1)
    expected = slow_discrepancy(x.numpy(), y.numpy())
    assert polynomial_discrepancy(x, y) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert polynomial_discrepancy(y, x) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_distance_is_mean_and_population_deviation_of_the_drawn_subsets() -> None:
    features, others = oracles.draw(30, 4), oracles.draw(20, 4, seed=1) + 1
    drawn = chance(5)
    values = []
    for _ in range(6):
        x = features[torch.randperm(30, generator=drawn)[:8]]
        y = others[torch.randperm(20, generator=drawn)[:8]]
        values.append(slow_discrepancy(x.numpy(), y.numpy()))
    found = kernel_distance(real=features, fake=others, subsets=6, subset_size=8, chance=chance(5))
    assert found.mean == pytest.approx(oracles.mean(values), rel=1e-11)
    assert found.std == pytest.approx(oracles.deviation(values), rel=1e-9)
    assert found[2:] == (6, 8)


def test_it_is_zero_on_average_between_sets_of_one_distribution_and_may_be_below() -> None:
    values = [
        polynomial_discrepancy(oracles.draw(20, 3, seed=2 * i), oracles.draw(20, 3, seed=2 * i + 1))
        for i in range(300)
    ]
    error = oracles.deviation(values) / math.sqrt(len(values))
    assert min(values) < 0 < max(values) and abs(oracles.mean(values)) < 3 * error


def test_it_grows_with_a_shift() -> None:
    rows, others = oracles.draw(60, 3), oracles.draw(60, 3, seed=1)
    found = [
        kernel_distance(
            real=rows, fake=others + shift, subsets=3, subset_size=50, chance=chance()
        ).mean
        for shift in (0, 1, 2, 4)
    ]
    assert found == sorted(found)


def test_low_precision_is_reduced_in_float64() -> None:
    x, y = oracles.draw(20, 4).half(), oracles.draw(20, 4, seed=1).half()
    assert polynomial_discrepancy(x, y) == polynomial_discrepancy(x.double(), y.double())


def test_the_same_chance_draws_the_same_and_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    x, y = oracles.draw(20, 4), oracles.draw(20, 4, seed=1)
    a, b, c = (
        kernel_distance(real=x, fake=y, subsets=2, subset_size=5, chance=chance(seed))
        for seed in (0, 0, 1)
    )
    assert a == b != c and torch.equal(before, torch.get_rng_state())


def test_a_distance_says_how_it_was_taken() -> None:
    assert str(KernelDistance(0.01, 0.002, 100, 1000)) == (
        "kernel distance 0.010000 +- 0.002000: MMD^2 by (x.y / D + 1)^3, mean and population "
        "deviation of 100 subsets of 1,000 rows"
    )


def test_what_does_not_fit_is_refused() -> None:
    x, y = torch.zeros(5, 2), torch.zeros(4, 2)
    with pytest.raises(ValueError, match="^subsets of 5 rows need as many, got 5 and 4$"):
        kernel_distance(real=x, fake=y, subset_size=5, chance=chance())
    with pytest.raises(ValueError, match="^subset_size must be 2 or more, got 1$"):
        kernel_distance(real=x, fake=y, subset_size=1, chance=chance())
    with pytest.raises(ValueError, match="^subsets must be 1 or more, got 0$"):
        kernel_distance(real=x, fake=y, subsets=0, chance=chance())
    with pytest.raises(ValueError, match="^fake features must have 2 columns, got 3$"):
        polynomial_discrepancy(x, torch.zeros(5, 3))
    with pytest.raises(ValueError, match="^fake features must be finite, row 0 is not$"):
        polynomial_discrepancy(x, torch.full((3, 2), math.nan))
