"""Which steps are left out, counted one by one and by going back to a checkpoint."""

import json

import pytest

from convergan.runs.roll_back import LeftOut, RollBack, roll_back


@pytest.mark.parametrize(
    ("step", "first"), [(1, 1), (10, 1), (11, 11), (20, 11), (21, 21), (25, 21)]
)
def test_a_run_goes_back_to_the_last_checkpoint_due_before_the_step(step: int, first: int) -> None:
    assert roll_back([], step, every=10, reason="loss") == RollBack(first, step, "loss")


@pytest.mark.parametrize(
    ("before", "step", "first"),
    [
        ([(21, 25)], 26, 11),  # it came nowhere since it went back
        ([(21, 25)], 30, 11),
        ([(21, 25)], 31, 31),  # a checkpoint later
        ([(21, 25), (11, 27)], 28, 1),
        ([(1, 3)], 5, 1),  # before the start there is nothing
        ([(11, 25)], 31, 31),
        ([(11, 31)], 35, 1),  # the checkpoint of step 30 is of a step that is left out
    ],
)
def test_it_goes_back_one_checkpoint_more_where_it_has_come_nowhere_since(
    before: list[tuple[int, int]], step: int, first: int
) -> None:
    made = [RollBack(*steps, reason="loss") for steps in before]
    assert roll_back(made, step, every=10, reason="gradient") == (first, step, "gradient")


def test_skipped_steps_are_counted_in_all_and_in_a_row() -> None:
    left_out, counts = LeftOut(rolled_back=(RollBack(1, 2, "loss"),)), []
    for skipped in (True, True, False, True, False, False):
        left_out = left_out.after(skipped)
        counts.append((left_out.skipped, left_out.skipped_in_a_row))
    assert counts == [(1, 1), (2, 2), (2, 0), (3, 1), (3, 0), (3, 0)]
    assert left_out.rolled_back == (RollBack(1, 2, "loss"),)


def test_the_steps_left_out_are_those_from_the_first_to_the_last_of_each_time() -> None:
    left_out = LeftOut(5, 5, (RollBack(3, 4, "a"), RollBack(8, 8, "b")))
    assert [step for step in range(12) if left_out.holds(step)] == [3, 4, 8]
    assert not LeftOut(5, 5).holds(1)


@pytest.mark.parametrize(
    "left_out", [LeftOut(), LeftOut(7, 2, (RollBack(21, 25, "loss"), RollBack(11, 27, "again")))]
)
def test_plain_values_come_back_through_json(left_out: LeftOut) -> None:
    back = LeftOut.from_plain(json.loads(json.dumps(left_out.plain())))
    assert back == left_out
    assert all(isinstance(made, RollBack) for made in back.rolled_back)


def test_a_checkpoint_that_does_not_say_has_left_out_nothing() -> None:
    assert LeftOut.from_plain({"seconds": 3.0}) == LeftOut(0, 0, ())
    assert LeftOut.from_plain({"skipped": [3, 1]}) == LeftOut(3, 1, ())
