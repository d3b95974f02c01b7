from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convergan.data import DataError, load
from convergan.data.locations import BUILT_IN, Kind, locate
from convergan.data.sources import MAKERS


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (("labeled/a/0.png", "labels.csv"), Kind.LABELED_FOLDERS),
        (("labels.csv", "config.json"), Kind.LABEL_TABLE),
        (("labels.csv", "config.json", "metrics.jsonl"), Kind.RUN),
        (("config.json", "samples/0.png"), Kind.RUN),
        (("train/a/0.png", "config.json"), Kind.TRAIN_FOLDERS),
        (("train/0.png", "test/0.png"), Kind.IMAGE_FOLDER),
        (("data/train-0.parquet", "0.png"), Kind.PARQUET),
        (("a/0.png",), Kind.IMAGE_FOLDER),
        ((), Kind.IMAGE_FOLDER),
    ],
)
def test_a_folder_is_what_its_files_say(tmp_path: Path, files: Sequence[str], kind: Kind) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert locate(str(tmp_path)) == (kind, tmp_path)


def test_an_archive_is_of_images_where_it_has_such_an_array(tmp_path: Path) -> None:
    file = tmp_path / "rows.npz"
    for names, kind in (
        (("x_train", "y_train"), Kind.DATA_ARCHIVE),
        (("x_train", "images"), Kind.IMAGE_ARCHIVE),
        (("samples",), Kind.IMAGE_ARCHIVE),
    ):
        arrays: dict[str, Any] = {name: np.zeros(1) for name in names}
        np.savez(file, **arrays)
        assert locate(str(file)).kind is kind
    file.write_bytes(b"no archive")
    assert locate(str(file)).kind is Kind.IMAGE_ARCHIVE  # whose reader says what is wrong


def test_other_names_are_built_in_or_on_the_hub() -> None:
    assert tuple(MAKERS) == BUILT_IN
    assert {locate(name).kind for name in BUILT_IN} == {Kind.BUILT_IN}
    assert locate("ylecun/mnist").kind is locate("./digits").kind is Kind.HUB


def test_what_cannot_be_trained_on_is_refused_saying_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "0.txt").touch()
    with pytest.raises(DataError, match="or labels.csv; no image file is in it$"):
        load(str(tmp_path))
    (tmp_path / "config.json").touch()
    with pytest.raises(DataError, match="or labels.csv; it is the folder of a run$"):
        load(str(tmp_path))


@pytest.mark.parametrize("source", ["", " "])
def test_nothing_names_no_data(source: str) -> None:
    with pytest.raises(ValueError, match="data must be named"):
        locate(source)
