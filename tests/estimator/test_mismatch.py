import numpy as np
import pytest
from sklearn.datasets import load_digits

from convergan.estimator.mismatch import mismatch_pvalue

ROWS, DIGITS = load_digits(return_X_y=True)


@pytest.mark.nightly
def test_pvalues_of_rows_of_one_law_are_even() -> None:
    chance = np.random.default_rng(0)
    found = []
    for seed in range(60):
        order = chance.permutation(len(ROWS))
        value = mismatch_pvalue(ROWS[order[:40]], ROWS[order[40:340]], seed)
        assert value is not None
        found.append(value)
    assert np.mean(np.array(found) < 0.1) < 0.2 and 0.3 < np.mean(found) < 0.7


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_pool_of_other_classes_is_noticed(share: float) -> None:
    known, other = ROWS[DIGITS < 5], ROWS[DIGITS >= 5]
    strange = int(400 * share)
    pool = np.vstack([other[:strange], known[50 : 450 - strange]])
    found = mismatch_pvalue(known[:50], pool, 0)
    assert found is not None and found < 0.01


def test_too_few_rows_say_nothing_and_narrow_or_constant_rows_do_no_harm() -> None:
    assert mismatch_pvalue(ROWS[:4], ROWS[4:], 0) is None
    assert mismatch_pvalue(ROWS[4:], ROWS[:4], 0) is None
    assert mismatch_pvalue(np.zeros((5, 1)), np.zeros((9, 1)), 0) == pytest.approx(0.5, abs=0.5)


def test_the_seed_decides() -> None:
    assert mismatch_pvalue(ROWS[:30], ROWS[30:900], 1) == mismatch_pvalue(
        ROWS[:30], ROWS[30:900], 1
    )
