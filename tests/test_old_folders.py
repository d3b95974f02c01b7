"""Run folders, sweeps, models and studies that version 0.8 made still open.

tests/made_by_0_8/make.sh says how they were made. Everything goes through the command line and
public names, so nothing here knows where in the package something is.
"""

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import numpy as np
import pytest
import torch

from convergan import SemiSupervisedGANClassifier

pytestmark = pytest.mark.slow

MADE = Path(__file__).parent / "made_by_0_8"
EXPECTED = MADE / "expected"
DRIVER = """
import contextlib, io, json, os, runpy, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    place, arguments = json.loads(line)
    os.chdir(place)
    sys.argv, code = ["convergan", *arguments], 0
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module("convergan", run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            code = stop.code or 0
    print(json.dumps((code, out.getvalue(), err.getvalue())), file=answers, flush=True)
"""
"""Does ``python -m convergan`` for every line, in one process, so that torch is loaded once."""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that 0.8 made, to be copied."""
    place = tmp_path_factory.mktemp("made_by_0_8")
    with tarfile.open(MADE / "folders.tar.xz") as archive:
        archive.extractall(place, filter="data")
    return place


@pytest.fixture
def place(folders: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A folder with the files of the user's, and the folders that the test's parameter names."""
    for file in MADE.iterdir():
        if file.suffix in (".py", ".csv"):
            shutil.copy(file, tmp_path)
    for name in request.param.split():
        shutil.copytree(folders / name, tmp_path / name)
    return tmp_path


