import math

import pytest
import torch
from torch import Tensor

from convergan.data import stack_digits, stacked


def digits(count: int) -> tuple[Tensor, Tensor]:
    """Images (N, 1, 2, 2) whose pixels say which row of the data, and labels that row mod 10."""
    rows = torch.arange(count)
    return rows.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2), rows % 10


def test_every_channel_is_a_whole_digit_and_the_label_reads_them_in_order() -> None:
    images, labels = stack_digits(*digits(50), 400, seed=0)
    assert images.shape == (400, 3, 2, 2) and images.dtype == torch.uint8
    assert labels.shape == (400,) and labels.dtype == torch.int64
    for image, label in zip(images, labels.tolist(), strict=True):
        assert bool((image == image[:, :1, :1]).all())
        a, b, c = (int(row) % 10 for row in image[:, 0, 0])
        assert label == 100 * a + 10 * b + c


def test_channels_are_drawn_evenly_and_independently() -> None:
    count = 100_000
    labels = stack_digits(*digits(10), count, seed=0)[1]
    for divisor in (100, 10, 1):
        shares = (labels // divisor % 10).bincount() / count
        assert shares.tolist() == pytest.approx([0.1] * 10, abs=0.005)
    together = labels.bincount(minlength=1000).double()
    excess = ((together - count / 1000) ** 2 / (count / 1000)).sum()
    assert float(excess) == pytest.approx(999, abs=5 * (2 * 999) ** 0.5)  # chi-squared


TRAINING_DIGITS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_DIGITS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_rows_of_all_digits_would_have_test_digits_as_often_as_is_stated() -> None:
    images = (torch.arange(70) >= 60).view(70, 1, 1, 1)  # a seventh are of the test set
    rows, _ = stack_digits(images, torch.arange(70) % 10, 100_000, seed=0)
    assert rows.flatten(1).any(dim=1).double().mean().item() == pytest.approx(0.370, abs=0.005)
    assert 1 - (60_000 / 70_000) ** 3 == pytest.approx(0.370, abs=5e-4)
    everything = [a + b for a, b in zip(TRAINING_DIGITS, TEST_DIGITS, strict=True)]
    pairs = zip(everything, TRAINING_DIGITS, strict=True)
    apart = 3 * sum(a / 70_000 * math.log(a / 70_000 / (b / 60_000)) for a, b in pairs)
    assert apart == pytest.approx(1e-5, rel=0.1)
    doc = " ".join((stacked.__doc__ or "").split())
    assert "37.0 % of them have a digit of the test set" in doc and "1e-5 nats apart" in doc


def test_rows_depend_on_the_seed_alone() -> None:
    before = torch.get_rng_state()
    (one, _), (again, _), (other, _) = (stack_digits(*digits(50), 20, seed=s) for s in (3, 3, 4))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_more_rows_than_digits_can_be_drawn_and_none_as_well() -> None:
    assert len(set(stack_digits(*digits(2), 30, seed=0)[1].tolist())) == 8
    assert stack_digits(*digits(2), 0, seed=0)[0].shape == (0, 3, 2, 2)


@pytest.mark.parametrize("shape", [(5, 3, 2, 2), (5, 2, 2), (4, 1, 2, 2), (0, 1, 2, 2)])
def test_what_are_no_digits_is_refused(shape: tuple[int, ...]) -> None:
    labels = torch.zeros(5 if shape[0] else 0, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"digits must be \(N, 1, H, W\) with N labels"):
        stack_digits(torch.zeros(shape), labels, 3, seed=0)


@pytest.mark.parametrize("labels", [[0, 10], [-1, 5]])
def test_labels_that_are_no_digits_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match=f"from 0 to 9, got {labels[0]} to {labels[1]}$"):
        stack_digits(torch.zeros(2, 1, 2, 2), torch.tensor(labels), 3, seed=0)
