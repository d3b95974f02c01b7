"""A user's way to the hub and back: what is pulled does what was pushed, to the bit."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.commands import Call, convergan
from tests.embedding.pictures import shapes
from tests.publishing.stand_in import Hub, asked_by_the_library
from tests.tabular.tables import few, wine

QUICKEST = ("--max-epochs", 1, "--device", "cpu", "--quiet")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with asked_by_the_library(monkeypatch) as asked:
        yield asked


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "digits"
    command = ("train", "digits", "--labels", 20, "--steps", 2, "--no-baselines", "--threads", 1)
    assert convergan(*command, "--device", "cpu", "--out", folder, "--quiet") == 0
    return folder


@pytest.mark.slow
def test_a_run_that_is_pulled_samples_and_reports_the_same(
    call: Call, hub: Hub, run: Path, tmp_path: Path
) -> None:
    code, out, err = call("push", run, "me/digits", "--license", "mit", "--json", "pushed.json")
    assert (code, err) == (0, "")
    pushed = json.loads((tmp_path / "pushed.json").read_text())
    assert f"pushed: {hub.endpoint}/me/digits, revision {pushed['revision']}" in out
    assert f"next: convergan pull me/digits --sha256 {pushed['sha256']}" in out
    assert "note: It holds weights that were learned" in out and pushed["kind"] == "run"
    assert b"license: mit" in hub.files("me/digits")["README.md"]
    code, out, err = call("pull", "me/digits", "--sha256", pushed["sha256"])
    assert (code, err) == (0, "") and "pulled: digits" in out and "a run, 7 files" in out
    assert call("sample", run, "--count", 10, "--out", "here.npz")[0] == 0
    assert call("sample", "digits", "--count", 10, "--out", "there.npz")[0] == 0
    with np.load("here.npz") as here, np.load("there.npz") as there:
        np.testing.assert_array_equal(here["samples"], there["samples"])
    assert call("report", "digits")[0] == 0
    page = (tmp_path / "digits" / "report.html").read_text()
    assert json.loads((run / "result.json").read_text())["state_sha256"] in page
    # What was pulled is whole.
    code, out, _ = call("push", "digits", "me/digits", "--license", "mit")
    assert code == 0 and f"the hub has this very model already: {hub.endpoint}/me/digits, re" in out
    assert "pushed: " not in out


@pytest.mark.slow
def test_models_that_are_pulled_predict_the_same(call: Call, hub: Hub, tmp_path: Path) -> None:
    few(wine(), "kind").to_csv("wine.csv", index=False)
    shapes(tmp_path / "photos", labeled=3, unlabeled=4)
    call("fit", "wine.csv", "--target", "kind", "--drop", "id", "--out", "table", *QUICKEST)
    call("fit", "photos", "--extractor", "pixels@8", "--no-comparison", "--out", "pm", *QUICKEST)
    for model, rows in (("table", "wine.csv"), ("pm", "photos")):
        code, out, err = call("push", model, f"me/{model}")
        assert code == 0 and "note: It holds features of " in out, err
        assert call("pull", f"me/{model}", "--out", f"pulled-{model}")[0] == 0
        for folder in (model, f"pulled-{model}"):
            words = ("--probabilities", "--out", f"{folder}.csv", "--quiet")
            assert call("predict", folder, rows, *words)[0] == 0
        assert Path(f"{model}.csv").read_bytes() == Path(f"pulled-{model}.csv").read_bytes()
    card = hub.files("me/table")["README.md"].decode()
    assert "convergan fit wine.csv --target kind --drop id --out table" in card
    assert {".gitattributes", "README.md", "convergan.json", "environment.json"} | {
        *("model.zip", "record.json"),
    } == set(hub.files("me/pm"))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("result.json", '{"x": 1}', "result.json lacks the field 'steps'"),
        ("result.json", '{"steps": "2"}', "result.json: steps is '2', no such value"),
        ("result.json", '{"steps": 2,', "result.json is not readable JSON: "),
        ("result.json", "[]", "result.json holds no fields"),
        ("config.json", '{"settings": {}}', "config.json lacks the field 'recipe'"),
        ("config.json", '{"settings": 1}', "config.json does not describe a run"),
        ("config.json", '{"settings"', "config.json is not readable JSON: "),
        ("baselines.json", '[{"name": "knn"}]', "baselines.json lacks the field 'test_error'"),
        ("baselines.json", "{}", "baselines.json holds no rows of a table"),
        ("metrics.jsonl", "{}\n{\n", "metrics.jsonl is not readable JSON: "),
        ("environment.json", '{"command": ""}', "environment.json lacks the field 'versions'"),
    ],
)
def test_a_damaged_file_of_a_run_is_one_line_and_65(
    call: Call, hub: Hub, run: Path, file: str, content: str, said: str
) -> None:
    shutil.copytree(run, "run")
    Path("run", file).write_text(content)
    commands: list[tuple[object, ...]] = [("report", "run")]
    if file != "metrics.jsonl":  # whose lines are no concern of it
        commands.append(("push", "run", "me/x", "--dry-run", "look"))
    if file == "config.json":
        commands.append(("sample", "run", "--count", 10, "--out", "samples.npz"))
        commands.append(("score", "run", "--against", "digits"))
    for words in commands:
        code, _, err = call(*words)
        assert (code, err.count("\n")) == (65, 1), (words, err)
        assert said in err
    assert not Path("look").exists() and not hub.requests


@pytest.mark.parametrize("name", ["me/x..y", "me/x--y", "me/x.git", "me/-x", f"me/{'x' * 97}"])
def test_a_name_that_the_hub_does_not_allow_is_told_first(
    call: Call, hub: Hub, run: Path, name: str
) -> None:
    for words in (("push", run, name), ("pull", name, "--out", "x")):
        code, out, err = call(*words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "a repository of the hub is OWNER/NAME, each up to 96 letters" in err
    assert not hub.requests


def test_quiet_commands_print_results_alone(call: Call, hub: Hub, run: Path) -> None:
    code, out, err = call("push", run, "me/digits", "--quiet", "--json", "pushed.json")
    pushed = json.loads(Path("pushed.json").read_text())
    line = f"{hub.endpoint}/me/digits, revision {pushed['revision']}, hash {pushed['sha256']}"
    assert (code, out, err) == (0, f"pushed: {line}\npushed.json\n", "")
    hub.repositories["me/digits"].add({**hub.files("me/digits"), "LICENSE": b"mit"})
    assert call("pull", "me/digits", "--quiet") == (0, "pulled: digits\n", "")
    code, out, _ = call("pull", "me/digits", "--out", "again")
    assert code == 0
    assert "note: not pulled, as no part of the model: 1 file of me/digits\n" in out


def test_a_run_that_is_not_finished_is_pushed_with_a_note(call: Call, hub: Hub, run: Path) -> None:
    shutil.copytree(run, "run")
    (Path("run") / "result.json").unlink()
    note = "This run is unfinished: it has no result yet, only a checkpoint after 2 of 2 steps."
    code, out, _ = call("push", "run", "me/digits", "--json", "pushed.json")
    assert code == 0 and f"note: {note}\n" in out
    assert json.loads(Path("pushed.json").read_text())["notes"] == [note]
    assert note in hub.files("me/digits")["README.md"].decode()


def test_a_line_that_is_being_written_is_left_out_of_a_report(call: Call, run: Path) -> None:
    shutil.copytree(run, "run")
    (Path("run") / "result.json").unlink()
    with (Path("run") / "metrics.jsonl").open("a") as log:
        log.write('{"step": 3, "los')
    assert call("report", "run")[0] == 0
    assert "Not finished: 2 of 2 steps." in Path("run/report.html").read_text()


def test_a_dry_run_writes_all_and_asks_nobody(
    call: Call, hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    code, out, _ = call("push", run, "me/digits", "--dry-run", "look")
    assert code == 0 and "nothing was pushed; all that would be is in look" in out
    assert not hub.requests
    assert Path("look/README.md").read_text().startswith("---\nlibrary_name: convergan\n")
    assert json.loads(Path("look/convergan.json").read_text())["kind"] == "run"
    assert call("sample", "look", "--count", 10, "--out", "samples.npz")[0] == 0


def test_what_cannot_be_done_is_one_line_and_a_code(
    call: Call, hub: Hub, run: Path, tmp_path: Path
) -> None:
    hub.make("me/notes", {"notes.txt": b"mine"})
    for words, code, said in (
        (("push", run, "digits"), 2, "a repository of the hub is OWNER/NAME"),
        (("push", tmp_path, "me/digits"), 65, "is no model: name the folder of a run"),
        (("push", run, "you/digits"), 65, "the token may not write into you/digits (403"),
        (("push", run, "me/notes"), 65, "holds files that convergan did not write: notes.txt"),
        (("push", run, "me/x", "--ablation", run), 2, "is another experiment: recipe 'digits'"),
        (("push", run, "me/x", "--license", "odd"), 65, "no license 'odd': --license takes"),
        (("push", run, "me/x", "--dry-run", tmp_path), 2, "exists"),
        (("pull", "me/notes"), 65, "is no model of convergan: it has no convergan.json"),
        (("pull", "me/nothing"), 65, "the hub has no model me/nothing"),
        (("pull", "me/notes", "--out", run), 2, "exists"),
    ):
        found, _, err = call(*words)
        assert found == code and said in err, err
        assert err.startswith("convergan: ") and err.count("\n") == 1
    hub.failing = "GET /api/models"
    assert call("pull", "me/notes")[0] == 74
    assert not list(tmp_path.iterdir())
