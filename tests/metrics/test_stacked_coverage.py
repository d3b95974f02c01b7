import math
import os
from collections import Counter

import pytest
import torch

from convergan.data import load, to_unit_range
from convergan.metrics import classify, load_classifier, stacked_coverage, stacked_shares
from tests import oracles

NETWORK = load_classifier("mnist")
EVEN = torch.full((10,), 0.1, dtype=torch.float64)


def test_the_share_of_a_class_is_the_product_of_its_digits_shares() -> None:
    digits = (oracles.draw(10) / 4).softmax(dim=0)
    shares = stacked_shares(digits)
    assert float(shares.sum()) == pytest.approx(1, rel=1e-12)
    for number in range(1000):
        a, b, c = (int(digit) for digit in f"{number:03}")
        expected = float(digits[a]) * float(digits[b]) * float(digits[c])
        assert float(shares[number]) == pytest.approx(expected, rel=1e-12)


def test_each_channel_is_classified_by_itself_and_read_in_order() -> None:
    images = torch.rand(40, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    images = images * (images > 0.7)
    seen = Counter(
        tuple(int(classify(NETWORK, image[c : c + 1, None]).argmax()) for c in range(3))
        for image in images
    )
    assert len(seen) > 1
    digits = torch.arange(1, 11) / 55
    coverage = stacked_coverage(NETWORK, images, digits)
    assert (coverage.found, coverage.modes, coverage.high_quality) == (len(seen), 1000, None)
    kl = 0.0
    for (a, b, c), count in seen.items():
        expected = float(digits[a]) * float(digits[b]) * float(digits[c])
        kl += count / 40 * math.log(count / 40 / expected)
    assert coverage.kl == pytest.approx(kl, rel=1e-6)


@pytest.mark.parametrize("shape", [(0, 3, 28, 28), (4, 1, 28, 28), (4, 3, 32, 32), (3, 28, 28)])
def test_images_of_another_shape_or_none_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^images must be floating point \(N, .*, got"):
        stacked_coverage(NETWORK, torch.zeros(shape), EVEN)


def test_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="must be floating point .* got torch.uint8"):
        stacked_coverage(NETWORK, torch.zeros(4, 3, 28, 28, dtype=torch.uint8), EVEN)


@pytest.mark.parametrize("shares", [[0.1] * 9, [0.2] * 10, [0.0, 0.2] + [0.1] * 8])
def test_shares_that_are_none_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match=r"^digit shares must be \(10,\) above 0 with sum 1, got"):
        stacked_coverage(NETWORK, torch.zeros(4, 3, 28, 28), torch.tensor(shares))


@pytest.mark.nightly
@pytest.mark.data
def test_real_rows_of_stacked_mnist_find_every_class_near_the_floor() -> None:
    if "CONVERGAN_DATA" not in os.environ:
        pytest.skip("CONVERGAN_DATA is not set")
    stacked = load("stacked-mnist")
    assert stacked.row_shape == (3, 28, 28)
    assert stacked.classes == tuple(f"{number:03}" for number in range(1000))
    assert (len(stacked.train.labels), len(stacked.test.labels)) == (128_000, 10_000)
    digits = load("ylecun/mnist").train.labels.bincount().double()
    shares = stacked_shares(digits / digits.sum())
    counts = stacked.train.labels.bincount(minlength=1000)
    assert int(counts.min()) > 50
    excess = float(((counts - 128_000 * shares) ** 2 / (128_000 * shares)).sum())
    assert excess == pytest.approx(999, abs=5 * (2 * 999) ** 0.5)  # chi-squared
    found = stacked_coverage(
        NETWORK, to_unit_range(stacked.train.images[:26_000]), digits / digits.sum()
    )
    assert found.found == 1000
    assert found.kl == pytest.approx(999 / 52_000, abs=0.005)  # of so many perfect samples
