"""The table, from folders written here as a sweep writes them."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convergan.recipes import name_without
from convergan.sweeps.label_table import ensemble_errors, label_table
from convergan.sweeps.results import finished_runs, place_by_labels, write_table

ROWS, CLASSES = 40, 4
TRUTH = np.arange(ROWS) % CLASSES


def write_sweep(folder: Path, **settings: Any) -> dict[str, Any]:
    common = {
        "table": "mnist-table",
        "recipe": "digits",
        "data": "digits",
        "steps": 9,
        "device": "cpu",
        "precision": "float32",
    }
    sweep = {
        "settings": common | settings,
        "recipes": {
            name: {"average": {"function": "f"}, "descriptor": None, "steps": 9}
            for name in ("digits", "digits-without-game")
        },
        "data_sha256": {(common | settings)["data"]: "00"},
    }
    folder.mkdir(exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps(sweep))
    np.save(folder / "test_labels.npy", TRUTH)
    return sweep


def write_run(
    folder: Path, labels: int, seed: int, wrong: list[int], without: str | None = None
) -> Path:
    """Write a run that is sure of everything and mistaken on the rows ``wrong``."""
    sweep = json.loads((folder / "sweep.json").read_text())
    settings = {**sweep["settings"], "labels": labels, "seed": seed}
    parts = () if without is None else (without,)
    settings["recipe"] = name_without(settings["recipe"], *parts)
    del settings["table"]
    config = {
        "settings": settings,
        "recipe": sweep["recipes"][settings["recipe"]],
        "data_sha256": sweep["data_sha256"][settings["data"]],
    }
    run = folder / name_without(f"labels-{labels}", *parts) / f"seed-{seed}"
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(config))
    predicted = TRUTH.copy()
    predicted[wrong] = (TRUTH[wrong] + 1) % CLASSES
    np.save(run / "test_probabilities.npy", np.eye(CLASSES, dtype=np.float32)[predicted])
    confusion = np.zeros((CLASSES, CLASSES), dtype=int)
    np.add.at(confusion, (TRUTH, predicted), 1)
    result = {
        "test_error": len(wrong) / ROWS,
        "test_error_last": 0.5,
        "confusion": confusion.tolist(),
        "steps": 9,
        "seconds": 1.5,
        "state_sha256": "ab",
    }
    (run / "result.json").write_text(json.dumps(result))
    return run


def test_the_table_has_mean_sample_deviation_and_every_seed(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    for seed, wrong in enumerate(([0, 1], [1, 2, 3], [4])):
        write_run(tmp_path, 20, seed, wrong)
    table = label_table(tmp_path)
    [column] = table.record["columns"]
    assert column["singles"] == {"0": 2, "1": 3, "2": 1}
    assert column["single"] == {"mean": 2, "std": 1.0}
    assert column["ensembles"] == [1] and column["members"] == 3  # only row 1 has two votes
    rest = ["1 (of 3)", "-", "-", "2, 3, 1"]
    assert table.rows[0] == ["20", "digits", "3", "2.0 ± 1.0", "2", *rest]
    assert table.title == (
        "mnist-table: digits on digits, 9 steps, 3 seeds; errors out of 40, "
        "mean ± standard deviation; final averaged weights; nothing chosen on test data"
    )


def test_the_papers_figures_stand_beside_ours_on_the_papers_data_alone(tmp_path: Path) -> None:
    write_sweep(tmp_path, data="ylecun/mnist")
    write_run(tmp_path, 100, 0, [0])
    write_run(tmp_path, 110, 0, [0])  # a count that the paper does not have
    assert [row[6:8] for row in label_table(tmp_path).rows] == [
        ["93 ± 6.5", "86 ± 5.6"],
        ["-", "-"],
    ]


def test_the_note_says_when_the_recipe_sees_more_than_the_papers_networks(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path)
    write_run(tmp_path, 20, 0, [1])
    assert "harder problem" not in label_table(tmp_path).note
    sweep["recipes"]["digits"]["descriptor"] = "oriented_gradients"
    (tmp_path / "sweep.json").write_text(json.dumps(sweep))
    assert "harder problem" in label_table(tmp_path).note


def test_a_table_in_percent_spells_its_figures_in_percent(tmp_path: Path) -> None:
    write_sweep(tmp_path, table="svhn-table", data="ufldl-stanford/svhn:cropped_digits")
    write_run(tmp_path, 500, 0, [0])
    write_run(tmp_path, 500, 1, [0, 1])
    row = label_table(tmp_path).rows[0]
    of_runs = ["3.75 ± 1.77", "3.75", "2.50 (of 2)"]
    assert row == ["500", "digits", "2", *of_runs, "18.44 ± 4.8", "-", "2.50, 5.00"]


def test_ablations_and_baselines_stand_below_the_recipe_on_the_same_labels(tmp_path: Path) -> None:
    write_sweep(tmp_path, data="ylecun/mnist")
    for seed, wrong in enumerate(([0], [1, 2])):
        run = write_run(tmp_path, 100, seed, wrong)
        baseline = {"name": "nearest row", "test_error": 0.25 + seed / ROWS, "seconds": 1.0}
        unfit = {"name": "kernel", "test_error": None, "seconds": 0.0, "note": "cannot run"}
        (run / "baselines.json").write_text(json.dumps([baseline, unfit]))
        write_run(tmp_path, 100, seed, [0, 1, 2, 3 + seed], without="game")
    assert [(row[1], row[2], row[4], row[6], row[8]) for row in label_table(tmp_path).rows] == [
        ("digits", "2", "1.5", "93 ± 6.5", "1, 2"),
        ("digits without game", "2", "4", "-", "4, 4"),
        ("nearest row", "2", "10.5", "-", "10, 11"),
    ]


def test_one_run_has_neither_deviation_nor_ensemble(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    write_run(tmp_path, 20, 0, [0, 1])
    assert label_table(tmp_path).rows[0][3:6] == ["2", "-", "-"]
    assert ", 1 seed; " in label_table(tmp_path).title


def test_ensembles_are_disjoint_groups_of_ten_in_order() -> None:
    truth = np.array([0])
    right, wrong = np.array([[0.6, 0.4]]), np.array([[0.1, 0.9]])
    assert ensemble_errors([right] * 10 + [wrong] * 10, truth) == [0, 1]
    assert ensemble_errors([right] * 10 + [wrong] * 9, truth) == [0]
    assert ensemble_errors([right, right, wrong], truth) == [1]  # means, not votes


def test_several_ensembles_have_a_deviation(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    for seed in range(20):
        write_run(tmp_path, 20, seed, [0, 1, 2] if seed < 10 else [0])
    [column] = label_table(tmp_path).record["columns"]
    assert column["ensembles"] == [3, 1]
    assert label_table(tmp_path).rows[0][5] == "2.0 ± 1.4 (2 of 10)"


def test_a_run_without_probabilities_leaves_its_column_without_an_ensemble(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    write_run(tmp_path, 20, 0, [0])
    (write_run(tmp_path, 20, 1, [0]) / "test_probabilities.npy").unlink()
    assert label_table(tmp_path).rows[0][3:6] == ["1.0 ± 0.0", "1", "-"]


@pytest.mark.parametrize("change", [{"steps": 8}, {"seed": 5}, {"device": "cuda"}])
def test_runs_of_other_settings_and_unfinished_ones_are_left_out(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    write_sweep(tmp_path)
    write_run(tmp_path, 20, 0, [0])
    config = write_run(tmp_path, 20, 1, []) / "config.json"
    other = json.loads(config.read_text())
    other["settings"] |= change
    config.write_text(json.dumps(other))
    (write_run(tmp_path, 20, 2, []) / "result.json").unlink()
    (write_run(tmp_path, 20, 3, []) / "config.json").write_text("half a")
    (write_run(tmp_path, 20, 4, []) / "config.json").unlink()
    found = finished_runs(tmp_path, place_by_labels)
    assert [run.settings["seed"] for run in found] == [0]


def test_a_sweep_without_finished_runs_has_an_empty_table(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    write_table(tmp_path, label_table(tmp_path), ["labels 20 seed 0: exit code 70: no"])
    assert "Failed: labels 20 seed 0: exit code 70: no" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "table.csv").read_text().count("\n") == 1


def test_the_three_files_say_the_same(tmp_path: Path) -> None:
    write_sweep(tmp_path, data="ylecun/mnist")
    for labels, seed, wrong in ((20, 0, [0]), (20, 1, [1, 2]), (50, 0, [3])):
        write_run(tmp_path, labels, seed, wrong)
    write_table(tmp_path, label_table(tmp_path), [])
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["labels"], row["seed"], row["errors"], row["errors_last"]) for row in rows] == [
        ("20", "0", "1", "20"),
        ("20", "1", "2", "20"),
        ("50", "0", "1", "20"),
    ]
    assert {row["test_rows"] for row in rows} == {"40"}
    record = json.loads((tmp_path / "table.json").read_text())
    assert [column["singles"] for column in record["columns"]] == [{"0": 1, "1": 2}, {"0": 1}]
    assert record["columns"][0]["paper_single"] == {"mean": 1677, "std": 452}
    page = (tmp_path / "table.md").read_text().splitlines()
    assert page[0] == record["title"] and "1 to 2 seeds" in page[0]
    of_runs = "digits | 2 | 1.5 ± 0.7 | 1.5 | 0 (of 2)"
    assert page[4] == f"| 20 | {of_runs} | 1677 ± 452 | 1134 ± 445 | 1, 2 |"
