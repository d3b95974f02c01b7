import numpy as np
import pytest
from scipy.stats import ttest_ind

from convergan.turing.statistics.model_comparison import compare, holm, welch_p_values

RNG = np.random.default_rng(0)


def test_the_analysis_of_variance_is_the_ratio_of_mean_squares() -> None:
    groups = {name: RNG.normal(mean, 0.1, 8) for name, mean in (("a", 0.4), ("b", 0.5), ("c", 0.5))}
    values = list(groups.values())
    grand = np.concatenate(values).mean()
    between = sum(len(v) * (v.mean() - grand) ** 2 for v in values) / 2
    within = sum(((v - v.mean()) ** 2).sum() for v in values) / 21
    found = compare(groups)
    assert found.f == pytest.approx(between / within, rel=1e-10)
    assert [(d.first, d.second) for d in found.differences] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_a_difference_is_first_less_second_and_lies_in_its_interval() -> None:
    found = compare({"a": RNG.normal(0.3, 0.05, 30), "b": RNG.normal(0.5, 0.05, 30)}).differences[0]
    assert found.difference == pytest.approx(-0.2, abs=0.05)
    assert found.interval.low < found.difference < found.interval.high < 0
    assert found.tukey_p < 1e-6 and found.holm_p < 1e-6


def test_of_two_models_tukey_and_the_analysis_of_variance_agree() -> None:
    found = compare({"a": RNG.normal(0.4, 0.1, 12), "b": RNG.normal(0.45, 0.1, 12)})
    assert found.p == pytest.approx(found.differences[0].tukey_p, abs=1e-4)


def test_equal_models_differ_in_at_most_one_study_in_twenty() -> None:
    wrong = []
    for _ in range(200):
        wrong.append(min(welch_p_values([RNG.normal(0.45, 0.1, 15) for _ in range(3)])) < 0.05)
    assert np.mean(wrong) < 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_welchs_test_is_that_of_scipy() -> None:
    first, second = RNG.normal(0.4, 0.1, 9), RNG.normal(0.5, 0.3, 20)
    expected = ttest_ind(first, second, equal_var=False).pvalue
    assert welch_p_values([first, second]) == pytest.approx([expected], rel=1e-10)


def test_holm_multiplies_step_by_step_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        ({"a": np.array([0.1, 0.2])}, "there is one model"),
        ({"a": np.array([0.1, 0.2]), "b": np.array([0.1])}, "b has fewer than 2 annotators"),
        ({"a": np.full(3, 0.1), "b": np.full(3, 0.2)}, "no two annotators of a model differ"),
    ],
)
def test_what_cannot_be_compared_says_why(figures: dict[str, np.ndarray], why: str) -> None:
    found = compare(figures)
    assert found.why == why and found.p is None and not found.differences


def test_a_model_without_spread_is_compared_without_warnings() -> None:
    found = compare({"a": np.full(3, 0.1), "b": np.full(3, 0.1), "c": np.array([0.1, 0.2, 0.3])})
    assert found.differences[0].holm_p == 1.0
