import pickle

import pytest
import torch
from torch import Tensor

from convergan.data import Batch, Batches, to_unit_range

ROWS = torch.arange(23, dtype=torch.float32)[:, None]
LABELED = torch.tensor([2, 3, 5, 7, 11])
LABELS = torch.tensor([0, 1, 2, 0, 1])
PER_EPOCH = 5  # 23 rows in batches of 4; the last three rows of an epoch's order are left out


def batches_of(
    seed: int = 0,
    rows: Tensor = ROWS,
    labeled: Tensor = LABELED,
    labels: Tensor = LABELS,
    batch_size: int = 4,
) -> Batches:
    device = torch.device("cpu")
    return Batches(rows, labeled, labels, batch_size=batch_size, seed=seed, device=device)


def epoch_of(batches: Batches, epoch: int) -> tuple[list[int], list[int], list[int]]:
    """Return the row numbers of one epoch: labelled, unlabelled, matching."""
    steps = range(epoch * PER_EPOCH + 1, (epoch + 1) * PER_EPOCH + 1)
    drawn = [batches(step) for step in steps]
    labeled, unlabeled, matching = (
        torch.cat(parts).flatten().long().tolist()
        for parts in (
            [b.labeled for b in drawn],
            [b.unlabeled for b in drawn],
            [b.matching for b in drawn],
        )
    )
    return labeled, unlabeled, matching


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_no_row_comes_twice_in_an_epoch_and_the_last_partial_batch_is_dropped(epoch: int) -> None:
    _, unlabeled, matching = epoch_of(batches_of(), epoch)
    for order in (unlabeled, matching):
        assert len(order) == len(set(order)) == 20
        assert set(order) <= set(range(23))


def test_both_orders_cover_all_rows_where_the_batches_fit() -> None:
    batches = batches_of(rows=ROWS[:20])
    _, unlabeled, matching = epoch_of(batches, 0)
    assert sorted(unlabeled) == sorted(matching) == list(range(20))


def test_the_rows_left_out_differ_from_epoch_to_epoch() -> None:
    left_out = {frozenset(range(23)) - frozenset(epoch_of(batches_of(), e)[1]) for e in range(8)}
    assert len(left_out) > 1


def test_unlabeled_and_matching_orders_are_independent() -> None:
    batches = batches_of(rows=torch.arange(2000.0)[:, None], batch_size=500)
    drawn = [batches(step) for step in range(1, 5)]
    unlabeled = torch.cat([b.unlabeled for b in drawn]).flatten()
    matching = torch.cat([b.matching for b in drawn]).flatten()
    correlation = torch.corrcoef(torch.stack([unlabeled, matching]))[0, 1]
    assert abs(float(correlation)) < 0.1  # deviation 1 / sqrt(2000) = 0.022
    assert int((unlabeled == matching).sum()) < 10  # a fixed point is expected once


def test_labeled_rows_are_tiled_permutations_with_their_labels() -> None:
    batches = batches_of()
    labeled, _, _ = epoch_of(batches, 0)
    for start in range(0, 20, 5):
        assert sorted(labeled[start : start + 5]) == LABELED.tolist()
    label_of = dict(zip(LABELED.tolist(), LABELS.tolist(), strict=True))
    for step in range(1, PER_EPOCH + 1):
        batch = batches(step)
        rows = batch.labeled.flatten().long().tolist()
        assert [label_of[row] for row in rows] == batch.labels.tolist()


def test_the_tiles_are_permuted_anew() -> None:
    labeled, _, _ = epoch_of(batches_of(labeled=torch.arange(10), labels=torch.arange(10)), 0)
    assert labeled[:10] != labeled[10:]


def test_a_batch_is_a_function_of_the_step_whatever_was_asked_before() -> None:
    forwards, shuffled = batches_of(), batches_of()
    expected = {step: forwards(step) for step in range(1, 18)}
    order = torch.randperm(17, generator=torch.Generator().manual_seed(0)) + 1
    for step in (*order.tolist(), *order.tolist()):
        for one, other in zip(expected[step], shuffled(step), strict=True):
            assert torch.equal(one, other)


