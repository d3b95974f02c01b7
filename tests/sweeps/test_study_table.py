"""The table of a study, from folders written here as a sweep writes them."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from convergan.core.pictures import png
from convergan.sweeps.results import finished_runs, place_by_recipe, write_page, write_table
from convergan.sweeps.studies import STUDIES
from convergan.sweeps.study_table import draw_study, figures_line, study_table

COLLAPSE, ABLATIONS = STUDIES["collapse"], STUDIES["ablations"]
RECIPES = ("toy", "toy-pacgan-2", "stacked", "ablation-ours", "cifar10-ablation-ours")
REAL = {"found": 8.0, "kl": 0.001, "high_quality": 0.99}


def write_sweep(folder: Path, data: str = "ring", table: str = "collapse", **more: Any) -> None:
    sources = data.split(",")
    settings = {"table": table, "data": data, "device": "cpu", "precision": "float32", **more}
    sweep = {
        "settings": settings,
        "recipes": {name: {"of": name, "labels": 0, "steps": 9} for name in RECIPES},
        "data_sha256": {source: f"hash of {source}" for source in sources},
    }
    folder.mkdir(exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps(sweep))


def write_run(
    folder: Path,
    recipe: str,
    data: str,
    seed: int,
    judged: dict[str, float],
    *,
    real: dict[str, float] = REAL,
    steps: int = 9,
) -> Path:
    settings = {"recipe": recipe, "data": data, "labels": 0, "seed": seed, "steps": steps}
    settings |= {"device": "cpu", "precision": "float32"}
    run = folder / place_by_recipe(settings)
    (run / "samples").mkdir(parents=True)
    config = {
        "settings": settings,
        "recipe": {"of": recipe, "labels": 0, "steps": 9},
        "data_sha256": f"hash of {data}",
    }
    (run / "config.json").write_text(json.dumps(config))
    result = {"steps": steps, "seconds": 10.0 * (seed + 1), "judged": judged, "real": real}
    (run / "result.json").write_text(json.dumps(result))
    for step, level in ((3, 0.0), (9, 1.0)):
        (run / "samples" / f"step-{step:09d}.png").write_bytes(png(torch.full((1, 8, 8), level)))
    return run


def found(modes: float, kl: float = 0.5, near: float = 0.25) -> dict[str, float]:
    return {"found": modes, "modes": 8.0, "kl": kl, "high_quality": near}


# --- the table -----------------------------------------------------------------------------------


def test_figures_are_means_over_seeds_beside_those_of_real_rows(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    for seed, modes in enumerate((5.0, 6.0, 7.0)):
        write_run(tmp_path, "toy", "ring", seed, found(modes, kl=0.1 * seed))
    write_run(tmp_path, "toy-pacgan-2", "ring", 0, found(8.0))
    table = study_table(tmp_path, COLLAPSE)
    assert list(table.head) == [
        *("data", "technique", "seeds", "modes found", "KL in nats", "near a mode"),
        *("seconds", "every seed"),
    ]
    assert table.rows == [
        ["ring", "plain", "3", "6.0 ± 1.0", "0.100 ± 0.100", "25.0% ± 0.0%", "20", "5.0, 6.0, 7.0"],
        ["ring", "pacgan 2", "1", "8.0", "0.500", "25.0%", "10", "8.0"],
        ["ring", "real rows", "", "8.0", "0.001", "99.0%", "", ""],
    ]
    assert table.title == (
        "collapse: techniques against mode collapse: modes found, KL in nats, samples near a mode; "
        "1 to 3 seeds; mean ± standard deviation"
    )


def test_seeds_are_in_order_also_from_ten_on(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    for seed in (10, 2, 0):
        write_run(tmp_path, "toy", "ring", seed, found(float(seed)))
    assert study_table(tmp_path, COLLAPSE).rows[0][-1] == "0.0, 2.0, 10.0"


def test_each_data_set_has_its_real_rows_and_a_figure_that_it_lacks_is_a_dash(
    tmp_path: Path,
) -> None:
    write_sweep(tmp_path, "ring,stacked-mnist")
    write_run(tmp_path, "toy", "ring", 0, found(5.0))
    stacked, real = {"found": 900.0, "kl": 0.3}, {"found": 1000.0, "kl": 0.02}
    write_run(tmp_path, "stacked", "stacked-mnist", 0, stacked, real=real)
    rows = study_table(tmp_path, COLLAPSE).rows
    assert [row[:2] for row in rows] == [
        *(["ring", "plain"], ["ring", "real rows"]),
        *(["stacked-mnist", "plain"], ["stacked-mnist", "real rows"]),
    ]
    assert [row[3:6] for row in rows[2:]] == [["900.0", "0.300", "-"], ["1000.0", "0.020", "-"]]


SCORED = {"inception_score": 7.5, "inception_score_std": 0.1, "kl": 0.2, "nearest": 4.0}


def test_the_papers_column_is_there_on_cifar10_alone(tmp_path: Path) -> None:
    for data, recipe in (
        ("ylecun/mnist", "ablation-ours"),
        ("uoft-cs/cifar10", "cifar10-ablation-ours"),
    ):
        folder = tmp_path / recipe
        write_sweep(folder, data, "ablations")
        write_run(folder, recipe, data, 0, SCORED, real=SCORED)
        table = study_table(folder, ABLATIONS)
        assert ("paper" in table.head) is ("cifar" in recipe)
        assert {len(row) for row in table.rows} == {len(table.head)}
        row = dict(zip(table.head, table.rows[0], strict=True))
        assert row["technique"] == "our methods" and row["score"] == "7.50"
        assert row.get("paper") == ("8.09 ± 0.07" if "cifar" in recipe else None)


def test_beside_cifar10_the_rows_of_other_data_have_a_dash_for_the_paper(tmp_path: Path) -> None:
    write_sweep(tmp_path, "ylecun/mnist,uoft-cs/cifar10", "ablations")
    write_run(tmp_path, "ablation-ours", "ylecun/mnist", 0, SCORED, real=SCORED)
    write_run(tmp_path, "cifar10-ablation-ours", "uoft-cs/cifar10", 0, SCORED, real=SCORED)
    table = study_table(tmp_path, ABLATIONS)
    place = list(table.head).index("paper")
    assert [row[place] for row in table.rows] == ["-", "", "8.09 ± 0.07", ""]


def test_runs_that_are_unfinished_or_of_something_else_are_left_out(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    write_run(tmp_path, "toy", "ring", 0, found(5.0))
    (write_run(tmp_path, "toy", "ring", 1, found(1.0)) / "result.json").unlink()
    (write_run(tmp_path, "toy", "ring", 2, found(1.0)) / "config.json").write_text("half a")
    changes: list[dict[str, Any]] = [
        {"data_sha256": "other"},
        {"recipe": {"of": "other"}},
        {"device": "cuda"},
        {"seed": 9},
    ]
    for seed, change in enumerate(changes, 3):
        config = write_run(tmp_path, "toy", "ring", seed, found(1.0)) / "config.json"
        content = json.loads(config.read_text())
        name, value = next(iter(change.items()))
        (content if name in content else content["settings"])[name] = value
        config.write_text(json.dumps(content))
    write_run(tmp_path, "toy", "grid", 0, found(1.0))  # not among the data of the sweep
    write_run(tmp_path, "toy-top-k", "ring", 0, found(1.0))  # nor the recipe
    assert [run.settings["seed"] for run in finished_runs(tmp_path, place_by_recipe)] == [0]
    assert [row[1:3] for row in study_table(tmp_path, COLLAPSE).rows] == [
        ["plain", "1"],
        ["real rows", ""],
    ]


@pytest.mark.parametrize(("wanted", "there"), [({}, 4), ({"steps": 4}, 9)])
def test_a_run_of_another_length_is_left_out(
    tmp_path: Path, wanted: dict[str, Any], there: int
) -> None:
    write_sweep(tmp_path, **wanted)
    write_run(tmp_path, "toy", "ring", 0, found(5.0), steps=there)
    write_run(tmp_path, "toy", "ring", 1, found(5.0), steps=wanted.get("steps", 9))
    assert [run.settings["seed"] for run in finished_runs(tmp_path, place_by_recipe)] == [1]


def test_a_study_without_finished_runs_has_an_empty_table_and_no_pictures(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    table = study_table(tmp_path, COLLAPSE)
    assert table.rows == [] and "0 seeds" in table.title
    write_table(tmp_path, table, ["toy on ring seed 0: exit code 70: no"])
    pictures = draw_study(tmp_path, COLLAPSE)
    write_page(tmp_path, table, ["toy on ring seed 0: <exit> code 70"], pictures)
    assert "Failed: toy on ring seed 0: exit" in (tmp_path / "table.md").read_text()
    page = (tmp_path / "table.html").read_text()
    assert "<h2>Failed runs</h2>" in page and "seed 0: &lt;exit&gt; code 70" in page
    assert "<h2>Pictures</h2>" not in page
    assert not list(tmp_path.glob("*.png"))


def test_the_three_files_say_the_same(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    for seed in (0, 1):
        write_run(tmp_path, "toy", "ring", seed, found(5.0 + seed))
    write_table(tmp_path, study_table(tmp_path, COLLAPSE), [])
    with (tmp_path / "table.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["recipe"], line["seed"], line["found"], line["steps"]) for line in lines] == [
        ("toy", "0", "5.0", "9"),
        ("toy", "1", "6.0", "9"),
    ]
    record = json.loads((tmp_path / "table.json").read_text())
    [arm] = record["arms"]
    assert arm["figures"]["found"] == [5.0, 6.0] and arm["seeds"] == [0, 1]
    assert arm["real"] == REAL and arm["paper"] is None
    page = (tmp_path / "table.md").read_text().splitlines()
    assert page[0] == record["title"]
    assert page[4].startswith("| ring | plain | 2 | 5.5 ± 0.7 | 0.500 ± 0.000 | 25.0% ± 0.0% | ")


def test_a_finished_run_is_told_in_one_line(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    write_run(tmp_path, "toy", "ring", 1, found(5.0))
    [run] = finished_runs(tmp_path, place_by_recipe)
    assert figures_line(run) == (
        "toy on ring seed 1: modes found 5, KL in nats 0.5, near a mode 0.25, 20 s"
    )


# --- the pictures --------------------------------------------------------------------------------


def test_pictures_show_the_last_samples_and_the_figures_of_every_arm(tmp_path: Path) -> None:
    write_sweep(tmp_path, "ring,stacked-mnist")
    for recipe, seed in (("toy", 0), ("toy", 1), ("toy-pacgan-2", 0)):
        write_run(tmp_path, recipe, "ring", seed, found(5.0 + seed))
    write_run(tmp_path, "stacked", "stacked-mnist", 0, {"found": 900.0, "kl": 0.3})
    draw_study(tmp_path, COLLAPSE)
    for name in ("samples.png", "figures.png"):
        with Image.open(io.BytesIO((tmp_path / name).read_bytes())) as picture:
            picture.load()
            assert min(picture.size) > 100
    with Image.open(tmp_path / "samples.png") as picture:
        levels = picture.convert("L").histogram()
    assert levels[255] > levels[0] * 5  # the last samples are white, those before were black


def test_the_page_has_the_table_its_note_and_the_pictures(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    write_run(tmp_path, "toy", "ring", 0, found(5.0))
    table = study_table(tmp_path, COLLAPSE)
    write_page(tmp_path, table, [], draw_study(tmp_path, COLLAPSE))
    page = (tmp_path / "table.html").read_text()
    assert "<h1>collapse</h1>" in page and table.title.partition(": ")[2] in page
    assert table.note in page and "Failed" not in page
    assert '<th scope="col" class="number">modes found</th>' in page
    assert '<td>plain</td><td class="number">1</td><td class="number">5.0</td>' in page
    assert page.count("data:image/png;base64,") == 2


@pytest.mark.parametrize("gone", [("toy",), ("toy", "toy-pacgan-2")])
def test_runs_whose_pictures_are_gone_have_a_table_that_says_so(
    tmp_path: Path, gone: tuple[str, ...]
) -> None:
    write_sweep(tmp_path)
    for recipe in ("toy", "toy-pacgan-2"):
        run = write_run(tmp_path, recipe, "ring", 0, found(5.0))
        if recipe in gone:
            for picture in (run / "samples").iterdir():
                picture.unlink()
    table = study_table(tmp_path, COLLAPSE)
    assert [row[1] for row in table.rows] == ["plain", "pacgan 2", "real rows"]
    names = {"toy": "plain on ring", "toy-pacgan-2": "pacgan 2 on ring"}
    missing = ", ".join(names[recipe] for recipe in gone)
    assert table.note.endswith(f" Samples not drawn, as their files are gone: {missing}.")
    pictures = draw_study(tmp_path, COLLAPSE)
    drawn = {"figures.png"} if len(gone) == 2 else {"figures.png", "samples.png"}
    assert {file.name for file in tmp_path.glob("*.png")} == drawn
    assert len(pictures) == len(drawn)