def copies(names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", [names], indirect=True, ids=[""])


class Shell:
    """A process that takes commands, one after the other."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def give(self, place: Path, command: str) -> Ended:
        """Give a command in a folder."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps((str(place), command.split())), file=self.process.stdin, flush=True)
        return Ended(*json.loads(self.process.stdout.readline()))

    def succeed(self, place: Path, *commands: str) -> list[Ended]:
        """Give commands that have to succeed."""
        ended = [self.give(place, command) for command in commands]
        for command, (code, out, err) in zip(commands, ended, strict=True):
            assert code == 0, f"{command}: {out}{err}"
        return ended


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "NO_COLOR": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Shell(process)


@cache
def as_then() -> bool:
    """Whether bits are to be those of 0.8: other processors and versions of torch round in others.

    Elsewhere, figures are compared with a tolerance.
    """
    file = Path("/proc/cpuinfo")
    lines = dict.fromkeys(file.read_text().splitlines()) if file.exists() else {}
    found = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    words = ("vendor_id", "cpu family", "model", "stepping")
    processor = " ".join(found.get(word, "") for word in words)
    made_on = read_json(EXPECTED / "made_on.json")
    return bool(made_on == {"torch": torch.__version__, "processor": processor})


def read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def contents(folder: Path) -> dict[str, str]:
    """The hash of every file but for locks, which go with processes, and for compiled modules."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in (".lock", ".holder") and file.suffix != ".pyc"
    }


def numbers(text: str) -> list[float]:
    """The numbers in a text, which may be worded in another way."""
    return [float(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", text)]


def figures(text: str) -> dict[str, list[float]]:
    """The numbers of each line of a table, by the name that it begins with."""
    lines = [re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in text.splitlines()]
    return {line[0]: numbers(line[1]) for line in lines if len(line) == 2}


def require_same_samples(file: Path, expected: Path, tolerance: float) -> None:
    with np.load(file) as found, np.load(expected) as wanted:
        if as_then():
            np.testing.assert_array_equal(found["samples"], wanted["samples"])
        np.testing.assert_allclose(found["samples"], wanted["samples"], atol=tolerance)


@copies("finished")
def test_a_finished_run_reports_samples_and_scores(shell: Shell, place: Path) -> None:
    before = contents(place / "finished")
    report, _, _, again = shell.succeed(
        place,
        "report finished",
        "sample finished --count 20 --seed 1 --out samples.npz",
        "score finished --against digits --extractor mine.py:pixels --metrics fid,kid,prdc "
        "--samples 200 --rows 400 --threads 1 --out score",
        "train mine.py:digits --steps 100 --out finished --keep 1 --threads 1",
    )
    result, twin = (
        read_json(place / name / "result.json") for name in ("finished", "finished/twin")
    )
    rows = [result, twin, *read_json(place / "finished" / "baselines.json")]
    page = (place / "finished" / "report.html").read_text()
    assert len(rows) == 6
    for row in rows:
        assert f"{row['test_error']:.2%}" in report.out
        assert f"{row['test_error']:.2%}" in again.out
        assert f"{row['test_error']:.2%}" in page
    assert result["state_sha256"] in page
    assert page.count("data:image/png;base64,") == 3
    require_same_samples(place / "samples.npz", EXPECTED / "finished-samples.npz", 1e-5)
    found, wanted = (
        read_json(file) for file in (place / "score/score.json", EXPECTED / "finished-score.json")
    )
    for one, other in zip(found["figures"], wanted["figures"], strict=True):
        for kind in ("samples", "floor"):
            assert one[kind]["name"] == other[kind]["name"]
            assert one[kind]["value"] == pytest.approx(other[kind]["value"], rel=0.01)
            assert one[kind] == other[kind] or not as_then()
    assert "step" not in again.err  # nothing was trained
    after = contents(place / "finished")
    assert after.pop("report.html")
    assert after == before


RUNS = [
    pytest.param("unfinished", "mine.py:digits", 200, id="recipe-of-a-file"),
    pytest.param("unfinished-toy", "toy", 300, id="built-in"),
]


@pytest.mark.parametrize(("place", "recipe", "steps"), RUNS, indirect=["place"])
def test_an_unfinished_run_goes_on_and_ends_as_with_0_8(
    shell: Shell, place: Path, recipe: str, steps: int
) -> None:
    [folder] = (f for f in place.iterdir() if f.is_dir())
    [newest] = (folder / "checkpoints").iterdir()
    draw = f"sample {folder.name} --count 20 --seed 1"
    _, report, train, _, _ = shell.succeed(
        place,
        f"{draw} --out before.npz",
        f"report {folder.name}",
        f"train {recipe} --steps {steps} --out {folder.name} --no-baselines --threads 1",
        f"{draw} --out after.npz",
        f"{draw} --out after.png",
    )
    assert "report.html" in report.out
    first = train.err.splitlines()[0]
    assert "0.8.0" in first and "CHANGELOG.md" in first
    assert f"step {int(newest.name.removeprefix('step-'))}" in train.err
    result, wanted = (
        read_json(file) for file in (folder / "result.json", EXPECTED / f"{folder.name}-ended.json")
    )
    assert result["steps"] == steps
    if as_then():
        assert result.pop("seconds") and wanted.pop("seconds")
        assert result == wanted
    if (file := EXPECTED / f"{folder.name}-samples.npz").exists():
        require_same_samples(place / "before.npz", file, 1e-5)
    require_same_samples(place / "after.npz", EXPECTED / f"{folder.name}-ended-samples.npz", 0.02)
    assert (place / "after.png").read_bytes().startswith(b"\x89PNG")


@copies("changed")
def test_an_unfinished_run_of_a_recipe_that_has_changed_is_refused_in_one_line(
    shell: Shell,
    place: Path,
) -> None:
    before = contents(place)
    command = "train mine.py:mnist --steps 1000 --no-baselines --out changed --keep 1 --threads 1"
    train = shell.give(place, command)
    sample = shell.give(place, "sample changed --count 20 --out samples.npz")
    assert train.code == 2
    [line] = train.err.splitlines()
    assert line.startswith("convergan: changed ")
    for word in ("0.8.0", "CHANGELOG.md", "average"):
        assert word in line
    assert sample.code == 0, sample.err  # what it has learned so far is not lost
    after = contents(place)
    assert after.pop("samples.npz")
    assert after == before


@pytest.mark.nightly
@copies("labels")
def test_a_sweep_over_label_counts_goes_on_with_one_more_seed(shell: Shell, place: Path) -> None:
    before = contents(place / "labels" / "labels-20")
    old = read_csv(place / "labels/table.csv")
    [sweep] = shell.succeed(
        place,
        "sweep mnist-table --recipe digits --data digits --labels 20 --seeds 3 --steps 4 --jobs 1 "
        "--threads 1 --out labels",
    )
    assert before.items() <= contents(place / "labels" / "labels-20").items()
    [*kept, new] = read_csv(place / "labels/table.csv")
    assert kept == [{**row, "recipe": "digits"} for row in old]  # a column that 0.8 did not have
    assert new["seed"] == "2"
    assert ", ".join(row["errors"] for row in (*old, new)) in sweep.out
    assert "seed 2: " in sweep.out + sweep.err
    assert "seed 0: " not in sweep.out + sweep.err


@copies("collapse")
def test_a_finished_study_of_recipes_shows_its_table_again(shell: Shell, place: Path) -> None:
    before = contents(place / "collapse")
    rows = read_csv(place / "collapse/table.csv")
    assert len(rows) == 9
    [sweep] = shell.succeed(
        place, "sweep collapse --data ring --seeds 1 --steps 20 --jobs 1 --out collapse"
    )
    for row in rows:
        assert f" {float(row['kl']):.3f} " in sweep.out
        assert f" {float(row['high_quality']):.1%} " in sweep.out
    after = contents(place / "collapse")
    for name in before.keys() - {"table.md", "table.json"}:  # they have words as well
        assert after[name] == before[name], name


@copies("model estimator")
def test_a_model_of_a_table_predicts_what_it_predicted(shell: Shell, place: Path) -> None:
    shell.succeed(place, "predict model new.csv --keep id --probabilities --out predicted.csv")
    found, wanted = (
        read_csv(file) for file in (place / "predicted.csv", EXPECTED / "predicted.csv")
    )
    assert [row["prediction"] for row in found] == [row["prediction"] for row in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one.keys() == other.keys()
        for name in other.keys() - {"prediction"}:
            assert float(one[name]) == pytest.approx(float(other[name]), rel=1e-4)
    if as_then():
        assert (place / "predicted.csv").read_text() == (EXPECTED / "predicted.csv").read_text()


@copies("model estimator")
def test_a_saved_classifier_loads_and_has_the_same_probabilities(place: Path) -> None:
    model = SemiSupervisedGANClassifier.load(place / "estimator")
    with np.load(EXPECTED / "estimator.npz") as wanted:
        np.testing.assert_array_equal(model.predict(wanted["rows"]), wanted["labels"])
        found = model.predict_proba(wanted["rows"])
        # Probabilities go through the pool's product now, which rounds once more.
        np.testing.assert_allclose(found, wanted["proba"], rtol=1e-14 if as_then() else 1e-6)
    of_table = SemiSupervisedGANClassifier.load(place / "model")
    np.testing.assert_array_equal(of_table.classes_, ["left", "right"])


@contextmanager
def serving(place: Path, port: int) -> Iterator[httpx2.Client]:
    """Serve the study in a process of its own, and stop it as a user does."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "convergan", "turing", "serve", "study"),
            *("--no-browser", "--port", str(port)),
        ],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert f"http://127.0.0.1:{port}/owner" in process.stdout.readline()
            yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def take_part(client: httpx2.Client, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Go through a session from wherever it stands; return its state then and at the end."""
    page = client.get(address)
    assert page.status_code == 200
    form = {"X-Form-Token": page.text.split('name="form-token" content="')[1].split('"')[0]}
    first = state = client.get(f"{address}/state").json()
    if state["stage"] == "consent":
        version = {"version": state["consent"]["version"]}
        client.post(f"{address}/consent", json=version, headers=form)
        state = client.post(f"{address}/tutorial", json={}, headers=form).json()
    while state["stage"] == "trials":
        trial = state["trials"][0]
        for image in trial["images"]:
            assert client.get(image).content.startswith(b"\x89PNG")
        body = {
            "trial": trial["trial"],
            "answer": "real",
            "reaction_ms": 650.0,
            "shown_ms": 650.0,
            "ignored": 0,
            "screen": {"width": 1280, "height": 720, "ratio": 1, "shown_px": 256},
        }
        reply = client.post(f"{address}/answers", json=body, headers=form)
        assert reply.status_code == 200, reply.text
        state = client.get(f"{address}/state").json()
    return first, state


@pytest.mark.nightly
@copies("study")
def test_a_study_has_its_results_and_is_served_to_who_was_in_the_middle(
    shell: Shell, place: Path
) -> None:
    known = read_json(EXPECTED / "study.json")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results, status, invited = shell.succeed(
        place,
        "turing results study --csv figures.csv",
        "turing status study",
        f"turing invite study --public-url http://127.0.0.1:{port}",
    )
    told = (EXPECTED / "study-status.txt").read_text().splitlines()
    assert status.out.splitlines()[:2] == told[:2]
    found, then = (figures(text) for text in (results.out, (EXPECTED / "study.txt").read_text()))
    assert {name: found[name] for name in then} == then  # and some more today
    assert numbers(status.out.splitlines()[2])[:4] == [17.2, 95, 3.8, 32.1]  # as in the results
    assert "Half of each session" in results.out
    assert (place / "study" / "results.html").stat().st_size > 10_000
    owner = {"Authorization": f"Bearer {known['owner']}"}
    with serving(place, port) as client:
        before = client.get("/owner/api/summary", headers=owner).json()
        assert before["people"] == {"done": 6, "open": 2}
        first, last = take_part(client, f"/s/{known['left'][0]}")
        assert first["stage"] == "trials" and 0 < first["answered"] < first["total"] == 5
        assert last["stage"] == "done" and last["completion"]["code"]
        joined = client.get(invited.out.strip())
        assert joined.status_code == 303
        first, last = take_part(client, joined.headers["location"])
        assert first["stage"] == "consent" and last["stage"] == "done"
        after = client.get("/owner/api/summary", headers=owner).json()
    assert after["people"] == {"done": 8, "open": 1}
    assert after["votes"] > before["votes"] == 29
