"""Plans of sessions in studies of before."""

import numpy as np
import pytest

from convergan.turing.study.half_plans import plan_half
from convergan.turing.study.trials import Pool

POOL = Pool(real=range(100), generated=range(100, 200), attention=range(200, 216))


@pytest.mark.parametrize("protocol", ["single", "pair", "timed"])
@pytest.mark.parametrize("number", range(5))
def test_half_is_generated_and_no_image_comes_twice(protocol: str, number: int) -> None:
    plan = plan_half(protocol, POOL, trials=20, attention=3, seed=1, number=number)
    judged = [trial for trial in plan if not trial.attention]
    shown = [image for trial in judged for image in trial.images]
    assert len(shown) == len(set(shown)) == {"single": 20, "pair": 40, "timed": 60}[protocol]
    assert sum(trial.generated for trial in judged) == len(judged) / 2
    for trial in plan:
        made = [image >= 100 for image in trial.images]
        assert made[0] == trial.generated
        assert trial.attention == any(image >= 200 for image in trial.images)
        assert len(made) == 1 or made[0] != made[1]
    blocks = [trial.block for trial in plan]
    assert blocks == sorted(blocks)
    assert all(blocks.count(block) == 23 for block in set(blocks))
    assert not plan[0].attention


def test_an_image_that_an_attention_pair_gives_away_is_judged_only_where_there_are_no_others() -> (
    None
):
    def given_away(real: int) -> set[int]:
        pool = Pool(real=range(real), generated=range(100, 120), attention=range(200, 216))
        plan = plan_half("pair", pool, trials=20, attention=5, seed=1, number=0)
        judged, obvious = (
            {image for trial in plan if trial.attention == attention for image in trial.images}
            for attention in (False, True)
        )
        return judged & obvious

    assert not given_away(25)
    assert len(given_away(22)) == 3


def test_pairs_of_an_odd_number_are_as_often_left_as_right_over_sessions() -> None:
    left = [
        sum(trial.generated for trial in plan_half(
            "pair", POOL, trials=5, attention=0, seed=0, number=number
        ))
        for number in range(200)
    ]  # fmt: skip
    assert set(left) == {2, 3}
    assert 70 < left.count(3) < 130


def test_position_tells_nothing_of_the_class_over_sessions() -> None:
    plans = [
        plan_half("single", POOL, trials=20, attention=0, seed=0, number=number)
        for number in range(400)
    ]
    truth = np.array([[trial.generated for trial in plan] for plan in plans])
    assert np.abs(truth.mean(axis=0) - 0.5).max() < 0.1  # 4 standard errors


def test_a_plan_is_a_function_of_seed_and_number() -> None:
    def plan(seed: int, number: int) -> object:
        return plan_half("single", POOL, trials=20, attention=2, seed=seed, number=number)

    assert plan(1, 2) == plan(1, 2)
    assert plan(1, 2) != plan(1, 3)
    assert plan(1, 2) != plan(2, 2)
