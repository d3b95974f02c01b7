"""Plans of sessions: fair coins, images in turn."""

from collections import Counter

import numpy as np
import pytest

from convergan.turing.study.trials import Pool, choose_cell, images_needed, plan_session

POOL = Pool(real=range(100), generated=range(100, 200), attention=range(200, 216))


@pytest.mark.parametrize("protocol", ["single", "pair", "timed"])
@pytest.mark.parametrize("number", range(5))
def test_images_are_what_the_truth_says_and_none_comes_twice(protocol: str, number: int) -> None:
    plan = plan_session(protocol, POOL, trials=20, attention=3, seed=1, number=number)
    shown = [i for trial in plan for i in trial.images if i < 200]
    assert len(shown) == len(set(shown))
    for trial in plan:
        made = [image >= 100 for image in trial.images]
        assert made[0] == trial.generated
        obvious = any(image >= 200 for image in trial.images)
        assert obvious == (trial.attention and (trial.generated or protocol == "pair"))
        assert len(made) == 1 or made[0] != made[1]
    blocks = [trial.block for trial in plan]
    assert blocks == sorted(blocks) and len(set(blocks)) == (3 if protocol == "timed" else 1)
    for block in set(blocks):
        first, *others = [trial for trial in plan if trial.block == block]
        assert len(others) == 22 and not first.attention
        assert sum(trial.attention for trial in others) == 3


@pytest.mark.parametrize("protocol", ["single", "pair"])
def test_truth_is_a_fair_coin_whatever_came_before_and_whichever_trial_it_is(
    protocol: str,
) -> None:
    plans = [
        plan_session(protocol, POOL, trials=18, attention=6, seed=0, number=number)
        for number in range(1000)
    ]
    truth = np.array([[trial.generated for trial in plan] for plan in plans])
    attention = np.array([[trial.attention for trial in plan] for plan in plans])
    assert np.abs(truth.mean(axis=0) - 0.5).max() < 0.07  # 4.4 standard errors
    before = np.cumsum(truth, axis=1)[:, :-1] - np.arange(1, 24) / 2  # what a counter knows
    for kind in (attention, ~attention):
        after = kind[:, 1:]
        assert truth[:, 1:][after].mean() == pytest.approx(0.5, abs=0.03)
        for side in (before > 0, before < 0):
            assert truth[:, 1:][after & side].mean() == pytest.approx(0.5, abs=0.035)
    # The number of a kind is that of 24 coins: it is not fixed, and no more even than chance.
    assert truth.sum(axis=1).var() == pytest.approx(6, rel=0.2)


def test_images_are_shown_equally_often_over_sessions() -> None:
    shown: Counter[int] = Counter()
    for number in range(60):
        pool = Pool(POOL.real, POOL.generated, POOL.attention, shown)
        plan = plan_session("single", pool, trials=20, attention=4, seed=3, number=number)
        shown.update(image for trial in plan for image in trial.images if image < 200)
    for kind in (POOL.real, POOL.generated):
        counts = [shown[image] for image in kind]
        assert max(counts) - min(counts) <= 1


def test_of_images_that_were_shown_equally_often_chance_decides() -> None:
    firsts = {
        plan_session("pair", POOL, trials=1, attention=0, seed=0, number=number)[0].images
        for number in range(60)
    }
    assert len({image for images in firsts for image in images}) > 60


def test_an_image_that_an_attention_pair_gives_away_is_judged_only_where_there_are_no_others() -> (
    None
):
    def given_away(real: int) -> set[int]:
        pool = Pool(real=range(real), generated=range(100, 120), attention=range(200, 216))
        plan = plan_session("pair", pool, trials=20, attention=5, seed=1, number=0)
        judged, obvious = (
            {image for trial in plan if trial.attention == attention for image in trial.images}
            for attention in (False, True)
        )
        return judged & obvious

    assert not given_away(25)
    assert len(given_away(22)) == 3


def test_where_a_kind_runs_out_truth_stays_as_it_was_and_images_come_again() -> None:
    few = Pool(real=range(3), generated=range(100, 103), attention=[])
    plan = plan_session("single", few, trials=40, attention=0, seed=1, number=0)
    plenty = plan_session("single", POOL, trials=40, attention=0, seed=1, number=0)
    assert [trial.generated for trial in plan] == [trial.generated for trial in plenty]
    counts = Counter(trial.images for trial in plan)
    assert len(counts) == 6 and max(counts.values()) - min(counts.values()) <= 2


@pytest.mark.parametrize("trials", [1, 2, 6, 20, 50, 150])
def test_so_many_images_are_enough_for_all_but_one_session_in_a_million(trials: int) -> None:
    least = images_needed("single", trials, 0).generated
    # Chances of each number of heads, by adding coins one at a time.
    chances = np.array([1.0])
    for _ in range(trials):
        chances = (np.append(chances, 0) + np.append(0, chances)) / 2
    assert chances[least + 1 :].sum() <= 1e-6 < chances[least:].sum()


def test_pairs_need_one_image_of_each_kind_and_three_blocks_three_times_the_coins() -> None:
    assert images_needed("pair", 50, 5) == (50, 50)
    assert images_needed("timed", 50, 10) == images_needed("single", 150, 30)


def test_a_plan_is_a_function_of_seed_number_and_what_was_shown() -> None:
    def plan(seed: int, number: int, pool: Pool = POOL) -> object:
        return plan_session("single", pool, trials=20, attention=2, seed=seed, number=number)

    assert plan(1, 2) == plan(1, 2)
    assert plan(1, 2) != plan(1, 3)
    assert plan(1, 2) != plan(2, 2)
    used = Pool(POOL.real, POOL.generated, POOL.attention, Counter(range(50)))
    assert plan(1, 2) != plan(1, 2, used)


def test_the_cell_of_the_fewest_people_is_chosen() -> None:
    assert choose_cell([3, 1, 2], seed=0, number=7) == 1
    assert {choose_cell([1, 1], seed=0, number=number) for number in range(20)} == {0, 1}
