import pytest
import torch

from convergan.metrics import InceptionScore, InceptionSums, inception_score
from tests import oracles

LOGITS = 6 * oracles.draw(67, 9)
SCORE = inception_score(logits=LOGITS, splits=5)


def summed(firsts: list[int], size: int) -> InceptionSums:
    """Sums of the batches of ``size`` rows that begin at these."""
    sums = InceptionSums(67, 5, 9)
    for first in firsts:
        sums.update(first, logits=LOGITS[first : first + size])
    return sums


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13, 14, 66, 67])
def test_order_and_size_of_batches_do_not_change_a_bit(size: int) -> None:
    firsts = list(range(0, 67, size))
    mixed = torch.randperm(len(firsts), generator=torch.Generator().manual_seed(size)).tolist()
    assert summed(firsts, size).score() == SCORE
    assert summed([firsts[i] for i in mixed], size).score() == SCORE


def test_probabilities_in_batches_do_not_change_a_bit() -> None:
    probabilities = LOGITS.softmax(dim=1).float()
    expected = inception_score(probabilities=probabilities, splits=5)
    for size in (1, 4, 10, 31):
        sums = InceptionSums(67, 5, 9)
        for first in reversed(range(0, 67, size)):
            sums.update(first, probabilities=probabilities[first : first + size])
        assert sums.score() == expected


def test_rows_of_any_layout_have_the_same_score() -> None:
    across = LOGITS.T.contiguous().T
    every_other = torch.stack([LOGITS, LOGITS], dim=2)[:, :, 0]
    assert inception_score(logits=across, splits=5) == SCORE
    assert inception_score(logits=every_other, splits=5) == SCORE


def test_a_thousand_classes_in_chunks_are_those_of_the_slow_loop() -> None:
    logits = 8 * oracles.draw(600, 1008, seed=2).float()  # more rows than a chunk holds
    mean, std = oracles.inception_score(logits.double().softmax(dim=1).numpy(), 2)
    sums = InceptionSums(600, 2, 1008)
    for first in (350, 0):
        sums.update(first, logits=logits[first : 350 if first == 0 else 600])
    score = sums.score()
    assert score == inception_score(logits=logits, splits=2)
    assert score.mean == pytest.approx(mean, rel=1e-12)
    assert score.std == pytest.approx(std, rel=1e-9)


@pytest.mark.parametrize(("rows", "splits"), [(10, 3), (12, 10), (7, 7), (23, 6)])
def test_each_row_is_in_the_split_of_the_released_ranges(rows: int, splits: int) -> None:
    """Row i alone is sure, so that the split that it is in has another marginal."""
    for i in range(rows):
        probabilities = torch.full((rows, 2), 0.5)
        probabilities[i] = torch.tensor([1.0, 0.0])
        sums = InceptionSums(rows, splits, 2)
        sums.update(0, probabilities=probabilities)
        [found] = (sums.marginals()[:, 0] > 0.5).nonzero().flatten().tolist()
        assert found == ((i + 1) * splits - 1) // rows
        assert i in range(found * rows // splits, (found + 1) * rows // splits)


def test_classes_too_rare_for_one_digit_are_still_counted() -> None:
    tiny = 2.0**-45  # of each of 1,000 classes, in every row of the first half
    rows = torch.full((8, 1001), tiny, dtype=torch.float64)
    rows[4:, 1:] = 0
    rows[:, 0] = 1 - rows[:, 1:].sum(dim=1)
    mean, _ = oracles.inception_score(rows.numpy(), 1)
    assert inception_score(probabilities=rows, splits=1).mean - 1 == pytest.approx(
        mean - 1, rel=1e-3
    )


@pytest.mark.parametrize("size", [1, 5, 20])
def test_merged_sums_are_those_of_all_rows_and_leave_the_other_as_it_was(size: int) -> None:
    firsts = list(range(0, 67, size))
    left, right = summed(firsts[::2], size), summed(firsts[1::2], size)
    left.merge(right)
    assert left.score() == SCORE
    with pytest.raises(ValueError, match="rows were added, row 0 was not$"):
        right.score()


def test_sums_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(67, 5, 9\) cannot take those of \(67, 4, 9\)$"):
        InceptionSums(67, 5, 9).merge(InceptionSums(67, 4, 9))


def test_rows_given_twice_are_refused_and_change_nothing() -> None:
    sums = summed([0], 20)
    with pytest.raises(ValueError, match="^row 15 was added before$"):
        sums.update(15, logits=LOGITS[15:25])
    with pytest.raises(ValueError, match="^row 19 is in both sums$"):
        sums.merge(summed([19], 10))
    sums.update(20, logits=LOGITS[20:])
    assert sums.score() == SCORE


def test_a_score_of_fewer_rows_than_promised_is_refused() -> None:
    with pytest.raises(ValueError, match="^60 of 67 rows were added, row 60 was not$"):
        summed([0, 20, 40], 20).score()


@pytest.mark.parametrize(("first", "size"), [(-1, 2), (66, 2), (67, 1)])
def test_rows_beyond_the_last_are_refused(first: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"^rows must be from 0 to 66, got {first} to "):
        InceptionSums(67, 5, 9).update(first, logits=LOGITS[:size])


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="^logits must have 9 columns, got 8$"):
        InceptionSums(67, 5, 9).update(0, logits=LOGITS[:, :8])


@pytest.mark.parametrize(
    ("rows", "splits", "classes", "reason"),
    [
        (3, 4, 2, "splits must be from 1 to the 3 rows, got 4"),
        (2**28 + 1, 1, 2, "rows must be at most 268435456, got 268435457"),
        (3, 1, 0, "classes must be 1 or more, got 0"),
    ],
)
def test_sizes_that_cannot_be_are_refused(
    rows: int, splits: int, classes: int, reason: str
) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        InceptionSums(rows, splits, classes)


def test_most_rows_fit_in_the_sums() -> None:
    """As many rows as there may be, each sure of the same class or of none of very many."""
    from convergan.metrics.inception_sums import DIGIT, MOST_ROWS

    assert MOST_ROWS * DIGIT * 1.0001 < 2**63
    assert MOST_ROWS * DIGIT * 22 < 2**63  # the logarithm of 2^31 classes is 21.5


def test_the_result_is_the_same_kind_as_that_of_the_function() -> None:
    assert isinstance(SCORE, InceptionScore) and SCORE.classifier == ""
    sums = summed([0], 67)
    assert sums.score(1, "named") == inception_score(
        logits=LOGITS, splits=5, correction=1, classifier="named"
    )