def test_seeds_and_epochs_give_other_orders() -> None:
    orders = [tuple(epoch_of(batches_of(seed), epoch)[1]) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4


def test_batches_leave_the_global_generator_and_the_rows_alone() -> None:
    before, rows = torch.get_rng_state(), ROWS.clone()
    batch = batches_of(rows=rows)(1)
    batch.unlabeled.zero_()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(rows, ROWS)


def test_bytes_become_floats_between_zero_and_one_and_floats_stay() -> None:
    levels = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    assert torch.equal(to_unit_range(levels), torch.tensor([[0.0, 0.2, 1.0]]))
    assert levels.tolist() == [[0, 51, 255]]
    floats = torch.tensor([[-3.0, 7.0]], dtype=torch.float64)
    assert to_unit_range(floats) is floats
    batch = batches_of(rows=torch.full((23, 1, 2, 2), 51, dtype=torch.uint8))(1)
    for part in (batch.labeled, batch.unlabeled, batch.matching):
        assert torch.equal(part, torch.full((4, 1, 2, 2), 0.2))


def test_without_labels_the_labeled_part_is_empty() -> None:
    none = torch.empty(0, dtype=torch.int64)
    batch = batches_of(labeled=none, labels=none)(1)
    assert batch.labeled.shape == (0, 1) and batch.labels.shape == (0,)
    assert batch.unlabeled.shape == batch.matching.shape == (4, 1)


def test_fewer_rows_than_a_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="a batch of 24 rows needs as many, got 23"):
        batches_of(batch_size=24)
    assert batches_of(batch_size=23)(3).unlabeled.shape == (23, 1)


def test_spread_probabilities_are_those_of_the_unlabeled_rows() -> None:
    rows = torch.arange(10.0).view(10, 1)
    batches = Batches(
        rows,
        torch.tensor([0]),
        torch.tensor([0]),
        batch_size=5,
        seed=0,
        device=torch.device("cpu"),
        spread=rows.repeat(1, 3),
    )
    for step in range(1, 5):
        batch = batches(step)
        assert batch.spread.equal(batch.unlabeled.repeat(1, 3))


# --- batches of one's own ------------------------------------------------------------------------


def test_a_batch_of_unlabelled_rows_fills_in_the_rest() -> None:
    rows = torch.rand(4, 3)
    batch = Batch(unlabeled=rows)
    assert batch.unlabeled is rows and batch.matching is rows
    assert batch.labeled.shape == (0, 3) and batch.labels.tolist() == []
    assert batch.labels.dtype == torch.int64 and batch.spread.shape == (4, 0)


def test_a_batch_of_labelled_rows_has_no_others() -> None:
    rows, labels = torch.rand(4, 3), torch.arange(4)
    batch = Batch(rows, labels)
    assert batch.labeled is rows and batch.labels is labels
    assert batch.unlabeled.shape == batch.matching.shape == (0, 3) and batch.spread.shape == (0, 0)


def test_a_batch_is_still_a_tuple_that_can_be_replaced_in_part_and_copied() -> None:
    batch = Batch(unlabeled=torch.zeros(2, 1))._replace(matching=torch.ones(2, 1))
    assert isinstance(batch, Batch) and batch.matching.sum() == 2
    assert [len(part) for part in Batch(*batch)] == [0, 0, 2, 2, 2]
    assert pickle.loads(pickle.dumps(batch)).matching.equal(batch.matching)


def test_batches_that_no_step_could_take_are_refused() -> None:
    with pytest.raises(ValueError, match="a batch needs rows"):
        Batch()
    with pytest.raises(ValueError, match=r"unlabeled rows are torch.uint8; .*to_unit_range"):
        Batch(unlabeled=torch.zeros(2, 1, dtype=torch.uint8))
    with pytest.raises(ValueError, match="2 labelled rows have 0 labels"):
        Batch(labeled=torch.zeros(2, 1))
