"""Finished runs in a sweep's folder, and the files of its table, without any training."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from convergan.core.html import Picture
from convergan.sweeps.results import (
    SweepTable,
    finished_runs,
    place_by_labels,
    place_by_recipe,
    write_page,
    write_table,
)

RECIPE = {"of": "digits", "labels": 10, "steps": 9}
Change = Callable[[Path], None]


def write(file: Path, value: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


def write_sweep(folder: Path) -> None:
    sweep = {
        "schema": 2,
        "settings": {"table": "mnist-table", "data": "here", "device": "cpu"},
        "recipes": {"digits": RECIPE},
        "data_sha256": {"digits": "hash"},
    }
    write(folder / "sweep.json", sweep)


def write_run(folder: Path, labels: int, seed: int) -> Path:
    settings = {"recipe": "digits", "data": "digits", "labels": labels, "seed": seed}
    settings |= {"steps": 9, "device": "cpu", "precision": "float32"}
    run = folder / f"labels-{labels}" / f"seed-{seed}"
    config = {"schema": 2, "settings": settings, "recipe": RECIPE, "data_sha256": "hash"}
    write(run / "config.json", config)
    write(run / "result.json", {"steps": 9, "test_error": seed / 100})
    return run


@pytest.mark.parametrize(
    ("recipe", "data", "place"),
    [
        ("toy", "ring", "toy-on-ring/seed-3"),
        ("svhn", "ufldl-stanford/svhn:cropped_digits", "svhn-on-svhn-cropped_digits/seed-3"),
        ("mnist", "/a/folder/rows.npz", "mnist-on-rows.npz/seed-3"),
    ],
)
def test_a_run_of_a_study_is_in_the_folder_of_its_recipe_and_data(
    recipe: str, data: str, place: str
) -> None:
    settings = {"recipe": recipe, "data": data, "labels": 7, "seed": 3}
    assert place_by_recipe(settings) == place
    assert place_by_labels(settings) == "labels-7/seed-3"


def test_finished_runs_are_ordered_by_folder_and_seed(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    for labels, seed in ((50, 10), (50, 2), (20, 11)):
        write_run(tmp_path, labels, seed)
    runs = finished_runs(tmp_path, place_by_labels)
    assert [(run.settings["labels"], run.settings["seed"]) for run in runs] == [
        *((20, 11), (50, 2), (50, 10))
    ]
    assert runs[1].folder == tmp_path / "labels-50" / "seed-2"
    assert runs[1].result == {"steps": 9, "test_error": 0.02}


def changed(part: str, name: str, value: Any) -> Change:
    def change(run: Path) -> None:
        config = json.loads((run / "config.json").read_text())
        (config[part] if part else config)[name] = value
        write(run / "config.json", config)

    return change


def removed(name: str) -> Change:
    return lambda run: (run / name).unlink()


def cut_off(run: Path) -> None:
    (run / "config.json").write_text("{")


def moved(run: Path) -> None:
    run.rename(run.with_name("seed-8"))


CHANGES: dict[str, Change] = {
    "not finished": removed("result.json"),
    "no description": removed("config.json"),
    "half a description": cut_off,
    "of a later version": changed("", "schema", 3),
    "on another device": changed("settings", "device", "cuda"),
    "of other data": changed("", "data_sha256", "other"),
    "of a recipe that is not the sweep's": changed("settings", "recipe", "toy"),
    "of a recipe that has changed": changed("recipe", "labels", 20),
    "of another length": changed("settings", "steps", 8),
    "of another seed than its folder": changed("settings", "seed", 8),
    "in the folder of another seed": moved,
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_belong_to_a_sweep_is_left_out(tmp_path: Path, name: str) -> None:
    write_sweep(tmp_path)
    write_run(tmp_path, 20, 0)
    CHANGES[name](write_run(tmp_path, 20, 1))
    assert [run.settings["seed"] for run in finished_runs(tmp_path, place_by_labels)] == [0]


def test_a_run_of_the_same_data_from_another_place_belongs_to_a_sweep(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    write_run(tmp_path, 20, 0)
    changed("settings", "data", "/elsewhere/rows.npz")(write_run(tmp_path, 20, 1))
    assert [run.settings["seed"] for run in finished_runs(tmp_path, place_by_labels)] == [0, 1]


def test_the_precision_may_differ_where_the_sweep_does_not_say(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    changed("settings", "precision", "bfloat16")(write_run(tmp_path, 20, 1))
    assert len(finished_runs(tmp_path, place_by_labels)) == 1


TABLE = SweepTable(
    title="mnist: errors, <out> of 500",
    head=("labels", "errors"),
    rows=[["20", "93 ± 6.5"], ["50", "-"]],
    numbers=(0, 1),
    note="Mean & deviation.",
    runs=[("labels", "seed", "errors"), (20, 0, 86.5), (20, 1, "a, b")],
    record={"columns": [{"labels": 20, "mean": 93.0}]},
)
FAILED = ["labels 50 seed 0: <exit> code 70", "labels 50 seed 1: killed"]


def test_a_table_is_written_for_people_and_for_programs(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    write_table(tmp_path, TABLE, FAILED)
    assert (tmp_path / "table.md").read_text() == (
        "mnist: errors, <out> of 500\n\n"
        "| labels | errors |\n| --- | --- |\n| 20 | 93 ± 6.5 |\n| 50 | - |\n\n"
        "Mean & deviation.\n\n"
        "Failed: labels 50 seed 0: <exit> code 70\n\n"
        "Failed: labels 50 seed 1: killed\n"
    )
    with (tmp_path / "table.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            *(["labels", "seed", "errors"], ["20", "0", "86.5"], ["20", "1", "a, b"])
        ]
    assert json.loads((tmp_path / "table.json").read_text()) == {
        "title": TABLE.title,
        "note": TABLE.note,
        "settings": {"table": "mnist-table", "data": "here", "device": "cpu"},
        "columns": [{"labels": 20, "mean": 93.0}],
        "failed": FAILED,
    }


def test_a_page_has_the_table_what_failed_and_the_pictures(tmp_path: Path) -> None:
    write_page(tmp_path, TABLE, FAILED, [Picture(b"png", "samples")])
    page = (tmp_path / "table.html").read_text()
    assert "<h1>mnist</h1>" in page and "errors, &lt;out&gt; of 500" in page
    assert '<td class="number">93 ± 6.5</td>' in page and "Mean &amp; deviation." in page
    assert "<h2>Failed runs</h2>" in page and "seed 0: &lt;exit&gt; code 70" in page
    assert page.count("<img") == 1
    write_page(tmp_path, TABLE, [], [])
    page = (tmp_path / "table.html").read_text()
    assert "Failed" not in page and "<img" not in page
