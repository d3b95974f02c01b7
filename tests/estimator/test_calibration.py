import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from convergan.estimator import (
    brier_score,
    calibration_error,
    conformal_pvalues,
    fit_temperature,
    mcnemar,
    risk_table,
)

Array = np.ndarray[Any, Any]


def likelihood(logits: Array, labels: Array, temperature: float) -> float:
    """Return the negative log-likelihood of the labels, row by row."""
    total = 0.0
    for row, label in zip(logits / temperature, labels, strict=True):
        total -= row[label] - row.max() - math.log(sum(math.exp(v - row.max()) for v in row))
    return total / len(labels)


def labels_of(logits: Array, seed: int) -> Array:
    """Draw a label of every row from its softmax, by the largest logit plus Gumbel noise."""
    noise = np.random.default_rng(seed).gumbel(size=logits.shape)
    found: Array = (logits + noise).argmax(axis=1)
    return found


def probabilities(rows: int, classes: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).dirichlet(np.ones(classes), rows)


# Temperature


@pytest.mark.parametrize("truth", [0.3, 1.0, 4.0])
def test_a_known_temperature_is_recovered(truth: float) -> None:
    logits = np.random.default_rng(0).normal(0, 2, (20_000, 5))
    assert fit_temperature(truth * logits, labels_of(logits, 1)) == pytest.approx(truth, rel=0.03)


def test_no_other_temperature_gives_more_likelihood() -> None:
    logits = np.random.default_rng(1).normal(0, 2, (60, 3))
    labels = labels_of(logits / 2, 2)
    found = fit_temperature(logits, labels)
    least = likelihood(logits, labels, found)
    for other in (*np.geomspace(0.06, 19, 30), found * 1.001, found / 1.001):
        assert likelihood(logits, labels, float(other)) >= least


def test_two_classes_have_the_temperature_of_the_log_odds() -> None:
    logits = np.array([[3.0, 0.0]] * 10)
    assert fit_temperature(logits, np.array([0] * 8 + [1] * 2)) == pytest.approx(3 / math.log(4))


def test_constants_of_rows_do_not_matter_and_scales_go_into_the_temperature() -> None:
    logits = np.random.default_rng(2).normal(0, 2, (50, 4))
    labels = labels_of(logits, 3)
    found = fit_temperature(logits, labels)
    moved = logits + np.random.default_rng(3).normal(0, 100, (50, 1))
    assert fit_temperature(moved, labels) == pytest.approx(found, rel=1e-9)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3 * found, rel=1e-9)


def test_labels_that_are_all_right_say_nothing_on_the_temperature() -> None:
    logits = np.random.default_rng(4).normal(0, 2, (30, 4))
    assert fit_temperature(logits, logits.argmax(axis=1)) == 1
    assert fit_temperature(np.zeros((3, 2)), np.array([0, 1, 1])) == 1


def test_temperatures_end_at_the_limits() -> None:
    logits = np.array([[1.0, 0.0]] * 4)
    assert fit_temperature(logits, np.array([1, 1, 1, 0])) == pytest.approx(20)
    nearly = np.array([[0.01, 0.0]] * 50 + [[0.0, 1e-6]])
    assert fit_temperature(nearly, np.array([0] * 51)) == pytest.approx(0.05)


