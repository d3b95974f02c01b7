"""The command sweep."""

import os
from pathlib import Path

import numpy as np
import pytest

from convergan.cli.sweeps import choose_workers
from convergan.data import load
from convergan.recipes import describe_training, find_recipe
from convergan.runs.folder import claim_identity, locked
from tests.cli.refused import Ask, picture
from tests.commands import convergan


def test_a_sweep_asks_for_gpus_where_its_runs_train_on_them() -> None:
    pytest.importorskip("ray")
    assert choose_workers(None, 0, "ray", "cuda").gpus == 1
    assert choose_workers(None, 0, "ray", "cpu").gpus == 0


def sweep(*arguments: str) -> list[str]:
    digits = ["--recipe", "digits", "--data", "digits", "--device", "cpu"]
    return ["sweep", "mnist-table", *digits, "--labels", "20", *arguments]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["sweep", "minst-table"], "no table 'minst-table'; did you mean mnist-table, "),
        (sweep("--recipe", "digit"), "no recipe 'digit'; did you mean digits"),
        (sweep("--labels", "50,55"), "multiple of the 10 classes, got 55; 50 or 60 would do"),
        (sweep("--labels", "50,1290"), "labelled rows, 129 were asked for"),
        (sweep("--labels", "50,20,50"), "labels must be named once each, got 50 twice"),
        (sweep("--labels", "20;50"), "whole numbers with commas between them, got '20;50'"),
        (sweep("--labels", "20,2.5"), "whole numbers with commas between them, got '20,2.5'"),
        (sweep("--labels", ""), "whole numbers with commas between them, got ''"),
        (sweep("--recipe", "toy"), "recipe toy uses no labels, got --labels 20"),
        (sweep("--seeds", "0"), "seeds must be a number of them such as 10, or a list such"),
        (sweep("--jobs", "0"), "jobs must be at least 1, got 0"),
        (sweep("--steps", "0"), "steps must be at least 1, got 0"),
        (sweep("--precision", "float8"), "precision must be float32 or bfloat16, got 'float8'"),
        (sweep("--cluster", "here"), "cluster must be local, a Dask scheduler's address such as"),
        (sweep("--cluster", "tcp://a:1", "--jobs", "2"), "jobs is up to the cluster at tcp://a:1"),
        (
            ["sweep", "ablations", "--labels", "20"],
            "ablations runs recipes of its own, so --labels 20 has no effect",
        ),
        (
            ["sweep", "collapse", "--recipe", "toy"],
            "collapse runs recipes of its own, so --recipe toy has no effect",
        ),
        (
            ["sweep", "collapse", "--data", "rings"],
            "no data of the study collapse 'rings'; did you mean ring or ",
        ),
        (["sweep", "collapse", "--data", "ring,ring"], "data must be named once each, got ring tw"),
        (["sweep", "collapse", "--data", ""], "no data of the study collapse ''; did you mean"),
        (
            ["sweep", "collapse", "--data", "ring", "--seeds", "0"],
            "seeds must be a number of them such",
        ),
        (["sweep", "collapse", "--data", "ring", "--steps", "0"], "steps must be at least 1, got"),
        (["sweep", "colapse"], "no table 'colapse'; did you mean collapse"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_written(
    ask: Ask, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    code, line = ask(*arguments)
    assert code == 2 and reason in line
    assert not list(tmp_path.iterdir())


def test_the_folder_of_another_sweep_is_refused_naming_what_differs(ask: Ask) -> None:
    with locked(Path("mine/sweep.json")):
        there = {"table": "mnist-table", "recipe": "digits", "data": "digits", "steps": 9}
        there |= {"device": "cpu", "precision": "float32"}
        recipes = {"digits": describe_training(find_recipe("digits"))}
        hashes = {"digits": load("digits").sha256()}
        identity = {"settings": there, "recipes": recipes, "data_sha256": hashes}
        claim_identity(Path("mine/sweep.json"), identity, {})
    written = Path("mine/sweep.json").read_bytes()
    code, line = ask(*sweep("--out", "mine", "--steps", "7"))
    assert code == 2 and "mine belongs to another sweep: steps 9 there, 7 here;" in line
    assert Path("mine/sweep.json").read_bytes() == written
    assert {path.name for path in Path("mine").iterdir()} == {
        ".holder",
        ".lock",
        "sweep.json",
    }


def test_a_sweep_in_use_is_refused(ask: Ask) -> None:
    with locked(Path("mine/sweep.json")):
        code, line = ask(*sweep("--out", "mine"))
    assert code == 2 and line.startswith(f"convergan: mine is in use by process {os.getpid()} on ")
    assert sorted(path.name for path in Path("mine").iterdir()) == [".holder", ".lock"]


def test_a_folder_that_is_no_sweep_is_refused_and_left_as_it_is(ask: Ask) -> None:
    Path("thesis").mkdir()
    Path("thesis/chapter.txt").write_text("do not touch")
    code, line = ask(*sweep("--out", "thesis"))
    assert code == 2
    assert line == "convergan: thesis is not empty and not a sweep; choose another --out"
    assert [path.name for path in Path("thesis").iterdir()] == ["chapter.txt"]


def test_data_without_test_rows_make_no_table(ask: Ask) -> None:
    np.savez("rows.npz", x_train=np.zeros((120, 8, 8), np.uint8), y_train=np.arange(120) % 2)
    code, line = ask(*sweep("--data", "rows.npz"))
    assert (code, line) == (65, "convergan: rows.npz has no test rows, which a table needs")
    assert not Path("runs").exists()


def test_a_sweep_cuts_images_as_its_recipe_says(ask: Ask) -> None:
    picture("data/labeled/a/1.png")
    picture("data/unlabeled/2.png", size=(9, 8))
    for number in range(60):
        picture(f"data/labeled/{'ab'[number % 2]}/{number}.png", size=(8 + number % 2, 8))
    Path("mine.py").write_text(
        "from dataclasses import replace\nfrom convergan.recipes import RECIPES\n"
        "def cut():\n    return replace(RECIPES['digits'](), side=8, batch_size=10)\n"
    )
    refused = ask(
        "sweep", "mnist-table", "--recipe", "mine.py:cut", "--data", "data", "--labels", "20"
    )
    assert refused == (65, "convergan: data has no test rows, which a table needs")


@pytest.mark.nightly
def test_a_sweep_and_its_runs_leave_out_what_they_are_allowed_to(ask: Ask) -> None:
    for number in range(140):
        split = "test" if number >= 120 else "labeled"
        picture(f"data/{split}/{'ab'[number % 2]}/{number:03d}.png")
    Path("data/labeled/a/004.png").write_bytes(b"")
    wished = sweep("--data", "data", "--seeds", "1", "--steps", "2", "--out", "table")
    code, line = ask(*wished)
    assert code == 65 and "data: 1 unreadable: labeled/a/004.png" in line
    code, line = ask(*wished, "--stream")
    assert code == 65 and "can be streamed only by a recipe with a side" in line
    assert convergan(*wished, "--allow-bad", "--skip-non-finite", 2, "--roll-back", 3) == 0
    [left_out] = Path("table").rglob("left_out.csv")
    assert left_out.read_text() == "left out\nlabeled/a/004.png (zero bytes)\n"


def test_a_sweep_among_several_processes_is_refused(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, line = ask(*sweep())
    assert code == 2 and "a sweep is one process: start it without torchrun" in line
