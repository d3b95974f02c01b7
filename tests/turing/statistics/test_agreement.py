import itertools

import numpy as np
import pytest

from convergan.turing.statistics.agreement import answer_counts, fleiss_kappa, krippendorff_alpha


@pytest.mark.parametrize(
    ("units", "alpha"),
    [
        ([[0, 0], [1, 1]], 1.0),
        ([[0, 0], [0, 1], [1, 1]], 0.4444),
        ([[0, 1], [0, 1]], -0.5),
    ],
)
def test_alpha_of_few_answers_is_the_closed_form(units: list[list[int]], alpha: float) -> None:
    image = np.repeat(np.arange(len(units)), 2)
    counts = answer_counts(image, np.ravel(units))
    assert krippendorff_alpha(counts).value == pytest.approx(alpha, abs=5e-5)


def slow_alpha(units: list[list[int]]) -> float:
    """From the coincidences of ordered pairs of answers on the same image."""
    paired = [unit for unit in units if len(unit) > 1]
    everything = [answer for unit in paired for answer in unit]
    observed = sum(
        sum(a != b for a, b in itertools.permutations(unit, 2)) / (len(unit) - 1) for unit in paired
    ) / len(everything)
    pairs = list(itertools.permutations(everything, 2))
    return 1 - observed / (sum(a != b for a, b in pairs) / len(pairs))


def test_alpha_of_unequal_numbers_of_answers_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    units = [rng.integers(0, 3, size).tolist() for size in (1, 2, 5, 3, 4, 1, 2)]
    image = np.repeat(np.arange(len(units)), [len(unit) for unit in units])
    found = krippendorff_alpha(answer_counts(image, np.array(sum(units, []))))
    assert found.value == pytest.approx(slow_alpha(units), rel=1e-12)
    assert found.images == 5


@pytest.mark.parametrize(
    ("counts", "kappa"),
    [([[2, 0], [1, 1], [0, 2]], 1 / 3), ([[2, 0], [0, 2]], 1.0), ([[1, 1], [1, 1]], -1.0)],
)
def test_kappa_of_few_answers_is_the_closed_form(counts: list[list[int]], kappa: float) -> None:
    assert fleiss_kappa(np.array(counts)).value == pytest.approx(kappa, rel=1e-12)


def test_kappa_of_the_example_of_fleiss_table() -> None:
    counts = np.array(
        [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ]
    )
    assert fleiss_kappa(counts).value == pytest.approx(0.210, abs=5e-4)


def test_what_is_undefined_says_so() -> None:
    same = np.array([[2, 0], [2, 0]])
    single = np.array([[1, 0], [0, 1]])
    unequal = np.array([[2, 0], [1, 2]])
    none = answer_counts(np.zeros(0, int), np.zeros(0, int))
    assert krippendorff_alpha(same)[:2] == (None, "all answers are the same")
    assert fleiss_kappa(same)[:2] == (None, "all answers are the same")
    for counts in (single, none):
        assert krippendorff_alpha(counts) == (None, "no image has two answers", 0)
        assert fleiss_kappa(counts) == (None, "no image has two answers", 0)
    assert fleiss_kappa(unequal).value is None
    assert "2 to 3 answers" in fleiss_kappa(unequal).why
    assert krippendorff_alpha(unequal).value is not None


def test_guessers_agree_as_much_as_chance() -> None:
    rng = np.random.default_rng(0)
    counts = answer_counts(np.repeat(np.arange(3000), 5), rng.integers(0, 2, 15_000))
    for found in (krippendorff_alpha(counts), fleiss_kappa(counts)):
        assert found.value == pytest.approx(0, abs=0.02)
