import math

import pytest
import torch

from convergan.metrics import class_coverage, mode_coverage
from tests import oracles

CENTRES = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def around(modes: list[int], std: float = 1.0) -> torch.Tensor:
    noise = torch.randn(len(modes), 2, generator=torch.Generator().manual_seed(0))
    return CENTRES[modes] + std * noise


def test_figures_are_those_of_the_slow_loop() -> None:
    samples = around([0] * 30 + [1] * 7 + [3] * 13, std=2.0)
    found = mode_coverage(samples, CENTRES, std=1.0)
    expected = oracles.mode_coverage(samples.double().numpy(), CENTRES.double().numpy(), 1.0)
    assert (found.found, found.high_quality) == expected[:2]
    assert found.kl == pytest.approx(expected[2], rel=1e-12)
    assert 0 < expected[1] < 1 and found.modes == 4


def test_data_themselves_find_every_mode_evenly() -> None:
    found = mode_coverage(around([0, 1, 2, 3] * 500), CENTRES, std=1.0)
    assert found.found == 4 and found.kl == pytest.approx(0, abs=1e-3)
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.01)  # 3 deviations, 2-d


@pytest.mark.parametrize("modes", [1, 2, 4])
def test_the_divergence_of_a_few_even_modes_is_the_logarithm_of_the_ratio(modes: int) -> None:
    samples = CENTRES[:modes].repeat(5, 1)
    assert mode_coverage(samples, CENTRES, std=1.0).kl == pytest.approx(math.log(4 / modes))


def test_a_mode_is_not_found_by_samples_far_from_it() -> None:
    samples = torch.tensor([[0.0, 0.0], [7.0, 0.0]])
    assert mode_coverage(samples, CENTRES, std=1.0)[:2] == (2, 4)  # three deviations, just
    found = mode_coverage(samples, CENTRES, std=0.99)
    assert (found.found, found.high_quality) == (1, 0.5)


def test_the_unit_does_not_matter() -> None:
    samples = around([0] * 9 + [2] * 4, std=2.0)
    assert mode_coverage(samples, CENTRES, std=1.0) == mode_coverage(
        8 * samples, 8 * CENTRES, std=8.0
    )


def test_classes_are_compared_with_their_shares_in_the_data() -> None:
    shares = torch.tensor([0.5, 0.3, 0.2, 0.0 + 1e-9])
    found = class_coverage(torch.tensor([0] * 5 + [1] * 3 + [2] * 2), shares)
    assert (found.found, found.modes, found.high_quality) == (3, 4, None)
    assert found.kl == pytest.approx(0, abs=1e-6)
    skewed = class_coverage(torch.tensor([1, 1, 2, 2]), shares)
    assert skewed.kl == pytest.approx(0.5 * math.log(0.5 / 0.3) + 0.5 * math.log(0.5 / 0.2))


@pytest.mark.parametrize("shape", [(0, 2), (3, 3), (4,)])
def test_samples_of_another_width_or_none_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"samples must be \(N, 2\) with N of 1 or more, got"):
        mode_coverage(torch.zeros(shape), CENTRES, std=1.0)


@pytest.mark.parametrize("classes", [[], [0, 4], [-1, 2]])
def test_classes_out_of_range_are_refused(classes: list[int]) -> None:
    with pytest.raises(ValueError, match="one or more numbers from 0 to 3"):
        class_coverage(torch.tensor(classes, dtype=torch.int64), torch.full((4,), 0.25))
