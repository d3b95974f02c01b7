"""Frames of polars go through `fit` and `predict` as those of pandas do."""

import numpy as np
import polars
import pytest

from convergan.estimator import SemiSupervisedGANClassifier


def test_a_frame_of_polars_gives_the_classifier_that_an_array_gives() -> None:
    chance = np.random.default_rng(0)
    rows = np.vstack([chance.normal(0, 1, (30, 2)), chance.normal(6, 1, (30, 2))])
    labels = np.full(60, "", dtype=object)
    labels[:3], labels[30:33] = "small", "large"
    frame = polars.DataFrame(rows, schema=["width", "height"])
    model = SemiSupervisedGANClassifier(
        unlabeled_label="", max_epochs=3, random_state=0, device="cpu"
    )
    expected = model.fit(rows, labels).predict_proba(rows)
    model.fit(frame, polars.Series(labels.tolist()))
    assert model.feature_names_in_.tolist() == ["width", "height"]
    assert (model.predict_proba(frame) == expected).all()
    assert set(model.predict(frame)) <= {"small", "large"}
    pandas = frame.to_pandas().assign(kind=["north", "south", None] * 20)
    expected = model.fit(pandas, labels).predict_proba(pandas)
    model.fit(polars.from_pandas(pandas), labels)
    assert (model.predict_proba(polars.from_pandas(pandas)) == expected).all()
    model.fit(frame, labels)
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(frame.select("height", "width"))
