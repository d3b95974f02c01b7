"""Statistics, file of results and report of bench/few_labels."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from bench.few_labels.cells import Cell, append, read
from bench.few_labels.measure import Key, add_cell, keys_of_grid, measure, score
from bench.few_labels.methods import METHODS, Array, Predict
from bench.few_labels.mismatch import hide_classes
from bench.few_labels.ood import area, others
from bench.few_labels.report import report
from bench.few_labels.sets import load
from bench.few_labels.statistics import mean_ranks, paired_difference, ranks


def cell(
    method: str, seed: int, error: float, *, name: str = "set", labels: int = 1, rows: int = 100
) -> Cell:
    return Cell(
        set=name,
        labels=labels,
        seed=seed,
        method=method,
        error=error,
        nll=1.0,
        calibration=2.0,
        lost=0.0,
        seconds=0.5,
        rows=rows,
        test_rows=50,
        notices=[],
        code="",
        finished="",
    )


def by_seed(*values: float) -> Mapping[int, float]:
    return dict(enumerate(values))


def test_equal_figures_share_the_mean_of_their_ranks() -> None:
    assert ranks([2.0, 1.0, 2.0, 2.0]) == [3.0, 1.0, 3.0, 3.0]


def test_sums_that_differ_by_rounding_alone_are_equal() -> None:
    assert ranks([0.1 + 0.2, 0.3]) == [1.5, 1.5]


def test_mean_ranks_of_no_tables_are_none() -> None:
    assert mean_ranks([]) == {}


def test_interval_is_students_for_five_seeds() -> None:
    found = paired_difference(by_seed(1, 2, 3, 4, 5), by_seed(0, 0, 0, 0, 0))
    half = 2.7764451051977987 * math.sqrt(2.5 / 5)  # t of 4 degrees of freedom at 97.5 %
    assert found.mean == 3
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-12)
    assert found.verdict() == "more"


def test_pairs_are_those_of_seeds_in_common() -> None:
    found = paired_difference({3: 1.0, 5: 2.0}, {5: 4.0, 3: 3.0, 9: 100.0})
    assert found.mean == found.low == found.high == -2


def test_one_seed_decides_nothing() -> None:
    assert paired_difference({0: 1.0}, {0: 5.0}).verdict() == "equal"


def test_equal_errors_are_equal_to_the_method() -> None:
    assert paired_difference(by_seed(3, 4), by_seed(3, 4)).verdict() == "equal"


def test_no_seed_in_common_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no seed in common among \[0\] and \[1\]"):
        paired_difference({0: 1.0}, {1: 1.0})


def test_an_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    chance = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        found = paired_difference(by_seed(*chance.normal(1, 2, 5)), by_seed(*np.zeros(5)))
        covered += found.low <= 1 <= found.high
    assert 0.935 < covered / 2000 < 0.965


def test_rows_without_probabilities_are_wrong_and_uniform() -> None:
    error, nll, _ = score(np.array([[np.nan, np.nan], [0.25, 0.75]]), np.array([0, 1]))
    assert error == 50
    assert nll == pytest.approx((math.log(2) - math.log(0.75)) / 2)


def test_a_line_after_a_broken_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    append(file, cell("a", 0, 1.0))
    with file.open("a") as lines:
        lines.write('{"set": "set", "lab')
    append(file, cell("a", 1, 2.0))
    assert [found.seed for found in read(file)] == [0, 1]


def test_what_the_file_has_is_not_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.jsonl"
    key = Key("iris", 2, 0, "LogisticRegression")
    add_cell(key, file)
    first = file.read_text()
    add_cell(key, file)
    assert file.read_text() == first
    assert capsys.readouterr().out.count("LogisticRegression") == 1


def test_labels_that_a_class_lacks_are_left_out_and_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = list(keys_of_grid(["iris"], [5, 50], 2, ["SVC"]))
    assert found == [Key("iris", 5, 0, "SVC"), Key("iris", 5, 1, "SVC")]
    assert "a class has 25 rows, 50 labels a class are left out" in capsys.readouterr().out


def test_a_method_that_fails_is_wrong_everywhere_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(X: Array, y: Array, seed: int) -> Predict:
        raise MemoryError("too many rows")

    monkeypatch.setitem(METHODS, "SVC", fail)
    found = measure(Key("iris", 2, 0, "SVC"))
    assert found.error == found.lost == 100
    assert found.nll == pytest.approx(math.log(3))
    assert found.notices == ["failed: MemoryError: too many rows"]


@pytest.mark.parametrize("method", ["SVC", "LabelSpreading knn", "SelfTraining(LR)"])
@pytest.mark.parametrize("name", ["iris", "breast_cancer"])
def test_a_label_a_class_is_enough_for_every_method(name: str, method: str) -> None:
    found = measure(Key(name, 1, 0, method))
    assert found.error < 60
    assert found.lost == 0


def test_report_ranks_counts_and_checks() -> None:
    results = [
        cell(method, seed, error + 0.1 * seed * number, rows=rows, name=name)
        for name, rows in (("small", 100), ("large", 6000))
        for seed in range(3)
        for number, (method, error) in enumerate(
            [
                ("LogisticRegression", 10.0),
                ("twin", 8.0),
                ("LabelSpreading rbf", 4.0 if name == "small" else 7.0),
                ("ours, guarded", 9.5 if name == "small" else 6.0),
            ]
        )
    ]
    text = report(results, None)
    assert "over 2 pairs" in text
    assert "LabelSpreading rbf    1.50  mean error   5.70 %  rank 2.00 above 5,000 rows" in text
    assert "twin                   1   0   1  mean difference -0.05" in text
    assert "significantly worse in 1 of 2 pairs" in text
    assert "worse on small with 1 a class than twin: +1.70" in text
    assert "ours, guarded: mean error less in 1 of 1 comparisons" in text
    assert "small: 100 rows, 50 test rows" in text


def test_pairs_where_a_method_lacks_seeds_are_not_ranked() -> None:
    results = [cell("a", 0, 1.0), cell("b", 0, 2.0), cell("a", 0, 1.0, labels=2)]
    assert "over 1 pairs of a set and a number of labels; 1 where" in report(results, None)
    assert "over 2 pairs" in report(results, ["a"])


def test_a_report_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no results of SVC"):
        report([cell("a", 0, 1.0)], ["SVC"])


@pytest.mark.parametrize("share", [0, 25, 100])
def test_a_pool_has_as_many_unlabelled_rows_whatever_share_of_them_is_unseen(share: int) -> None:
    problem = load("digits")
    pool = hide_classes(problem, labels=5, share=share, seed=0)
    unlabeled = pool.X[pool.y < 0]
    unseen = {row.tobytes() for row in problem.X[problem.y >= 5]}
    count = sum(row.tobytes() in unseen for row in unlabeled)
    assert len(unlabeled) == len(hide_classes(problem, labels=5, share=50, seed=0).X) - 25
    assert count == round(len(unlabeled) * share / 100)
    assert np.bincount(pool.y[pool.y >= 0]).tolist() == [5] * 5
    assert set(pool.y_test) == set(range(5))


def test_labels_of_a_pool_are_those_of_its_rows() -> None:
    problem = load("digits")
    pool = hide_classes(problem, labels=3, share=50, seed=1)
    names = {row.tobytes(): label for row, label in zip(problem.X, problem.y, strict=True)}
    labeled = pool.y >= 0
    assert [names[row.tobytes()] for row in pool.X[labeled]] == pool.y[labeled].tolist()


def test_area_is_100_where_rows_are_apart_and_50_where_they_are_alike() -> None:
    low, high = np.array([0.0, 1.0]), np.array([2.0, 3.0])
    assert area(high, low) == 100
    assert area(low, high) == 0
    assert area(low, low) == 50


def test_altered_images_keep_their_pixels_but_for_inverted_ones() -> None:
    rows = load("digits").X_test
    found = dict(others("digits"))
    for kind, altered in found.items():
        before = np.sort(1 - rows if kind == "inverted" else rows, axis=1)
        assert np.array_equal(np.sort(altered, axis=1), before), kind
        assert not np.array_equal(altered, rows), kind
    assert found["turned by half"][0, 0] == rows[0, -1]
