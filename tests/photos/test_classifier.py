from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from convergan import ImageClassifier, SemiSupervisedGANClassifier
from convergan.data import DataError
from tests.embedding.pictures import shapes

Set = tuple[list[Path], Any]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Set:
    folder = tmp_path_factory.mktemp("given")
    shapes(folder, labeled=4, unlabeled=16)
    files = sorted(folder.rglob("*.png"))
    return files, np.array([f.parent.name if "labeled" == f.parts[-3] else "" for f in files])


@pytest.fixture(scope="module")
def model(given: Set) -> ImageClassifier:
    return ImageClassifier("pixels@8", random_state=0).fit(*given)


def test_it_predicts_what_it_was_not_told(model: ImageClassifier, given: Set) -> None:
    files, _ = given
    truth = [file.name.partition("-")[0] for file in files]
    assert model.predict(files).tolist() == truth
    assert model.score(files, truth) == 1
    assert model.predict_proba(files).shape == (40, 2)
    rejected = model.predict_or_reject(files, min_confidence=1.0, reject_label="?")
    assert set(rejected.tolist()) <= {"dark", "light", "?"} and "?" in rejected


def test_a_saved_model_predicts_the_same(
    model: ImageClassifier, given: Set, tmp_path: Path
) -> None:
    model.save(tmp_path / "model.zip")
    model.save(tmp_path / "again.zip")
    loaded = ImageClassifier.load(tmp_path / "model.zip")
    assert np.array_equal(loaded.predict_proba(given[0]), model.predict_proba(given[0]))
    assert loaded.classes_.tolist() == ["dark", "light"]
    assert (tmp_path / "model.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()


def test_numbers_as_labels(given: Set) -> None:
    files, labels = given
    numbers = np.select([labels == "dark", labels == "light"], [3, 5], -1)
    found = ImageClassifier("pixels@8", random_state=0).fit(files, numbers)
    assert found.classes_.tolist() == [3, 5]


def test_a_classifier_of_ones_own(given: Set) -> None:
    inner = SemiSupervisedGANClassifier(unlabeled_label="", generated_weight=0, random_state=1)
    model = clone(ImageClassifier("pixels@8", inner)).fit(*given)
    assert model.classifier_.generated_weight == 0 and not hasattr(inner, "classes_")
    with pytest.raises(ValueError, match="the game was left out"):
        model.ood_pvalue(given[0])


def test_another_network_is_refused(given: Set, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text("def mine(images):\n    return images.mean(dim=(2, 3))\n")
    model = ImageClassifier(f"{own}:mine@16", random_state=0).fit(*given)
    assert model.predict(given[0][:1]).shape == (1,)
    own.write_text("def mine(images):\n    return images.amax(dim=(2, 3))\n")
    with pytest.raises(ValueError, match="was fitted to features of own.py:mine.* now is own.py:m"):
        model.predict(given[0][:1])


def test_what_cannot_be_read_is_named(model: ImageClassifier, given: Set) -> None:
    with pytest.raises(DataError, match=r"1 unreadable: image 1 \(zero bytes\)"):
        model.predict([given[0][0], b""])


def test_a_model_that_is_not_fitted() -> None:
    for call in (ImageClassifier().predict, ImageClassifier().predict_proba):
        with pytest.raises(NotFittedError):
            call([])
