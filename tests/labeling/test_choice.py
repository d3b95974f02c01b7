import itertools

import numpy as np
import pytest

from convergan.labeling.choice import (
    RANDOM_SHARE,
    ask,
    choose_first,
    choose_next,
    random_order,
    sample_length,
)


def test_the_random_order_depends_on_names_and_seed_alone() -> None:
    names = [f"{n}.png" for n in range(50)]
    order = random_order(names, 0)
    assert sorted(order) == list(range(50)) and order != sorted(order)
    assert random_order(names, 1) != order
    more = [f"x{n}.png" for n in range(9)] + names
    kept = [n - 9 for n in random_order(more, 0) if n >= 9]
    assert kept == order


def test_any_class_is_as_frequent_at_the_beginning_of_the_order_as_in_all() -> None:
    names = [f"{'cats' if n < 500 else 'dogs'}/{n}.png" for n in range(1000)]
    shares = [np.mean([n < 500 for n in random_order(names, seed)[:200]]) for seed in range(20)]
    assert abs(np.mean(shares) - 0.5) < 0.03


def test_the_sample_ends_at_the_last_item_that_was_drawn() -> None:
    assert sample_length([3, 1, 2, 0], set()) == 0
    assert sample_length([3, 1, 2, 0], {2}) == 3
    assert sample_length([3, 1, 2, 0], {3, 9}) == 1


def test_first_items_stand_for_all_groups_and_not_for_outliers() -> None:
    chance = np.random.default_rng(0)
    groups = [chance.normal(place, 0.1, (50, 2)) for place in (0, 10, 20)]
    rows = np.vstack([*groups, [[50.0, 20.0]]])
    found = choose_first(rows, 3, seed=0)
    assert sorted(number // 50 for number in found) == [0, 1, 2]
    assert choose_first(rows, 3, seed=0) == found
    assert not set(choose_first(rows, 100, seed=0, excluded=found)) & set(found)


def test_first_items_are_chosen_among_a_random_part_of_very_many() -> None:
    rows = np.arange(5000.0)[:, None]
    found = choose_first(rows, 10, seed=0)
    assert max(found) > 2500 and min(found) < 2500
    assert choose_first(np.zeros((3, 1)), 5, seed=0, excluded=[0, 1, 2]) == []


def test_next_items_are_unsure_ones_without_a_label() -> None:
    probabilities = np.array([[0.5, 0.5], [1.0, 0.0], [0.5, 0.5], [0.6, 0.4]])
    rows = np.array([[0.0], [5.0], [9.0], [9.1]])
    assert choose_next(probabilities, rows, 1, labeled=[0]) == [2]
    assert 2 not in choose_next(probabilities, rows, 9, labeled=[0], excluded=[2])
    assert choose_next(probabilities, rows, 9, labeled=[0, 1, 2, 3]) == []


def run(rejected: list[int], ranked: list[int], given: tuple[int, int], count: int) -> list[int]:
    order = list(range(100, 200))
    asked = ask(rejected, order, ranked, lambda number: number != 101, given)
    return [number for number, _ in itertools.islice(asked, count)]


def test_a_share_is_drawn_at_random_and_marked() -> None:
    asked = list(itertools.islice(ask([], range(100, 200), range(50), lambda _: True, (0, 0)), 50))
    at_random = [number for number, drawn in asked if drawn]
    assert at_random == list(range(100, 110))
    assert len(at_random) == RANDOM_SHARE * 50
    assert [number for number, drawn in asked if not drawn] == list(range(40))


def test_rejected_items_come_first_and_closed_ones_never() -> None:
    assert run([7, 101], [1, 2], (10, 5), 3) == [7, 1, 2]
    assert run([], [], (0, 0), 3) == [100, 102, 103]  # all at random where none is ranked
    assert run([], [1], (10, 0), 2) == [100, 102]


@pytest.mark.parametrize("given", [(0, 0), (4, 0), (7, 7)])
def test_nothing_is_asked_twice(given: tuple[int, int]) -> None:
    asked = [n for n, _ in ask([1, 2], [1, 2, 3, 4], [4, 3, 2], lambda _: True, given)]
    assert sorted(asked) == [1, 2, 3, 4]
