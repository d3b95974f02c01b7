import math

import pytest
import torch

from convergan.metrics import PrecisionRecall, precision_recall
from tests import oracles


def slow_shares(real: oracles.Array, fake: oracles.Array, k: int) -> tuple[float, ...]:
    """Ball by ball and row by row."""

    def reaches(rows: oracles.Array) -> list[float]:
        return [
            sorted(math.dist(row, other) for j, other in enumerate(rows) if j != i)[k - 1]
            for i, row in enumerate(rows)
        ]

    real_reach, fake_reach = reaches(real), reaches(fake)
    around = [
        sum(math.dist(row, f) <= reach for row, reach in zip(real, real_reach, strict=True))
        for f in fake
    ]
    recalled = [
        any(math.dist(row, f) <= reach for f, reach in zip(fake, fake_reach, strict=True))
        for row in real
    ]
    covered = [
        any(math.dist(row, f) <= reach for f in fake)
        for row, reach in zip(real, real_reach, strict=True)
    ]
    return (
        oracles.mean([float(count > 0) for count in around]),
        oracles.mean([float(held) for held in recalled]),
        oracles.mean([float(count) for count in around]) / k,
        oracles.mean([float(held) for held in covered]),
    )


@pytest.mark.parametrize("block", [1, 7, 16, 1000])
@pytest.mark.parametrize(("neighbors", "shift"), [(1, 0.0), (3, 1.0), (5, 1.5)])
def test_shares_are_those_of_the_slow_loop_whatever_the_blocks(
    block: int, neighbors: int, shift: float
) -> None:
    real, fake = oracles.draw(40, 4), 0.8 * oracles.draw(33, 4, seed=1) + shift
    found = precision_recall(real=real, fake=fake, neighbors=neighbors, block=block)
    expected = slow_shares(real.numpy(), fake.numpy(), neighbors)
    assert found[:4] == pytest.approx(expected, rel=1e-12)
    assert found[4:] == (neighbors, (40, 33))
    assert 0 < found.precision and 0 < found.recall


def test_fakes_of_the_same_distribution_have_density_and_coverage_as_expected() -> None:
    """Coverage of N fakes of N real rows tends to 1 - 2^-k: Naeem et al., section 3.3."""
    real, fake = oracles.draw(1000, 8), oracles.draw(1000, 8, seed=1)
    found = precision_recall(real=real, fake=fake, neighbors=3)
    assert found.density == pytest.approx(1, abs=0.1)
    assert found.coverage == pytest.approx(1 - 2**-3, abs=0.04)


def test_fakes_far_away_have_none_of_it() -> None:
    real = oracles.draw(30, 3)
    assert precision_recall(real=real, fake=real + 100, neighbors=3)[:4] == (0, 0, 0, 0)


def test_fakes_of_one_place_are_precise_and_recall_little() -> None:
    real = oracles.draw(200, 2)
    fake = 0.01 * oracles.draw(50, 2, seed=1)
    found = precision_recall(real=real, fake=fake, neighbors=3)
    assert found.precision == 1 and found.recall < 0.02 and found.coverage < 0.1


def test_a_far_fake_spoils_recall_and_not_coverage() -> None:
    real = oracles.draw(100, 2)
    fake = torch.cat([0.01 * oracles.draw(50, 2, seed=1), torch.full((1, 2), 50.0)])
    without, found = (precision_recall(real=real, fake=f, neighbors=1) for f in (fake[:-1], fake))
    assert without.recall == 0 and found.recall > 0.4
    assert found.coverage == without.coverage


def test_copies_of_the_real_rows_are_in_every_ball() -> None:
    real = oracles.draw(50, 3)
    for fake in (real, real.clone()):
        found = precision_recall(real=real, fake=fake, neighbors=2, block=16)
        assert (found.precision, found.recall, found.coverage) == (1, 1, 1)


def test_a_large_mean_takes_no_digits_away() -> None:
    real, fake = oracles.draw(60, 4).half().float(), oracles.draw(60, 4, seed=1).half().float()
    expected = precision_recall(real=real, fake=fake, neighbors=3)
    assert precision_recall(real=real + 512, fake=fake + 512, neighbors=3) == precision_recall(
        real=(real + 512) - 512, fake=(fake + 512) - 512, neighbors=3
    )
    assert expected == precision_recall(real=real.double(), fake=fake.double(), neighbors=3)


def test_shares_say_how_they_were_taken() -> None:
    assert str(PrecisionRecall(0.5, 0.25, 1.0, 0.75, 5, (2000, 1000))) == (
        "precision 0.5000, recall 0.2500, density 1.0000, coverage 0.7500: balls to the 5 "
        "nearest, 2,000 real and 1,000 fake rows"
    )


@pytest.mark.parametrize("neighbors", [0, 4, 5])
def test_more_neighbors_than_other_rows_are_refused(neighbors: int) -> None:
    reason = f"less than the 5 real and 4 fake rows, got {neighbors}$"
    with pytest.raises(ValueError, match=reason):
        precision_recall(real=torch.zeros(5, 2), fake=torch.zeros(4, 2), neighbors=neighbors)


def test_what_is_no_matrix_of_numbers_is_refused() -> None:
    rows = torch.zeros(5, 2)
    with pytest.raises(ValueError, match="^real features must be finite, row 4 is not$"):
        bad = torch.zeros(5, 2)
        bad[4, 1] = math.nan
        precision_recall(real=bad, fake=rows, neighbors=1)
    with pytest.raises(ValueError, match="^fake features must have 2 columns, got 3$"):
        precision_recall(real=rows, fake=torch.zeros(5, 3), neighbors=1)
    with pytest.raises(ValueError, match="^block must be 1 or more, got 0$"):
        precision_recall(real=rows, fake=rows, neighbors=1, block=0)
