"""Statistics, draws, file of results and report of bench/few_labels."""

import itertools
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.few_labels import __main__ as command
from bench.few_labels.cells import Cell, Key, append, arrange, read
from bench.few_labels.measure import (
    among_all_classes,
    draw_labels,
    keys_of_grid,
    measure,
    score,
)
from bench.few_labels.methods import (
    BOOSTING,
    METHODS,
    PRIORS,
    Array,
    Predict,
    prior_without,
    standardised,
)
from bench.few_labels.mismatch import hide_classes
from bench.few_labels.ood import area, others
from bench.few_labels.report import means_by_set, report
from bench.few_labels.sets import SETS, load, table
from bench.few_labels.statistics import paired_test, ranks
from convergan.estimator.pool import PRIOR, TREES, usual_powers


def cell(
    method: str,
    seed: int,
    error: float,
    *,
    name: str = "set",
    draw: str = "class",
    labels: int = 2,
    code: str = "",
) -> Cell:
    return Cell(
        set=name,
        draw=draw,
        labels=labels,
        seed=seed,
        method=method,
        error=error,
        balanced_error=error + 1,
        nll=1.0,
        calibration=2.0,
        lost=0.0,
        seconds=0.5,
        rows=100,
        test_rows=50,
        notices=[],
        code=code,
        finished="",
    )


def test_equal_figures_share_the_mean_of_their_ranks() -> None:
    assert ranks(np.array([2.0, 1.0, 2.0, 2.0])).tolist() == [3.0, 1.0, 3.0, 3.0]


def test_sums_that_differ_by_rounding_alone_are_equal() -> None:
    assert ranks(np.array([0.1 + 0.2, 0.3])).tolist() == [1.5, 1.5]
    assert paired_test([0.1 + 0.2 - 0.3, 1.0]).ties == 1


def signed_rank_pvalue(differences: list[float]) -> float:
    """Count the signs for which the lesser sum of ranks is as small as that of the differences."""
    order = np.argsort(np.argsort(np.abs(differences))) + 1

    def lesser(signs: Array) -> float:
        return float(min(order[signs > 0].sum(), order[signs < 0].sum()))

    least = lesser(np.sign(differences))
    every = [
        lesser(np.array(signs)) for signs in itertools.product([-1, 1], repeat=len(differences))
    ]
    return sum(value <= least for value in every) / len(every)


@pytest.mark.parametrize(
    "differences",
    [[-1.0, -2.0, -3.0, 4.0], [-1.0, -2.0, -3.5, -4.0, -7.0, 0.5], [3.0, -0.1, 2.0, 0.7, 5.0]],
)
def test_pvalues_are_those_of_counting_all_signs(differences: list[float]) -> None:
    found = paired_test(differences)
    count, wins = len(differences), sum(value < 0 for value in differences)
    assert found.wilcoxon == pytest.approx(signed_rank_pvalue(differences), abs=1e-12)
    tail = sum(math.comb(count, k) for k in range(min(wins, count - wins) + 1)) / 2**count
    assert found.sign == pytest.approx(min(1, 2 * tail), abs=1e-12)
    assert (found.wins, found.losses) == (wins, count - wins)


def test_equal_methods_are_told_apart_by_nothing() -> None:
    assert paired_test([0.0, 0.0]) == (0, 2, 0, 0.0, 1.0, 1.0)


def test_rows_without_probabilities_are_wrong_and_uniform() -> None:
    found = score(np.array([[np.nan, np.nan], [0.25, 0.75]]), np.array([0, 1]))
    assert found.error == found.balanced_error == 50
    assert found.nll == pytest.approx((math.log(2) - math.log(0.75)) / 2)


def test_the_balanced_error_is_the_mean_of_those_of_classes() -> None:
    probabilities = np.eye(3)[[0, 0, 0, 1, 0, 1]]
    found = score(probabilities, np.array([0, 0, 0, 0, 1, 2]))
    assert found.error == pytest.approx(50)
    assert found.balanced_error == pytest.approx(100 * (1 / 4 + 1 + 1) / 3)


