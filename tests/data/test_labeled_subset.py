import pytest
import torch

from convergan.data import draw_labeled_subset

CLASSES = ["ant", "bee", "cat"]
LABELS = torch.arange(60) % 3


def test_the_rows_drawn_carry_the_labels_returned_and_none_repeats() -> None:
    subset = draw_labeled_subset(LABELS, 12, CLASSES, seed=0)
    assert torch.equal(LABELS[subset.rows], subset.labels)
    assert len(set(subset.rows.tolist())) == 12
    assert subset.rows.dtype == subset.labels.dtype == torch.int64


@pytest.mark.parametrize("count", [3, 12, 60])
def test_every_class_gets_the_same_number_of_rows(count: int) -> None:
    labels = draw_labeled_subset(LABELS, count, CLASSES, seed=1).labels
    assert labels.bincount().tolist() == [count // 3] * 3


def test_rows_are_ordered_by_class() -> None:
    labels = draw_labeled_subset(LABELS, 12, CLASSES, seed=2).labels
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_a_larger_draw_of_the_same_seed_contains_the_smaller_one() -> None:
    small, large = (draw_labeled_subset(LABELS, n, CLASSES, seed=3).rows for n in (6, 30))
    assert set(small.tolist()) < set(large.tolist())


def test_the_draw_depends_on_the_seed_alone() -> None:
    first, again, other = (draw_labeled_subset(LABELS, 12, CLASSES, seed=s) for s in (4, 4, 5))
    assert torch.equal(first.rows, again.rows)
    assert not torch.equal(first.rows, other.rows)


def test_the_draw_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    draw_labeled_subset(LABELS, 12, CLASSES, seed=6)
    assert torch.equal(torch.get_rng_state(), before)


def test_over_many_seeds_every_row_is_drawn_about_equally_often() -> None:
    rows = torch.cat([draw_labeled_subset(LABELS, 30, CLASSES, seed=s).rows for s in range(400)])
    counts = rows.bincount(minlength=60)  # binomial: 400 draws of one half, deviation 10
    assert 150 < int(counts.min()) and int(counts.max()) < 250


def test_rows_without_a_label_are_never_drawn() -> None:
    labels = torch.where(torch.arange(60) < 30, LABELS, -1)
    assert int(draw_labeled_subset(labels, 30, CLASSES, seed=0).rows.max()) < 30


@pytest.mark.parametrize(
    ("count", "hint"),
    [(10, "9 or 12 would do"), (1, "3 or 6 would do"), (0, "3 or 6"), (-3, "3 or 6")],
)
def test_a_count_that_is_no_positive_multiple_of_the_classes_is_refused_with_the_nearest(
    count: int, hint: str
) -> None:
    with pytest.raises(ValueError, match=f"multiple of the 3 classes, got {count}; {hint}"):
        draw_labeled_subset(LABELS, count, CLASSES, seed=0)


def test_a_class_with_too_few_rows_is_named_with_both_numbers() -> None:
    labels = torch.tensor([0, 0, 0, 1, 2, 2, 2])
    with pytest.raises(ValueError, match="class 'bee' has 1 labelled rows, 2 were asked for"):
        draw_labeled_subset(labels, 6, CLASSES, seed=0)
