from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from convergan import ImageFeatures, TextFeatures
from convergan.data import DataError
from tests.embedding.pictures import picture, write


def test_photographs_go_through_a_pipeline(tmp_path: Path) -> None:
    files, labels = [], []
    for n in range(12):
        image = picture(n).point(lambda level: level // 3)
        light = image.point(lambda level: level + 150)
        files += [str(write(tmp_path / f"{n}-dark.png", image))]
        files += [str(write(tmp_path / f"{n}-light.png", light))]
        labels += ["dark", "light"]
    pipeline = make_pipeline(ImageFeatures("pixels@8"), LogisticRegression())
    assert cross_val_score(clone(pipeline), files, labels, cv=3).mean() == 1
    assert cross_val_score(pipeline, np.array(files), labels, cv=3).mean() == 1


def test_texts_go_through_a_pipeline(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("def mine(texts):\n    return [[len(text)] for text in texts]\n")
    texts, labels = ["a", "bb", "c", "dddddd", "eeeeee", "fffffff"], [0, 0, 0, 1, 1, 1]
    pipeline = make_pipeline(TextFeatures(f"{file}:mine"), LogisticRegression(C=100))
    assert clone(pipeline).fit(texts, labels).score(texts, labels) == 1


def test_what_is_no_text_is_named() -> None:
    with pytest.raises(ValueError, match="expected texts, number 1 is a float"):
        TextFeatures().transform(["a", float("nan")])


def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(DataError, match=r"1 unreadable: image 1 \(not an image\)"):
        ImageFeatures("pixels").transform([picture(0), b"nothing"])


def test_a_wrong_name_is_refused_when_fitted() -> None:
    with pytest.raises(ValueError, match="no extractor"):
        ImageFeatures("efficientnet-lite1").fit([])