def test_a_class_that_was_not_drawn_has_probability_0() -> None:
    found = among_all_classes(np.array([[0.4, 0.6], [np.nan, np.nan]]), np.array([1, 3]), 4)
    assert found[0].tolist() == [0, 0.4, 0, 0.6]
    assert np.isnan(found[1].sum())
    assert score(found[:1], np.array([0])).nll == pytest.approx(-math.log(1e-15))


def test_a_method_is_given_the_classes_that_were_drawn_and_scored_on_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Iris with 6 labels at random, of a seed that draws no label of class 1."""
    problem = load("iris")
    seed = next(seed for seed in range(99) if 1 not in draw_labels(problem.y, "random", 2, seed))
    given: list[Array] = []

    def second(X: Array, y: Array, seed: int) -> Predict:
        given.append(y)
        return lambda rows: np.tile([0.25, 0.75], (len(rows), 1))

    monkeypatch.setitem(METHODS, "SVC", second)
    found = measure(Key("iris", "random", 2, seed, "SVC"))
    assert set(given[0]) == {-1, 0, 1}
    expected = draw_labels(problem.y, "random", 2, seed)
    assert np.array_equal(given[0] == 1, expected == 2)
    assert found.error == pytest.approx(200 / 3)  # all are said to be of class 2
    assert found.nll == pytest.approx(-(math.log(0.25) + math.log(1e-15) + math.log(0.75)) / 3)


def test_a_draw_by_class_has_as_many_of_each() -> None:
    y = draw_labels(load("wine").y, "class", 5, 3)
    assert np.bincount(y[y >= 0]).tolist() == [5, 5, 5]


def test_a_random_draw_has_as_many_in_all_and_does_not_look_at_classes() -> None:
    truth = np.repeat([0, 1, 2], [90, 9, 1])
    drawn = [draw_labels(truth, "random", 2, seed) for seed in range(400)]
    for y in drawn:
        assert (y >= 0).sum() == 6
        assert np.array_equal(y[y >= 0], truth[y >= 0])
        assert len(np.unique(y[y >= 0])) > 1
    rare = np.mean([(y == 2).any() for y in drawn])
    # 0.06 of all draws, and every one of them has two classes
    both = 1 - math.comb(90, 6) / math.comb(100, 6)
    assert rare == pytest.approx(0.06 / both, abs=4 * math.sqrt(0.13 * 0.87 / 400))


def test_more_labels_of_a_seed_contain_fewer() -> None:
    truth = load("wine").y
    few, more = (draw_labels(truth, "random", count, 1) >= 0 for count in (2, 5))
    assert np.all(more[few])


def test_baselines_see_rows_scaled_by_the_pool() -> None:
    seen: list[Array] = []

    def look(X: Array, y: Array, seed: int) -> Predict:
        seen.append(X)
        return lambda rows: rows

    pool, test = np.array([[0.0, 10.0], [4.0, 30.0]]), np.array([[6.0, 20.0]])
    found = standardised(look)(pool, np.array([0, -1]), 0)(test)
    assert seen[0].tolist() == [[-1, -1], [1, 1]]
    assert found.tolist() == [[2, 0]]


def test_a_line_after_a_broken_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    append(file, cell("a", 0, 1.0))
    with file.open("a") as lines:
        lines.write('{"set": "set", "lab')
    append(file, cell("a", 1, 2.0))
    assert [found.seed for found in read(file)] == [0, 1]


def test_a_file_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    append(file, cell("a", 0, 1.0))
    fields = cell("a", 1, 1.0)._asdict()
    del fields["draw"]
    with file.open("a") as lines:
        lines.write(json.dumps(fields) + "\n")
    with pytest.raises(
        ValueError, match=r"results.jsonl: line 2 is not of this version of the benchmark"
    ):
        read(file)


def test_a_run_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.jsonl"
    options = ["--sets", "iris", "--labels", "2", "--seeds", "2", "--methods", "SVC"]
    monkeypatch.setattr(sys, "argv", ["few_labels", "run", "--out", str(file), *options])
    command.main()
    whole = file.read_text()
    assert {found.key[:4] for found in read(file)} == {
        ("iris", draw, 2, seed) for draw in ("class", "random") for seed in (0, 1)
    }
    first, second, *_ = whole.splitlines(keepends=True)
    file.write_text(first + second[:30])
    capsys.readouterr()
    command.main()
    assert "3 cells to measure, 1 in" in capsys.readouterr().out
    assert file.read_text().startswith(first)
    assert [found.error for found in read(file)] == [
        json.loads(line)["error"] for line in whole.splitlines()
    ]
    command.main()
    assert "0 cells to measure, 4 in" in capsys.readouterr().out


def test_a_report_has_the_sets_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.jsonl"
    for name in ("iris", "wine"):
        append(file, cell("SVC", 0, 1.0, name=name))
    monkeypatch.setattr(sys, "argv", ["few_labels", "report", str(file), "--sets", "wine"])
    command.main()
    printed = capsys.readouterr().out
    assert "wine: 100 rows" in printed
    assert "iris" not in printed
    monkeypatch.setattr(sys, "argv", ["few_labels", "report", str(file), "--labels", "7"])
    with pytest.raises(SystemExit):
        command.main()
    assert "results.jsonl has no results of these sets" in capsys.readouterr().err


def test_data_that_is_not_there_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CONVERGAN_DATA", raising=False)
    options = ["run", "--out", str(tmp_path / "results.jsonl"), "--sets", "german"]
    monkeypatch.setattr(sys, "argv", ["few_labels", *options])
    load.cache_clear()
    with pytest.raises(SystemExit):
        command.main()
    [line] = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert line.endswith("german: CONVERGAN_DATA must name the folder that has few_label_sets")


def test_a_table_is_cut_in_halves_with_as_many_of_each_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, labels = np.arange(60.0).reshape(20, 3), np.repeat([0, 1], [12, 8])
    (tmp_path / "few_label_sets").mkdir()
    np.savez(tmp_path / "few_label_sets" / "penguins.npz", X=rows.astype("f4"), y=labels)
    monkeypatch.setenv("CONVERGAN_DATA", str(tmp_path))
    problem = table("penguins")
    assert np.bincount(problem.y).tolist() == np.bincount(problem.y_test).tolist() == [6, 4]
    every = np.concatenate([problem.X, problem.X_test])
    assert np.array_equal(every[every[:, 0].argsort()], rows)
    assert np.array_equal(problem.y, labels[(problem.X[:, 0] / 3).astype(int)])


def test_labels_that_a_class_lacks_are_left_out_and_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = list(keys_of_grid(["wine"], ["class", "random"], [29], 2, ["SVC"]))
    assert found == [Key("wine", "random", 29, 0, "SVC"), Key("wine", "random", 29, 1, "SVC")]
    assert "wine: 29 labels a class, draw by class, are left out: 24 at most" in (
        capsys.readouterr().out
    )


def test_slow_methods_have_five_seeds() -> None:
    found = list(keys_of_grid(["iris"], ["class"], [2], 7, [BOOSTING, "SVC"]))
    assert [key.seed for key in found if key.method == BOOSTING] == [0, 1, 2, 3, 4]
    assert [key.seed for key in found if key.method == "SVC"] == [0, 1, 2, 3, 4, 5, 6]


def test_a_method_that_fails_is_wrong_everywhere_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(X: Array, y: Array, seed: int) -> Predict:
        raise MemoryError("too many rows")

    monkeypatch.setitem(METHODS, "SVC", fail)
    found = measure(Key("iris", "class", 2, 0, "SVC"))
    assert found.error == found.balanced_error == found.lost == 100
    assert found.nll == pytest.approx(math.log(3))
    assert found.notices == ["failed: MemoryError: too many rows"]


@pytest.mark.parametrize("method", [name for name in METHODS if name != "ours"])
@pytest.mark.parametrize(("name", "worst"), [("iris", 20), ("breast_cancer", 25)])
def test_ten_labels_a_class_are_enough_for_every_method(
    name: str, worst: float, method: str
) -> None:
    if method == "SelfTraining(SVC)":
        pytest.importorskip("sklearn", minversion="1.8")
    found = measure(Key(name, "class", 10, 0, method))
    assert found.error < worst
    assert found.lost == 0


def test_self_training_with_a_single_label_is_said_not_to_be_one() -> None:
    found = measure(Key("iris", "class", 1, 0, "SelfTraining(SVC)"))
    assert found.notices == ["a class has one label: SVC without self-training"]
    assert found.error == measure(Key("iris", "class", 1, 0, "SVC")).error


def test_a_set_counts_once_however_many_places_it_has() -> None:
    results = [cell("a", 0, 1.0, name="small"), cell("b", 0, 9.0, name="small")]
    for labels in (2, 5, 10):
        results += [cell("a", 0, 8.0, labels=labels), cell("b", 0, 2.0, labels=labels)]
    lines = report(results).splitlines()
    assert "means over 2 sets, 4 places, 1 seed, by rank" in lines
    assert "  a  1.50   4.50      5.50  1.000   2.00" in lines
    assert "  b  1.50   5.50      6.50  1.000   2.00" in lines


def test_methods_are_compared_on_the_seeds_and_places_that_all_have() -> None:
    results = [cell("a", seed, error) for seed, error in enumerate([1.0, 2.0, 99.0])]
    results += [cell("b", 1, 5.0), cell("a", 0, 50.0, labels=5)]
    assert means_by_set(arrange(results), ["a", "b"])["set"][:, :, 0].tolist() == [[2, 5]]
    assert "; left out for lack of a seed of every method: 1" in report(results)
    assert "left out" not in report(results, ["a"])


def test_ours_is_tested_over_sets_and_held_to_its_limit() -> None:
    errors = {
        "ours": (5.0, 14.0, 9.0, 9.0),
        "LogisticRegression": (6.0, 10.5, 9.0, 40.0),
        "RandomForest": (9.0, 20.0, 5.9, 50.0),
    }
    results = [
        cell(method, seed, error + seed, name=f"set {number}")
        for method, each in errors.items()
        for number, error in enumerate(each)
        for seed in range(2)
    ]
    lines = report(results).splitlines()
    assert "  LogisticRegression   2   1   1   -7.12  p 0.7500 1.0000" in lines
    place = lines.index(
        "ours more than 3 points above the better of LogisticRegression and RandomForest: on 2 of "
        "4 sets"
    )
    assert lines[place + 1 :] == [
        "  set 1: 14.50, LogisticRegression 11.00, RandomForest 20.50, +3.50",
        "  set 2: 9.50, LogisticRegression 9.50, RandomForest 6.40, +3.10",
    ]


def test_results_of_several_versions_of_the_estimator_are_told() -> None:
    text = report([cell("ours", 0, 1.0, code="old"), cell("ours", 1, 1.0, code="new")])
    assert "results of 2 versions of the estimator: new, old" in text


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


def test_the_estimators_prior_is_the_one_learned_from_all_sets() -> None:
    priors = json.loads(PRIORS.read_text())
    assert priors.keys() == {"all", *SETS}
    assert {name: tuple(mean) for name, mean in PRIOR.items()} == {
        name: tuple(mean) for name, mean in priors["all"].items()
    }


def test_a_set_is_measured_with_the_prior_learned_without_it() -> None:
    learned = json.loads(PRIORS.read_text())["vehicle"]
    before = usual_powers(np.repeat([0, 1], 5), (TREES,))
    with prior_without("vehicle"):
        [found] = usual_powers(np.repeat([0, 1], 5), (TREES,))
    assert found == learned[TREES][0] != before[0]
    assert usual_powers(np.repeat([0, 1], 5), (TREES,)) == before
