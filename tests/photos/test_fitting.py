from pathlib import Path

import numpy as np
import pytest

from convergan.data import DataError
from convergan.photos.fitting import PhotoFit, PhotoOptions, TrainingPhotos, read_training_photos
from tests.embedding.pictures import picture, write

PIXELS = PhotoOptions(extractor="pixels@8")


def test_the_rest_is_predicted(photos: TrainingPhotos, fitted: PhotoFit) -> None:
    names = [photos.train.photos.files.name(n) for n in range(60)]
    predicted = fitted.model.classifier_.predict(photos.train.rows)
    free = ~photos.train.photos.is_labeled
    assert photos.counts == {"dark": 4, "light": 4} and free.sum() == 52
    right = [name.split("/")[1].startswith(p) for name, p in zip(names, predicted, strict=True)]
    assert np.mean(right) == 1


def test_what_cannot_be_read_is_refused_or_left_out(tmp_path: Path) -> None:
    for name in ("labeled/a/1.png", "labeled/b/2.png", "unlabeled/3.png"):
        write(tmp_path / name, picture(int(Path(name).stem)))
    (tmp_path / "unlabeled" / "4.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"1 of 4 .* cannot be read: unlabeled/4.jpg \(not an im"):
        read_training_photos(tmp_path, PIXELS)
    found = read_training_photos(tmp_path, PhotoOptions(extractor="pixels@8", allow_bad=True))
    assert found.left_out == [("unlabeled/4.jpg", "not an image")]
    assert len(found.train.rows) == 3 and np.isfinite(found.train.rows).all()
    assert any("1 photographs cannot be read and are left out" in note for note in found.notices)


def test_the_same_photograph_under_two_labels(tmp_path: Path) -> None:
    for name in ("labeled/a/1.png", "labeled/b/2.png", "labeled/b/3.png"):
        write(tmp_path / name, picture(int(name[10]) > 2))
    message = r"1 photographs have several labels.*labeled/a/1.png \(a\) and labeled/b/2.png \(b\)"
    with pytest.raises(DataError, match=message):
        read_training_photos(tmp_path, PIXELS)


def test_copies_are_noted(tmp_path: Path) -> None:
    for name in ("labeled/a/1.png", "labeled/b/2.png", "unlabeled/1.png", "test/a/1.png"):
        write(tmp_path / name, picture(int(Path(name).stem)))
    notices = read_training_photos(tmp_path, PIXELS).notices
    assert any("1 of 1 test photographs are labelled ones" in note for note in notices)
    assert any("1 photographs are in the folder more than once" in note for note in notices)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1.png"], "no photograph has a label, of 1; at least two classes.*convergan label"),
        (["a/1.png", "2.png"], "all 1 labelled photographs are of the class 'a', of 2"),
        (
            ["labeled/a/1.png", "labeled/b/2.png", "test/c/3.png"],
            "test has classes that labeled/ lacks: c",
        ),
    ],
)
def test_labels_that_are_not_enough(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        write(tmp_path / name, picture(0))
    with pytest.raises(DataError, match=message):
        read_training_photos(tmp_path, PIXELS)


def test_a_wrong_extractor_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no extractor 'nothing'"):
        read_training_photos(tmp_path, PhotoOptions(extractor="nothing"))
