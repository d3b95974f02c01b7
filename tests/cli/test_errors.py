import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from convergan.cli.main import main
from convergan.data import load
from convergan.recipes import describe_training, find_recipe
from convergan.runs.folder import claim_identity, locked
from convergan.runs.run import run
from convergan.runs.settings import Settings
from tests.commands import convergan

Refusal = tuple[int, str]
Ask = Callable[..., Refusal]


def the_one_line(stderr: str) -> str:
    """Return the message; see that it is one line, the last, and that nothing else explains."""
    assert "Traceback" not in stderr
    assert stderr.startswith("convergan: ")
    assert stderr.count("\n") == 1
    return stderr.rstrip("\n")


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return a function that runs the command line here and gives its exit code and message."""
    monkeypatch.chdir(tmp_path)

    def refused(*arguments: str) -> Refusal:
        monkeypatch.setattr(sys, "argv", ["convergan", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        stdout, stderr = capsys.readouterr()
        assert stdout == ""
        assert isinstance(left.value.code, int)
        return left.value.code, the_one_line(stderr)

    return refused


def train(*arguments: str) -> list[str]:
    return ["train", "digits", "--threads", "1", "--device", "cpu", "--no-baselines", *arguments]


def sweep(*arguments: str) -> list[str]:
    digits = ["--recipe", "digits", "--data", "digits", "--device", "cpu"]
    return ["sweep", "mnist-table", *digits, "--labels", "20", *arguments]


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
        (["sweep", "minst-table"], "no table 'minst-table'; did you mean mnist-table, "),
        (sweep("--recipe", "digit"), "no recipe 'digit'; did you mean digits"),
        (sweep("--labels", "50,55"), "multiple of the 10 classes, got 55; 50 or 60 would do"),
        (sweep("--labels", "50,1290"), "labelled rows, 129 were asked for"),
        (sweep("--labels", "50,20,50"), "labels must be named once each, got 50 twice"),
        (sweep("--labels", "20;50"), "whole numbers with commas between them, got '20;50'"),
        (sweep("--labels", "20,2.5"), "whole numbers with commas between them, got '20,2.5'"),
        (sweep("--labels", ""), "whole numbers with commas between them, got ''"),
        (sweep("--recipe", "toy"), "recipe toy uses no labels, got --labels 20"),
        (sweep("--seeds", "0"), "seeds must be at least 1, got 0"),
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
        (["sweep", "collapse", "--data", "ring", "--seeds", "0"], "seeds must be at least 1, got"),
        (["sweep", "collapse", "--data", "ring", "--steps", "0"], "steps must be at least 1, got"),
        (["sweep", "colapse"], "no table 'colapse'; did you mean collapse"),
        (["sample", "nowhere", "--out", "x.jpg"], "samples go to a .png or .npz file, got x.jpg"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_written(
    ask: Ask, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    code, line = ask(*arguments)
    assert code == 2 and reason in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["train", "lost.py:f"], "no file lost.py to take the recipe f from"),
        (["report", "nowhere"], "nowhere is not the folder of a run"),
        (["sample", "nowhere"], "nowhere is not the folder of a run"),
        (["predict", "nowhere", "lost.csv"], "nowhere is not a model folder"),
        (["fit", "lost.csv", "--target", "a", "--out", "m"], "there is no file lost.csv"),
        (["scan", "lost.csv"], "there is no file lost.csv"),
        (train("--data", "lost.npz"), "there is no file lost.npz"),
        (["score", "lost.npz", "--against", "digits", "--extractor", "mnist"], "lost.npz"),
        (["score", "digits", "--against", "digits", "--extractor", "lost.py:f"], "no file lost.py"),
        (["turing", "results", "lost"], "there is no study lost"),
    ],
)
def test_what_is_not_there_ends_with_one_exit_code_everywhere(
    ask: Ask, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    code, line = ask(*arguments)
    assert code == 65 and reason in line
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
    before = {path: path.stat().st_mtime_ns for path in Path("mine").rglob("*")}
    code, line = ask(*train("--out", "mine", "--steps", "2"))
    assert code == 2
    assert line.startswith(f"convergan: mine is in use by process {os.getpid()} on ")
    assert {path: path.stat().st_mtime_ns for path in Path("mine").rglob("*")} == before
    started.close()  # type: ignore[attr-defined]


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
    assert {path.name for path in Path("mine").iterdir()} == {".lock", "sweep.json"}


def test_a_sweep_in_use_is_refused(ask: Ask) -> None:
    with locked(Path("mine/sweep.json")):
        code, line = ask(*sweep("--out", "mine"))
    assert code == 2 and line.startswith(f"convergan: mine is in use by process {os.getpid()} on ")
    assert [path.name for path in Path("mine").iterdir()] == [".lock"]


def test_a_folder_that_is_no_sweep_is_refused_and_left_as_it_is(ask: Ask) -> None:
    Path("thesis").mkdir()
    Path("thesis/chapter.txt").write_text("do not touch")
    code, line = ask(*sweep("--out", "thesis"))
    assert code == 2
    assert line == "convergan: thesis is not empty and not a sweep; choose another --out"
    assert [path.name for path in Path("thesis").iterdir()] == ["chapter.txt"]


# --- refused data: 65 ----------------------------------------------------------------------------


def picture(path: str, size: tuple[int, int] = (8, 8)) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path)
    return Path(path)


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


def test_data_without_test_rows_make_no_table(ask: Ask) -> None:
    np.savez("rows.npz", x_train=ROWS["x_train"], y_train=ROWS["y_train"])
    code, line = ask(*sweep("--data", "rows.npz"))
    assert (code, line) == (65, "convergan: rows.npz has no test rows, which a table needs")
    assert not Path("runs").exists()


def test_a_sweep_cuts_images_as_its_recipe_says(ask: Ask) -> None:
    mixed_sizes()
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


@pytest.mark.slow
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


# --- storage: 74; unexpected: 1; fresh processes -------------------------------------------------


def fresh(code: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``code`` and then the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", f"{code}\nfrom convergan.cli.main import main\nmain()", *arguments],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
"""No file may grow beyond 200,000 bytes: grids of samples fit, tensors do not."""


@pytest.mark.slow
def test_a_disk_without_space_ends_the_run_with_74_and_once_there_is_some_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = train("--steps", "1", "--out", "mine")
    stopped = fresh(FULL, *arguments, folder=tmp_path)
    assert stopped.returncode == 74
    assert "Traceback" not in stopped.stderr and stopped.stdout == ""
    lines = stopped.stderr.splitlines()
    assert [line for line in lines if line.startswith("convergan: ")] == lines[-1:]
    assert "File too large" in lines[-1]
    assert not list((tmp_path / "mine" / "checkpoints").iterdir())
    assert not list((tmp_path / "mine").rglob(".tmp-*"))
    assert not (tmp_path / "mine" / "result.json").exists()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["convergan", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    assert (tmp_path / "mine" / "result.json").exists()
    assert "report: mine/report.html" in capsys.readouterr().out


@pytest.mark.slow
def test_a_fresh_process_leaves_with_the_code_and_one_line_on_stderr(tmp_path: Path) -> None:
    left = fresh("", "train", "nonsense", folder=tmp_path)
    assert left.returncode == 2 and left.stdout == ""
    assert left.stderr.count("\n") == 1
    assert left.stderr.startswith("convergan: no recipe 'nonsense'")
    assert not list(tmp_path.iterdir())


def test_an_unexpected_error_leaves_its_traceback_in_a_file(ask: Ask) -> None:
    Path("mine.py").write_text("def broken():\n    return {}['lost']\n")
    code, line = ask("train", "mine.py:broken")
    assert code == 1
    start = "convergan: unexpected KeyError: 'lost'; the traceback is in "
    assert line.startswith(start)
    log = Path(line.removeprefix(start))
    assert "mine.py" in log.read_text() and "KeyError: 'lost'" in log.read_text()


def test_an_unexpected_error_of_several_lines_is_told_in_one(ask: Ask) -> None:
    Path("mine.py").write_text('def broken():\n    raise RuntimeError("one\\ntwo")\n')
    assert ask("train", "mine.py:broken")[0] == 1


def test_a_run_killed_while_it_claimed_its_folder_can_be_started_again(tmp_path: Path) -> None:
    (tmp_path / ".tmp-config.json-00ff").touch()
    chosen = Settings(recipe="digits", data="digits", labels=50, seed=0, steps=2, device="cpu")
    started = run(find_recipe("digits"), load("digits"), chosen, tmp_path, baselines=False)
    next(started)
    started.close()  # type: ignore[attr-defined]
    assert (tmp_path / "config.json").exists()
