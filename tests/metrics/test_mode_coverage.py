import math
import sys

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
    found = mode_coverage(samples=samples, centres=CENTRES, std=1.0)
    expected = oracles.mode_coverage(samples.double().numpy(), CENTRES.double().numpy(), 1.0)
    assert (found.found, found.high_quality) == expected[:2]
    assert found.kl == pytest.approx(expected[2], rel=1e-12)
    assert 0 < expected[1] < 1 and found.modes == 4


def test_data_themselves_find_every_mode_evenly() -> None:
    found = mode_coverage(samples=around([0, 1, 2, 3] * 500), centres=CENTRES, std=1.0)
    assert found.found == 4 and found.kl == pytest.approx(0, abs=1e-3)
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.01)  # 3 deviations, 2-d


@pytest.mark.parametrize("modes", [1, 2, 4])
def test_the_divergence_of_a_few_even_modes_is_the_logarithm_of_the_ratio(modes: int) -> None:
    samples = CENTRES[:modes].repeat(5, 1)
    assert mode_coverage(samples=samples, centres=CENTRES, std=1.0).kl == pytest.approx(
        math.log(4 / modes)
    )


def test_a_mode_is_not_found_by_samples_far_from_it() -> None:
    samples = torch.tensor([[0.0, 0.0], [7.0, 0.0]])
    assert mode_coverage(samples=samples, centres=CENTRES, std=1.0)[:2] == (
        2,
        4,
    )  # three deviations, just
    found = mode_coverage(samples=samples, centres=CENTRES, std=0.99)
    assert (found.found, found.high_quality) == (1, 0.5)


RING = torch.stack([100 * torch.arange(8.0), torch.zeros(8)], dim=1)


def even_divergence(samples: torch.Tensor) -> float:
    """Jensen-Shannon divergence of the samples of high quality from even shares, as PacGAN's."""
    nearest = torch.cdist(samples, RING).min(dim=1)
    good = nearest.indices[nearest.values < 3]
    shares = (good.bincount(minlength=8).double() / len(good)).tolist()
    middle = [(share + 1 / 8) / 2 for share in shares]
    first = sum(p * math.log(p / m) for p, m in zip(shares, middle, strict=True) if p)
    second = sum(math.log(1 / 8 / m) / 8 for m in middle)
    return float(first + second) / 2


@pytest.mark.parametrize(
    ("counts", "astray", "ours", "theirs"),
    [
        ([100], 0, "2.079", "0.497"),
        ([25] * 4, 0, "0.693", "0.216"),
        ([40, 10, 10, 10, 10], 20, "0.470", "0.190"),
    ],
)
def test_the_divergence_of_pacgan_is_as_far_from_ours_as_is_stated(
    counts: list[int], astray: int, ours: str, theirs: str
) -> None:
    samples = RING[torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))]
    samples = torch.cat([samples, (RING[5] + 4).expand(astray, 2)])
    found = mode_coverage(samples=samples, centres=RING, std=1.0)
    assert (f"{found.kl:.3f}", f"{even_divergence(samples):.3f}") == (ours, theirs)
    doc = sys.modules[mode_coverage.__module__].__doc__ or ""
    assert any(f"{ours} and{space}{theirs}" in doc for space in (" ", " that ", "\n"))


def test_the_unit_does_not_matter() -> None:
    samples = around([0] * 9 + [2] * 4, std=2.0)
    assert mode_coverage(samples=samples, centres=CENTRES, std=1.0) == mode_coverage(
        samples=8 * samples, centres=8 * CENTRES, std=8.0
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
    with pytest.raises(ValueError, match="^samples must (be a floating|have 2 columns)"):
        mode_coverage(samples=torch.zeros(shape), centres=CENTRES, std=1.0)


@pytest.mark.parametrize("classes", [[], [0, 4], [-1, 2]])
def test_classes_out_of_range_are_refused(classes: list[int]) -> None:
    with pytest.raises(ValueError, match="one or more numbers from 0 to 3"):
        class_coverage(torch.tensor(classes, dtype=torch.int64), torch.full((4,), 0.25))