def test_large_logits_do_not_overflow() -> None:
    logits = np.array([[1e6, 0.0], [0.0, 1e6], [1e6, 0.0], [1e6, 0.0]])
    assert fit_temperature(logits, np.array([0, 1, 0, 1])) == pytest.approx(20)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), r"\(n, K\) and labels \(n,\), n at least 1"),
        (np.zeros((2, 2)), np.zeros(3, int), r"got \(2, 2\) and \(3,\)"),
        (np.zeros(2), np.zeros(2, int), r"got \(2,\)"),
        (np.array([[0, 1], [np.nan, 0]]), np.zeros(2, int), "logits must be finite, row 1 is not"),
        (np.zeros((2, 2)), np.array([0, 2]), "integers from 0 to 1, got int64 from 0 to 2"),
        (np.zeros((2, 2)), np.array([-1, 1]), "integers from 0 to 1, got int64 from -1 to 1"),
        (np.zeros((2, 2)), np.array([0.0, 1.0]), "integers from 0 to 1, got float64"),
    ],
)
def test_logits_and_labels_that_do_not_fit_are_refused(
    logits: Array, labels: Array, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_temperature(logits, labels)


# p-values


def test_pvalues_are_those_of_the_slow_count_with_ties() -> None:
    chance = np.random.default_rng(0)
    reference, scores = chance.integers(0, 20, 37), chance.integers(-2, 22, 50)
    slow = [(1 + sum(r <= s for r in reference)) / 38 for s in scores]
    assert conformal_pvalues(scores, reference).tolist() == slow


def test_pvalues_lie_between_one_of_m_plus_one_and_one_and_rise_with_the_score() -> None:
    found = conformal_pvalues(np.array([-np.inf, 0.0, 1.5, np.inf]), np.array([2.0, 1.0]))
    assert found == pytest.approx([1 / 3, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize("kind", ["continuous", "ties"])
def test_small_pvalues_are_no_more_frequent_than_they_say(kind: str) -> None:
    chance = np.random.default_rng(1)
    draw = chance.normal if kind == "continuous" else lambda size: chance.integers(0, 4, size)
    found = np.array([conformal_pvalues(*np.split(draw(size=20), [1]))[0] for _ in range(8000)])
    for level in (0.05, 0.1, 0.25, 0.5, 0.9):
        share = (found <= level + 1e-12).mean()
        assert share <= level + 3 * math.sqrt(level * (1 - level) / 8000)
        if kind == "continuous":  # then exact at the multiples of 1 / (m + 1)
            assert share == pytest.approx(math.floor(20 * level + 1e-9) / 20, abs=0.02)


@pytest.mark.parametrize(
    ("scores", "reference", "message"),
    [
        (np.zeros(2), np.zeros(0), r"reference_scores must be \(m,\), m at least 1, got \(0,\)"),
        (np.zeros(2), np.zeros((2, 2)), r"got \(2, 2\)"),
        (np.array([np.nan]), np.zeros(2), "must not be NaN"),
        (np.zeros(2), np.array([np.nan]), "must not be NaN"),
    ],
)
def test_scores_that_cannot_be_ranked_are_refused(
    scores: Array, reference: Array, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        conformal_pvalues(scores, reference)


# Coverage and risk


def test_the_table_is_that_of_the_slow_loop() -> None:
    chance = np.random.default_rng(0)
    confidence, correct = chance.random(200), chance.random(200) < 0.8
    found = risk_table(confidence, correct, (1.0, 0.7, 0.25), level=0.9)
    for line, coverage in enumerate((1.0, 0.7, 0.25)):
        order = sorted(range(200), key=lambda row: -confidence[row])[: round(coverage * 200)]
        wrong = sum(not correct[row] for row in order)
        assert found.rows[line] == len(order) and found.coverage[line] == coverage
        assert found.threshold[line] == min(confidence[row] for row in order)
        assert found.risk[line] == wrong / len(order)
        exact = binomtest(wrong, len(order)).proportion_ci(0.9, "exact")
        assert found.low[line] == pytest.approx(exact.low, abs=1e-12)
        assert found.high[line] == pytest.approx(exact.high, abs=1e-12)


def test_equal_confidences_are_answered_together() -> None:
    found = risk_table(np.array([9, 5, 5, 5]), np.array([1, 1, 0, 1], bool), (0.5, 0.25))
    assert found.rows == (4, 1) and found.coverage == (1.0, 0.25) and found.risk == (0.25, 0.0)


def test_shares_that_are_whole_numbers_of_rows_are_not_rounded_up() -> None:
    correct = np.ones(10, dtype=bool)
    assert risk_table(np.arange(10), correct, (0.7, 0.71, 1e-6)).rows == (7, 8, 1)


def test_an_interval_with_no_error_or_nothing_else_ends_at_zero_or_one() -> None:
    right = risk_table(np.ones(20), np.ones(20, bool), (1.0,))
    assert right.low == (0.0,) and right.high[0] == pytest.approx(1 - 0.025 ** (1 / 20))
    wrong = risk_table(np.ones(20), np.zeros(20, bool), (1.0,))
    assert wrong.high == (1.0,) and wrong.low[0] == pytest.approx(0.025 ** (1 / 20))


def test_the_table_holds_plain_numbers_that_json_takes() -> None:
    found = risk_table(np.arange(100) / 100, np.arange(100) > 2)
    values = [value for column in found[:-1] for value in column]
    assert {type(value) for value in values} == {float, int} and len(values) == 42
    assert len(str(found).splitlines()) == 8


def test_coverages_that_come_to_the_same_rows_are_one_line() -> None:
    found = risk_table(np.array([0.9, 0.5, 0.5]), np.array([True, True, False]), (0.3, 0.6, 1.0))
    assert found.threshold == (0.9, 0.5)
    assert found.coverage == pytest.approx((1 / 3, 1.0))


@pytest.mark.parametrize(
    ("confidence", "correct", "more", "message"),
    [
        ([], [], {}, "n at least 1"),
        ([0.5], [True, False], {}, r"got \(1,\) and \(2,\)"),
        ([0.5, np.nan], [True, False], {}, "must not be NaN"),
        ([0.5, 0.6], [1, 0], {}, "correct be True or False"),
        ([0.5], [True], {"coverages": (0.0,)}, r"coverages must be in \(0, 1\]"),
        ([0.5], [True], {"coverages": (1.1,)}, r"coverages must be in \(0, 1\]"),
        ([0.5], [True], {"coverages": ()}, "coverages must be"),
        ([0.5], [True], {"level": 1.0}, r"level in \(0, 1\)"),
    ],
)
def test_a_table_of_nothing_sensible_is_refused(
    confidence: Any, correct: Any, more: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        risk_table(confidence, correct, **more)


# Errors of probabilities


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_the_calibration_error_is_that_of_the_slow_loop(bins: int) -> None:
    given, labels = probabilities(300, 3), np.random.default_rng(1).integers(0, 3, 300)
    total = 0.0
    for b in range(bins):
        rows = [r for r in range(300) if b / bins < max(given[r]) <= (b + 1) / bins]
        if rows:
            right = sum(given[r].argmax() == labels[r] for r in rows) / len(rows)
            total += len(rows) / 300 * abs(right - sum(max(given[r]) for r in rows) / len(rows))
    assert calibration_error(given, labels, bins) == pytest.approx(total, rel=1e-12)


def test_a_bin_holds_its_upper_end_and_not_its_lower() -> None:
    given = np.array([[0.5, 0.5], [0.6, 0.4]])
    assert calibration_error(given, np.array([0, 1]), 2) == pytest.approx((0.5 + 0.6) / 2)


def test_true_probabilities_have_a_small_calibration_error_and_sure_mistakes_one_of_one() -> None:
    given = probabilities(50_000, 4)
    assert calibration_error(given, labels_of(np.log(given), 2)) < 0.01
    assert calibration_error(np.eye(3)[[0, 1, 2]], np.array([1, 2, 0])) == 1
    assert calibration_error(np.eye(3)[[0, 1, 2]], np.array([0, 1, 2])) == 0


def test_the_brier_score_is_that_of_the_slow_loop_and_at_its_limits_zero_and_two() -> None:
    given, labels = probabilities(40, 3), np.random.default_rng(1).integers(0, 3, 40)
    slow = sum((given[r, k] - (labels[r] == k)) ** 2 for r in range(40) for k in range(3)) / 40
    assert brier_score(given, labels) == pytest.approx(slow, rel=1e-12)
    assert brier_score(np.eye(2), np.array([0, 1])) == 0
    assert brier_score(np.eye(2), np.array([1, 0])) == 2


@pytest.mark.parametrize("given", [[[0.5, 0.6]], [[1.5, -0.5]]])
def test_rows_that_are_no_probabilities_are_refused(given: Any) -> None:
    for figure in (calibration_error, brier_score):
        with pytest.raises(ValueError, match="must not be negative and sum to 1"):
            figure(given, np.array([0]))


def test_less_than_one_bin_is_refused() -> None:
    with pytest.raises(ValueError, match="bins must be an integer of 1 or more, got 0"):
        calibration_error(np.eye(2), np.array([0, 1]), bins=0)


# Paired comparison


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 1), (1, 5), (5, 5), (12, 30), (200, 260)])
def test_the_pvalue_of_pairs_is_the_exact_sum(b: int, c: int) -> None:
    tail = Fraction(sum(math.comb(b + c, i) for i in range(min(b, c) + 1)), 2 ** (b + c))
    assert mcnemar(b, c) == pytest.approx(float(min(Fraction(1), 2 * tail)), rel=1e-10)
    assert mcnemar(b, c) == mcnemar(c, b)


def test_negative_numbers_of_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative, got 3 and -1"):
        mcnemar(3, -1)
