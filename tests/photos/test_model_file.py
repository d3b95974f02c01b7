import json
import zipfile
from pathlib import Path

import pytest

from convergan.data import DataError
from convergan.photos import ImageClassifier
from convergan.photos.fitting import PhotoFit


@pytest.fixture
def saved(fitted: PhotoFit, tmp_path: Path) -> Path:
    fitted.model.save(tmp_path / "model.zip")
    return tmp_path / "model.zip"


def replaced(file: Path, name: str, data: bytes | None) -> Path:
    """A copy of the archive with another part, or without it."""
    target = file.with_name("replaced.zip")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for part in old.namelist():
            found = data if part == name else old.read(part)
            if found is not None:
                new.writestr(part, found)
    return target


@pytest.mark.parametrize("name", ["photos.json", "model.json", "arrays.safetensors"])
def test_a_missing_part(saved: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"holds no model of photographs: .*{name}"):
        ImageClassifier.load(replaced(saved, name, None))


def test_damaged_arrays(saved: Path) -> None:
    data = zipfile.ZipFile(saved).read("arrays.safetensors")
    with pytest.raises(DataError, match="replaced.zip is damaged"):
        ImageClassifier.load(replaced(saved, "arrays.safetensors", data[:-1] + b"\xff"))


def test_an_edited_description(saved: Path) -> None:
    found = json.loads(zipfile.ZipFile(saved).read("photos.json"))
    for changed in (found | {"extractor_": "pixels@9"}, found | {"format": 99}, [1]):
        with pytest.raises(DataError, match="damaged: the hash|another version"):
            ImageClassifier.load(replaced(saved, "photos.json", json.dumps(changed).encode()))


def test_other_files(tmp_path: Path, saved: Path) -> None:
    with pytest.raises(DataError, match="no model"):
        ImageClassifier.load(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(DataError, match="holds no model of photographs"):
        ImageClassifier.load(tmp_path / "text.zip")
    with pytest.raises(ValueError, match="exists; a model is written to a new file"):
        ImageClassifier.load(saved).save(saved)
