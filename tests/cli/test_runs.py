"""A user's way through the commands for runs, on data small enough to train on in seconds."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from convergan.cli.main import app
from convergan.data import load
from convergan.networks import Generator
from convergan.recipes import RECIPES, find_recipe
from convergan.runs.run import run
from convergan.runs.settings import Settings
from tests.cli.refused import Ask, picture
from tests.commands import convergan


def train_digits(folder: Path, *more: object) -> int:
    return convergan(
        *("train", "digits", "--steps", 60, "--labels", 20, "--out", folder, "--threads", 1), *more
    )


@pytest.mark.slow
def test_training_leaves_a_complete_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert train_digits(folder) == 0
    shown = capsys.readouterr().out
    for method in ("GAN", "supervised twin", "logistic regression", "label spreading", "self-tr"):
        assert method in shown
    result = json.loads((folder / "result.json").read_text())
    assert result["steps"] == 60
    assert 0 <= result["test_error"] <= 1
    assert len(result["state_sha256"]) == 64
    assert sum(map(sum, result["confusion"])) == 500
    log = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [50, 60]
    assert {"seconds", "supervised_loss", "generator_loss", "test_error"} <= set(log[-1])
    labels = (folder / "labels.csv").read_text().splitlines()
    assert labels[0] == "row,label,class,file"
    assert sorted(line.split(",")[1] for line in labels[1:]) == sorted("0123456789" * 2)
    assert (folder / "samples" / "step-000000060.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3  # samples, losses, confusion
    assert "http" not in page.split("<h2>How it was made")[0]
    assert "convergan train digits --steps 60" in page


@pytest.mark.slow
def test_numbers_that_are_set_are_part_of_what_a_run_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, slower = tmp_path / "run", ("--no-baselines", "--set", "generator_optimizer.lr=0.001")
    assert train_digits(folder, *slower) == 0
    config = json.loads((folder / "config.json").read_text())
    assert config["settings"]["recipe"] == "digits[generator_optimizer.lr=0.001]"
    assert config["recipe"]["generator_optimizer"]["arguments"]["lr"] == 0.001
    assert convergan("sample", folder) == 0
    capsys.readouterr()
    assert train_digits(folder, "--no-baselines") == 2  # another run's folder
    assert train_digits(tmp_path / "other", "--set", "generator_optimiser.lr=0.001") == 2
    near = "no number of recipe digits 'generator_optimiser.lr'; did you mean generator_optimizer."
    assert near in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_parts_may_be_left_out_one_after_the_other(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    less = ("--no-baselines", "--steps", 2, "--without", "graph", "--without", "game")
    assert train_digits(folder, *less) == 0
    config = json.loads((folder / "config.json").read_text())
    assert config["settings"]["recipe"] == "digits-without-game-without-graph"
    assert train_digits(folder, *less[1:]) == 0  # with baselines
    page = (folder / "report.html").read_text()
    assert page.index("--no-baselines --steps 2") < page.index("--threads 1 --steps 2")


@pytest.mark.slow
def test_a_program_gets_the_result_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = tmp_path / "run", tmp_path / "values.json"
    assert train_digits(folder, "--json", "-", "--quiet") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert found["settings"]["labels"] == 20 and found["result"]["steps"] == 60
    assert [row["name"] for row in found["methods"]][:2] == ["GAN", "supervised twin"]
    assert train_digits(folder, "--json", file) == 0
    assert json.loads(file.read_text()) == found
    assert f"\n{file}\n" in capsys.readouterr().out  # words are back
    nowhere = tmp_path / "lost" / "values.json"
    assert train_digits(tmp_path / "other", "--quiet", "--json", nowhere) == 2
    refused = f"convergan: --json {nowhere}: there is no folder {tmp_path / 'lost'}\n"
    assert capsys.readouterr() == ("", refused)
    assert not (tmp_path / "other").exists()


def test_the_numbers_of_a_recipe_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert convergan("recipes", "digits") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "batch_size=100" in lines and "discriminator_optimizer.lr=0.003" in lines
    assert convergan("recipes", "digit") == 2
    assert "did you mean digits" in capsys.readouterr().err
    assert convergan("recipes", "digits", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["batch_size"] == 100
    assert convergan("recipes", "--json", "-") == 0
    listed = json.loads(capsys.readouterr().out)
    assert sorted(listed) == sorted(RECIPES)
    digits = {"data": "digits", "labels": 50, "steps": 4000}
    assert listed["digits"] == {**digits, "summary": find_recipe("digits").summary}


@pytest.mark.slow
def test_a_finished_run_is_shown_again_without_training(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert train_digits(folder, "--no-baselines") == 0
    written = (folder / "result.json").stat().st_mtime_ns
    assert train_digits(folder, "--no-baselines") == 0
    assert (folder / "result.json").stat().st_mtime_ns == written


@pytest.mark.slow
def test_samples_are_drawn_as_picture_and_array(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert train_digits(folder, "--no-baselines") == 0
    assert convergan("sample", folder, "--count", 7, "--out", tmp_path / "a.npz") == 0
    assert convergan("sample", folder, "--count", 7, "--seed", 1, "--out", tmp_path / "b.npz") == 0
    capsys.readouterr()
    assert convergan("sample", folder, "--json", "-", "--quiet") == 0
    said, told = capsys.readouterr()
    drawn = {"file": str(folder / "samples.png"), "count": 100, "seed": 0, "notes": []}
    assert (json.loads(said), told) == (drawn, "")
    assert convergan("report", folder, "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["methods"][0]["name"] == "GAN"
    samples = [np.load(tmp_path / name)["samples"] for name in ("a.npz", "b.npz")]
    assert samples[0].shape == (7, 1, 8, 8)
    assert not np.array_equal(*samples)
    with Image.open(folder / "samples.png") as picture:
        assert picture.size == (10 * 25 + 1, 10 * 25 + 1)


@pytest.mark.slow
def test_a_run_whose_generator_has_changed_since_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    assert train_digits(folder, "--no-baselines", "--steps", 2) == 0
    capsys.readouterr()
    digits = find_recipe("digits")

    def other(shape: Sequence[int], chance: torch.Generator) -> Generator:
        network = digits.generator(shape, chance)
        network.register_parameter("bias", torch.nn.Parameter(torch.zeros(1)))
        return network

    monkeypatch.setattr(
        "convergan.runs.reading.find_recipe", lambda name: replace(digits, generator=other)
    )
    assert convergan("sample", folder, "--out", tmp_path / "a.npz") == 65
    told = " ".join(capsys.readouterr().err.split())
    assert "has the weights of another generator than that of digits here" in told
    assert "Traceback" not in told and not (tmp_path / "a.npz").exists()


@pytest.mark.nightly
def test_training_in_bfloat16_differs_from_float32_and_ends_as_well(tmp_path: Path) -> None:
    hashes = set()
    for precision in ("float32", "bfloat16"):
        folder = tmp_path / precision
        assert train_digits(folder, "--no-baselines", "--precision", precision) == 0
        result = json.loads((folder / "result.json").read_text())
        hashes.add(result["state_sha256"])
        assert result["test_error"] < 0.5
    assert len(hashes) == 2


@pytest.mark.slow
def test_an_image_folder_with_few_labels_is_learned_from_without_choosing_a_number(
    tmp_path: Path,
) -> None:
    chance = np.random.default_rng(0)
    for place, count in (("labeled/dark", 3), ("labeled/light", 4), ("unlabeled", 120)):
        (tmp_path / "images" / place).mkdir(parents=True)
        for number in range(count):
            light = place.endswith("light") or (place == "unlabeled" and number % 2)
            pixels = chance.integers(100, 256) if light else chance.integers(0, 100)
            Image.new("L", (6, 6), int(pixels)).save(tmp_path / "images" / place / f"{number}.png")
    folder = tmp_path / "run"
    code = convergan(
        *("train", "digits", "--data", tmp_path / "images", "--steps", 20, "--out", folder)
    )
    assert code == 0
    assert len((folder / "labels.csv").read_text().splitlines()) == 1 + 7
    assert json.loads((folder / "result.json").read_text())["test_error"] is None
    predictions = (folder / "predictions.csv").read_text().splitlines()
    assert len(predictions) == 1 + 120
    assert predictions[1].split(",")[1] == "unlabeled/0.png"
    assert predictions[1].split(",")[2] in ("dark", "light")


def test_a_recipe_without_labels_ends_with_samples_and_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    assert convergan("train", "toy", "--steps", 30, "--out", folder) == 0
    assert json.loads((folder / "result.json").read_text())["test_error"] is None
    assert convergan("report", folder) == 0


def test_the_command_recipes_lists_every_recipe_whole_at_any_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("convergan.cli.console.output.width", 40)
    shown = CliRunner().invoke(app, ["recipes"])
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert lines[::3] == sorted(RECIPES)
    about = lines.index("digits")
    assert lines[about + 1] == f"    {find_recipe('digits').summary}"
    assert lines[about + 2] == "    digits, 50 labels, 4,000 steps"


def train(*arguments: str) -> list[str]:
    return ["train", "digits", "--threads", "1", "--device", "cpu", "--no-baselines", *arguments]


# --- wrong arguments: 2 --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["train", "minst"], "no recipe 'minst'; did you mean mnist, "),
        (train("--labels", "55"), "multiple of the 10 classes, got 55; 50 or 60 would do"),
        (train("--labels", "-10"), "multiple of the 10 classes, got -10"),
        (train("--labels", "0"), "recipe digits needs labels, got --labels 0"),
        (train("--labels", "1290"), "labelled rows, 129 were asked for"),
        (["train", "toy", "--labels", "8", "--threads", "1"], "toy uses no labels"),
        (train("--steps", "0"), "steps must be at least 1, got 0"),
        (train("--seed", "-1"), "seed must not be negative, got -1"),
        (train("--precision", "float8"), "precision must be float32 or bfloat16, got 'float8'"),
        (train("--device", "tpu"), "device must be auto, cpu or cuda, got 'tpu'"),
        (["sample", "nowhere", "--out", "x.jpg"], "samples go to a .png or .npz file, got x.jpg"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_written(
    ask: Ask, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    code, line = ask(*arguments)
    assert code == 2 and reason in line
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(ask: Ask) -> None:
    assert ask(*train("--device", "cuda")) == (
        2,
        "convergan: device cuda was asked for, but there is none; use cpu or auto",
    )


def test_a_class_with_fewer_examples_than_asked_is_named(ask: Ask) -> None:
    labels = np.array([0] * 150 + [1] * 4)
    np.savez("rows.npz", x_train=np.zeros((154, 8, 8), dtype=np.uint8), y_train=labels)
    code, line = ask(*train("--data", "rows.npz", "--labels", "10"))
    assert code == 2
    assert line == "convergan: class '1' has 4 labelled rows, 5 were asked for"


def test_the_folder_of_another_run_is_refused_naming_what_differs(ask: Ask) -> None:
    chosen = Settings(recipe="digits", data="digits", labels=50, seed=0, steps=2, device="cpu")
    started = run(find_recipe("digits"), load("digits"), chosen, Path("mine"), baselines=False)
    next(started)
    started.close()  # type: ignore[attr-defined]
    claimed = Path("mine/config.json").read_bytes()
    code, line = ask(*train("--out", "mine", "--steps", "3", "--seed", "4"))
    assert code == 2
    assert "mine belongs to another run: seed 0 there, 4 here; steps 2 there, 3 here;" in line
    assert "labels" not in line and "recipe" not in line
    assert Path("mine/config.json").read_bytes() == claimed


def test_the_folder_of_the_same_run_on_other_data_is_refused(ask: Ask) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (120, 8, 8), dtype=np.uint8)
    labels = np.arange(120) % 2
    np.savez("rows.npz", x_train=levels, y_train=labels)
    chosen = Settings(recipe="digits", data="rows.npz", labels=10, seed=0, steps=2, device="cpu")
    started = run(find_recipe("digits"), load("rows.npz"), chosen, Path("mine"), baselines=False)
    next(started)
    started.close()  # type: ignore[attr-defined]
    levels[0, 0, 0] ^= 1
    np.savez("rows.npz", x_train=levels, y_train=labels)
    same = ("--data", "rows.npz", "--labels", "10", "--steps", "2")
    code, line = ask(*train("--out", "mine", *same))
    assert code == 2 and "mine belongs to another run: other data;" in line


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(ask: Ask) -> None:
    Path("thesis").mkdir()
    Path("thesis/chapter.txt").write_text("do not touch")
    code, line = ask(*train("--out", "thesis"))
    assert code == 2
    assert line == "convergan: thesis is not empty and not a run; choose another --out"
    assert [path.name for path in Path("thesis").iterdir()] == ["chapter.txt"]


def test_a_run_in_use_is_refused_naming_who_uses_it_and_nothing_changes(ask: Ask) -> None:
    chosen = Settings(recipe="digits", data="digits", labels=50, seed=0, steps=2, device="cpu")
    started = run(find_recipe("digits"), load("digits"), chosen, Path("mine"), baselines=False)
    next(started)

    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in Path("mine").rglob("*") if path.is_file()}

    before = contents()
    code, line = ask(*train("--out", "mine", "--steps", "2"))
    assert code == 2
    assert line.startswith(f"convergan: mine is in use by process {os.getpid()} on ")
    assert contents() == before
    started.close()  # type: ignore[attr-defined]


# --- refused data: 65 ----------------------------------------------------------------------------


def nothing() -> None:
    pass


def an_empty_folder() -> None:
    Path("data").mkdir()


def mixed_sizes() -> None:
    picture("data/labeled/a/1.png")
    picture("data/unlabeled/2.png", size=(9, 8))


def sixteen_bits() -> None:
    picture("data/labeled/a/1.png")
    Image.fromarray(np.zeros((8, 8), dtype=np.uint16)).save("data/labeled/a/2.png")


def a_table_naming_a_file_that_is_not_there() -> None:
    picture("data/1.png")
    Path("data/labels.csv").write_text("file,label\n1.png,a\n2.png,b\n")


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (nothing, "no data set 'data': neither a folder nor a file here"),
        (an_empty_folder, "data holds no data: expected Parquet files"),
        (mixed_sizes, "mixed sizes: 8x8 (1, e.g. labeled/a/1.png), 9x8 (1, e.g. unlabeled/2.png)"),
        (sixteen_bits, "1 unreadable: labeled/a/2.png"),
        (a_table_naming_a_file_that_is_not_there, "1 unreadable: 2.png"),
    ],
)
def test_a_data_folder_that_cannot_be_used_is_refused(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[], None], reason: str
) -> None:
    monkeypatch.delenv("CONVERGAN_DATA", raising=False)
    prepare()
    data = str(Path("data").absolute())
    code, line = ask(*train("--data", data if prepare is nothing else "data"))
    assert code == 65 and reason.replace("'data'", f"'{data}'") in line
    assert not Path("runs").exists()


def test_a_judge_refuses_data_before_the_first_step(ask: Ask) -> None:
    np.savez("points.npz", x_train=np.zeros((120, 2)), y_train=np.zeros(120, dtype=int))
    code, line = ask("train", "toy", "--data", "points.npz", "--threads", "1", "--out", "mine")
    assert (code, line) == (
        2,
        "convergan: modes are counted on ring or grid, got --data points.npz",
    )
    assert not Path("mine/metrics.jsonl").exists() and not list(Path("mine").rglob("step-*"))
    assert not Path("mine/result.json").exists()


def test_twenty_unreadable_files_are_named_in_the_line_and_all_of_them_in_a_file(ask: Ask) -> None:
    for number in range(30):
        file = picture(f"data/unlabeled/{number:02d}.png")
        if number >= 5:
            file.write_bytes(file.read_bytes()[:40])
    picture("data/labeled/a/1.png")
    code, line = ask(*train("--data", "data"))
    assert code == 65 and "data: 25 unreadable: " in line and " and 5 more; " in line
    named = [number for number in range(30) if f"unlabeled/{number:02d}.png" in line]
    assert named == list(range(5, 25))
    listed = Path(line.rsplit("all are in ", 1)[1]).read_text().splitlines()
    assert [file.split(" ")[0] for file in listed] == [
        f"unlabeled/{n:02d}.png" for n in range(5, 30)
    ]


@pytest.mark.slow
def test_unreadable_files_are_left_out_and_listed_where_that_is_allowed(ask: Ask) -> None:
    for number in range(120):
        picture(f"data/labeled/{'ab'[number % 2]}/{number:03d}.png")
    Path("data/labeled/a/004.png").write_bytes(b"")
    wished = ("--labels", 100, "--steps", 2, "--no-baselines", "--threads", 1, "--out", "run")
    assert convergan("train", "digits", "--data", "data", *wished) == 65
    assert not Path("run").exists()
    assert convergan("train", "digits", "--data", "data", "--allow-bad", *wished) == 0
    assert Path("run/left_out.csv").read_text() == "left out\nlabeled/a/004.png (zero bytes)\n"


ROWS: dict[str, Any] = {
    "x_train": np.zeros((120, 8, 8), dtype=np.uint8),
    "y_train": np.arange(120) % 2,
    "x_test": np.zeros((4, 8, 8), dtype=np.uint8),
    "y_test": np.arange(4) % 2,
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"y_train": np.full(120, -2)}, "training label -2 is out of range"),
        ({"y_test": np.array([0, 1, 2, 1])}, "test label 2 is out of range, labels are 0 to 1"),
        ({"y_train": np.arange(119) % 2}, "120 training rows but 119 labels"),
        (
            {"x_train": np.array([{}] * 120)},
            "rows.npz is not a readable npz archive without pickle",
        ),
        ({"y_train": np.array(["a"] * 120, dtype=object)}, "without pickles"),
        ({"x_test": ROWS["x_test"][:, :7]}, "test rows have shape (1, 7, 8), training rows (1, 8"),
    ],
)
def test_an_archive_that_cannot_be_used_is_refused(
    ask: Ask, changes: dict[str, Any], reason: str
) -> None:
    np.savez("rows.npz", **(ROWS | changes))
    code, line = ask(*train("--data", "rows.npz", "--labels", "10"))
    assert code == 65 and reason in line
    assert not Path("runs").exists()


def test_a_pickle_under_the_name_of_an_archive_is_refused_unopened(ask: Ask) -> None:
    attack = b"cos\nsystem\n(S'touch opened'\ntR."  # a pickle that runs a command when loaded
    Path("rows.npz").write_bytes(attack)
    code, line = ask(*train("--data", "rows.npz"))
    assert code == 65 and "rows.npz is not a readable npz archive without pickles" in line
    assert not Path("opened").exists()


@pytest.mark.slow
def test_figures_and_samples_go_to_a_tracker_once_through_a_second_call(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "run"
    words = ("train", "toy", "--steps", 60, "--out", folder, "--threads", 1)
    for _ in range(2):  # the second finds a finished run
        assert convergan(*words, "--log", "tensorboard", "--log", "tensorboard") == 0
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("GAN/generator_loss")] == [50, 60]
    assert [event.step for event in events.Scalars("GAN/found")] == [60]
    assert [event.step for event in events.Images("GAN/samples")] == [60]
    assert len(list((folder / "tensorboard").iterdir())) == 1


def test_an_unknown_tracker_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert convergan("train", "toy", "--out", folder, "--log", "mlflow") == 2
    assert "no logger 'mlflow'; take tensorboard, wandb, trackio" in capsys.readouterr().err
    assert not folder.exists()
