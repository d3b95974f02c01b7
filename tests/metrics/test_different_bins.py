import math

import pytest
import torch
from torch import Tensor

from convergan.metrics import DifferentBins, different_bins
from tests import oracles
from tests.oracles import chance

CENTRES = torch.tensor([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0], [20.0, 20.0]])


def around(counts: list[int], seed: int = 0) -> Tensor:
    """So many rows around each centre, well apart."""
    modes = torch.arange(4).repeat_interleave(torch.tensor(counts))
    return CENTRES[modes] + oracles.draw(sum(counts), 2, seed=seed)


def slow_test(n: int, m: int, rows: int, others: int) -> float:
    """The chance of as large a difference of two proportions, both sides."""
    pooled = (n + m) / (rows + others)
    z = (n / rows - m / others) / math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / others))
    return 2 * (1 - 0.5 * (1 + math.erf(abs(z) / math.sqrt(2))))


@pytest.mark.parametrize("seed", range(5))
def test_bins_are_the_clusters_and_the_count_is_that_of_the_slow_test(seed: int) -> None:
    counts, others = [100, 50, 30, 20], [40, 27, 11, 22]
    found = different_bins(
        real=around(counts),
        fake=around(others, seed=1),
        bins=4,
        chance=chance(seed),
        significance=0.1,
    )
    assert sorted(found.real_shares) == [0.1, 0.15, 0.25, 0.5]
    pairs = dict(zip(found.real_shares, found.fake_shares, strict=True))
    assert pairs == {0.5: 0.4, 0.25: 0.27, 0.15: 0.11, 0.1: 0.22}
    chances = [slow_test(n, m, 200, 100) for n, m in zip(counts, others, strict=True)]
    assert found.different == sum(p < 0.1 for p in chances) == 1
    assert found[1:4] == (4, 0.1, (200, 100))


def test_each_row_is_in_the_bin_of_the_nearest_centre_which_is_the_mean_of_its_rows() -> None:
    """Of three points on a line, two near each other: k-means with two bins has one answer."""
    real = torch.tensor([[0.0], [1.0], [9.0]]).repeat(10, 1)
    fake = torch.tensor([[4.7], [4.8], [4.9]])  # centres 0.5 and 9 are parted at 4.75
    found = different_bins(real=real, fake=fake, bins=2, chance=chance())
    shares = dict(zip(found.real_shares, found.fake_shares, strict=True))
    assert shares == pytest.approx({2 / 3: 1 / 3, 1 / 3: 2 / 3})


def test_equal_shares_differ_nowhere() -> None:
    real = around([40, 30, 20, 10])
    assert different_bins(real=real, fake=real, bins=10, chance=chance()).different == 0


def test_a_mode_that_is_missed_differs() -> None:
    found = different_bins(
        real=around([500] * 4), fake=around([700, 700, 600, 0], seed=1), bins=4, chance=chance()
    )
    assert found.different == 4


def test_rows_held_out_differ_in_few_bins() -> None:
    rows = oracles.draw(4000, 4)
    found = different_bins(real=rows[:2000], fake=rows[2000:], bins=40, chance=chance())
    assert found.different <= 8 and len(found.real_shares) == len(found.fake_shares) == 40
    assert sum(found.real_shares) == pytest.approx(1) and min(found.real_shares) > 0


@pytest.mark.slow
def test_counts_from_start_to_start_deviate_by_as_much_as_is_stated() -> None:
    draws = torch.Generator().manual_seed(0)
    centres = 3 * torch.randn(30, 10, generator=draws)

    def rows(count: int) -> Tensor:
        chosen = centres[torch.randint(30, (count,), generator=draws)]
        return chosen + torch.randn(count, 10, generator=draws)

    real, held_out = rows(5000), rows(2000)
    counts = torch.tensor(
        [
            different_bins(real=real, fake=held_out, bins=50, chance=chance(100 * start)).different
            for start in range(10)
        ],
        dtype=torch.float64,
    )
    assert counts.mean().item() == pytest.approx(3.9, abs=0.6)
    assert counts.std().item() == pytest.approx(1.0, abs=0.5)


def test_the_same_chance_finds_the_same_and_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    real, fake = oracles.draw(100, 2), oracles.draw(90, 2, seed=1)
    first, second = (
        different_bins(real=real, fake=fake, bins=7, chance=chance(3)) for _ in range(2)
    )
    assert first == second and torch.equal(before, torch.get_rng_state())


def test_bins_of_copies_are_refused() -> None:
    real = torch.tensor([[0.0], [1.0]]).repeat(8, 1)
    with pytest.raises(ValueError, match="^bins must be at most the 2 different real rows, got 3$"):
        different_bins(real=real, fake=real, bins=3, chance=chance())


def test_what_does_not_fit_is_refused() -> None:
    rows = torch.zeros(5, 2)
    with pytest.raises(ValueError, match="^bins must be from 2 to the 5 real rows, got 6$"):
        different_bins(real=rows, fake=rows, bins=6, chance=chance())
    with pytest.raises(ValueError, match="^bins must be from 2 to the 5 real rows, got 1$"):
        different_bins(real=rows, fake=rows, bins=1, chance=chance())
    with pytest.raises(ValueError, match="^significance must be above 0 and below 1, got 1$"):
        different_bins(real=rows, fake=rows, bins=2, chance=chance(), significance=1)
    with pytest.raises(ValueError, match="^fake features must have 2 columns, got 3$"):
        different_bins(real=rows, fake=torch.zeros(5, 3), bins=2, chance=chance())


def test_a_count_says_how_it_was_taken() -> None:
    assert str(DifferentBins(7, 100, 0.05, (5000, 1000), (), ())) == (
        "7 of 100 bins differ: k-means on the real rows, two-proportion z test at 0.05, "
        "5,000 real and 1,000 fake rows"
    )
