"""What of a folder is pushed, and what is not."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from convergan.core.files import canonical_sha256, write_json
from convergan.core.locks import lock_file
from convergan.data import DataError
from convergan.photos.model_folder import read_photo_model
from convergan.publishing.bundle import Bundle, _code, _kept_in, collect, write_bundle
from convergan.publishing.manifest import make_manifest
from convergan.tabular import read_model
from convergan.training import CheckpointError


def texts(bundle: Bundle) -> Iterator[str]:
    """The files of text."""
    for name, content in bundle.files.items():
        if name.endswith((".json", ".jsonl")):
            yield (content if isinstance(content, bytes) else content.read_bytes()).decode()


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """A run whose data and recipe's file lie in folders of the user's."""
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    config = json.loads((folder / "config.json").read_text())
    config["settings"] |= {"data": "/home/me/photos", "recipe": "/home/me/mine.py:digits"}
    config["recipe"]["data"] = "/home/me/photos"
    config["classes"] = ["/m/0abc", *config["classes"][1:]]  # a class may be called so
    write_json(folder / "config.json", config)
    return folder


def test_a_run_gives_what_its_commands_read(run: Path) -> None:
    bundle = collect(run)
    assert bundle.kind == "run" and bundle.code == ()
    assert sorted(bundle.files) == [
        "checkpoints/step-000000002/manifest.json",
        "checkpoints/step-000000002/tensors.safetensors",
        *("config.json", "environment.json", "metrics.jsonl", "result.json"),
        "samples/step-000000002.png",
    ]
    assert bundle.kept == (
        "It holds weights that were learned from the training rows, and none of the rows.",
    )


def test_no_folder_of_the_users_is_in_it(copied: Path) -> None:
    bundle = collect(copied)
    config = bundle.read("config.json")
    assert config["settings"]["data"] == config["recipe"]["data"] == "photos"
    assert config["settings"]["recipe"] == "mine.py:digits" and bundle.code == ("mine.py",)
    assert config["classes"][0] == "/m/0abc"
    assert bundle.read("environment.json")["command"].endswith("--out digits --quiet")
    for text in texts(bundle):
        assert "/home/me" not in text and str(copied.parent.parent) not in text
    assert "networks of your own" in bundle.kept[0]


def test_no_older_checkpoint_is_pushed_in_the_place_of_a_damaged_one(copied: Path) -> None:
    newer = copied / "checkpoints" / "step-000000003"
    shutil.copytree(copied / "checkpoints" / "step-000000002", newer)
    with pytest.raises(CheckpointError, match="step-000000003.*; remove it to use that of step 2"):
        collect(copied)
    shutil.rmtree(copied / "checkpoints")
    with pytest.raises(CheckpointError, match="no usable checkpoint in .*: none"):
        collect(copied)


def test_a_run_without_a_result_says_so(copied: Path) -> None:
    assert collect(copied).notes == ()
    (copied / "result.json").unlink()
    assert collect(copied).notes == (
        "This run is unfinished: it has no result yet, only a checkpoint after 2 of 2 steps.",
    )


def test_pictures_that_are_training_images_stay(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config["recipe"]["descriptor"] = "convergan.data.oriented_gradients"
    write_json(copied / "config.json", config)
    assert not [name for name in collect(copied).files if name.endswith(".png")]


def test_a_reference_batch_of_the_discriminator_is_told(tmp_path: Path) -> None:
    weights = {"discriminator.network.layer.weight": np.zeros((5, 2), dtype=np.float32)}
    noise = {"generator.network.network.reference_batch_0": np.zeros((8, 2), dtype=np.float32)}
    rows = {"discriminator.network.reference_batch_0": np.zeros((6, 2), dtype=np.float32)}
    save_file(weights | noise, tmp_path / "tensors.safetensors")
    assert "and none of the rows." in _kept_in(tmp_path, ())
    save_file(weights | noise | rows, tmp_path / "tensors.safetensors")
    assert "the 6 rows of the discriminator's reference batch" in _kept_in(tmp_path, ())


def test_a_run_that_is_being_trained_is_refused(copied: Path) -> None:
    with lock_file(copied / ".lock") as ours:
        assert ours
        with pytest.raises(ValueError, match="is being trained"):
            collect(copied)


def test_a_model_of_a_table_gives_no_row(table_model: Path) -> None:
    bundle = collect(table_model)
    assert bundle.kind == "table"
    assert sorted(bundle.files) == [
        *("arrays.safetensors", "environment.json", "model.json", "record.json", "table.json"),
    ]
    record = bundle.read("record.json")
    assert record["table"] == "iris.csv" and "notices" not in record
    assert bundle.read("environment.json")["command"] == "convergan fit iris.csv"
    assert not any(str(table_model.parent) in text for text in texts(bundle))
    assert "features of 150 rows" in bundle.kept[0]
    assert bundle.kept[-1] == (
        "It holds the names of the columns and the 2 different texts of columns of categories."
    )


def test_the_folder_of_a_texts_network_is_taken_out_and_the_model_is_still_read(
    table_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(table_model, tmp_path / "model"))
    described = json.loads((folder / "table.json").read_text())
    described["columns"][0]["extractor"] = "/home/me/net.py:run"
    del described["sha256"]
    write_json(folder / "table.json", described | {"sha256": canonical_sha256(described)})
    bundle = collect(folder)
    assert bundle.code == ("net.py",)
    manifest = make_manifest(bundle.kind, bundle.files)
    write_bundle(tmp_path / "out", bundle, manifest, "card")
    assert read_model(tmp_path / "out").columns[0].extractor == "net.py:run"
    assert (tmp_path / "out" / "README.md").read_text() == "card"
    assert (tmp_path / "out" / "convergan.json").read_bytes() == manifest.as_bytes()
    with pytest.raises(ValueError, match="exists"):
        write_bundle(tmp_path / "out", bundle, manifest, "card")


def test_a_model_of_photographs_names_the_file_of_its_network_alone(
    photo_model: Path, tmp_path: Path
) -> None:
    bundle = collect(photo_model)
    assert sorted(bundle.files) == ["model.zip", "record.json"]
    assert bundle.read("record.json")["folder"] == "photos"
    assert "hashes of the 6 photographs with a label" in bundle.kept[-1]
    model = read_photo_model(photo_model)
    model.extractor_ = "/home/me/net.py:run@64"
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model" / "model.zip")
    bundle = collect(tmp_path / "model")
    assert bundle.code == ("net.py",)
    content = bundle.files["model.zip"]
    assert isinstance(content, bytes) and b"/home/me" not in content
    (tmp_path / "pulled.zip").write_bytes(content)
    again = read_photo_model(tmp_path / "pulled.zip")
    assert again.extractor_ == "net.py:run@64" and again.learned_from_ == model.learned_from_


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("digits", ()),
        ("digits[batch_size=50]-without-game", ()),
        ("hf:owner/name", ()),
        ("pixels@8", ()),
        ("a/mine.py:digits-without-game", ("a/mine.py",)),
        ("/a/net.pt2", ("net.pt2",)),
        ("net.pt@64", ("net.pt",)),
    ],
)
def test_a_file_of_the_users_is_known_by_its_name(text: str, file: tuple[str, ...]) -> None:
    assert _code(text) == file


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(DataError, match="is no model: name the folder of a run"):
            collect(folder)
