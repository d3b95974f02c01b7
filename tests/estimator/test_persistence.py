import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

import convergan
from convergan.estimator import SemiSupervisedGANClassifier, mask_labels


@pytest.fixture(scope="module")
def fitted() -> SemiSupervisedGANClassifier:
    data = load_digits()
    names = np.array([f"digit {number}" for number in range(10)])
    labeled = mask_labels(data.target[:400], 8, random_state=0) >= 0
    y = np.where(labeled, names[data.target[:400]], "")
    model = SemiSupervisedGANClassifier(
        unlabeled_label="",
        image_shape=(1, 8, 8),
        max_epochs=4,
        random_state=0,
        device="cpu",
    )
    return model.fit(data.data[:400], y)


@pytest.mark.slow
def test_what_is_loaded_predicts_to_the_bit(
    fitted: SemiSupervisedGANClassifier, tmp_path: Path
) -> None:
    rows = load_digits().data[400:600]
    fitted.save(tmp_path / "model")
    loaded = convergan.SemiSupervisedGANClassifier.load(tmp_path / "model")
    assert (loaded.predict_proba(rows) == fitted.predict_proba(rows)).all()
    assert (loaded.predict(rows) == fitted.predict(rows)).all()
    assert (loaded.ood_pvalue(rows) == fitted.ood_pvalue(rows)).all()
    assert (loaded.transduction_ == fitted.transduction_).all()
    assert loaded.get_params() == fitted.get_params()
    assert loaded.opinions_ == fitted.opinions_
    assert loaded.class_shares_.source == fitted.class_shares_.source
    assert loaded.risk_table_ == fitted.risk_table_
    assert loaded.history_ == fitted.history_
    assert loaded.held_out_ is not None and fitted.held_out_ is not None
    for read, kept in zip(loaded.held_out_, fitted.held_out_, strict=True):
        assert (read == kept).all()
    assert vars(loaded).keys() == vars(fitted).keys()


def test_a_model_of_an_earlier_version_describes_images_as_it_did(
    fitted: SemiSupervisedGANClassifier, tmp_path: Path
) -> None:
    assert fitted.preprocessor_.cell == 2
    fitted.save(tmp_path / "model")
    place = tmp_path / "model" / "model.json"
    described = json.loads(place.read_text())
    del described["sha256"], described["attributes"]["cell_"]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    place.write_text(json.dumps(described | {"sha256": digest}))
    assert SemiSupervisedGANClassifier.load(tmp_path / "model").preprocessor_.cell == 4


def test_a_folder_that_is_there_is_not_written_over(
    fitted: SemiSupervisedGANClassifier, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="exists; save writes a new folder"):
        fitted.save(tmp_path)


def test_damage_and_other_versions_are_named(
    fitted: SemiSupervisedGANClassifier, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    with pytest.raises(ValueError, match="holds no saved classifier"):
        SemiSupervisedGANClassifier.load(folder)
    fitted.save(folder)
    stored = (folder / "arrays.safetensors").read_bytes()
    (folder / "arrays.safetensors").write_bytes(stored[:-1] + bytes([stored[-1] ^ 1]))
    with pytest.raises(ValueError, match="arrays.safetensors is damaged: it hashes to"):
        SemiSupervisedGANClassifier.load(folder)
    (folder / "arrays.safetensors").write_bytes(stored)
    described = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(described | {"format": 7}))
    with pytest.raises(ValueError, match="another version of convergan: formats 1 and 2 are read"):
        SemiSupervisedGANClassifier.load(folder)
    (folder / "model.json").write_text(json.dumps(described | {"version": "0"}))
    with pytest.raises(ValueError, match="model.json is damaged: its hash is another"):
        SemiSupervisedGANClassifier.load(folder)
    del described["classes"], described["sha256"]
    forged = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    (folder / "model.json").write_text(json.dumps(described | {"sha256": forged}))
    with pytest.raises(ValueError, match="model.json is damaged: KeyError"):
        SemiSupervisedGANClassifier.load(folder)


@pytest.mark.filterwarnings("ignore:class False has:UserWarning")
def test_numbers_of_numpy_and_names_of_columns_are_kept(tmp_path: Path) -> None:
    frame = pd.DataFrame({"width": [0.0, 0.1, 1.0], "height": [0.0, 0.2, 0.9]})
    model = SemiSupervisedGANClassifier(
        unlabeled_label=np.int64(-1), max_epochs=1, random_state=np.int64(3)
    ).fit(frame, np.array([True, -1, False], dtype=object))
    model.save(tmp_path / "model")
    loaded = SemiSupervisedGANClassifier.load(tmp_path / "model")
    assert (loaded.predict_proba(frame) == model.predict_proba(frame)).all()
    assert loaded.feature_names_in_.tolist() == ["width", "height"]
    assert loaded.classes_.dtype == bool and loaded.unlabeled_label == -1
    with pytest.raises(ValueError, match="p-values need 200 unlabeled rows"):
        loaded.ood_pvalue(frame)


def test_categories_medians_and_shapes_are_kept(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "size": [1.0, np.nan, 3.0, 4.0] * 10,
            "colour": ["red", "blue", None, "red"] * 10,
            "grade": pd.Categorical([2, 1, 2, 1] * 10),
            "income": np.exp(np.random.default_rng(0).uniform(0, 9, 40)),
        }
    )
    y = np.where(np.arange(40) < 8, np.arange(40) % 2, -1)
    settings: dict[str, Any] = {"max_epochs": 1, "random_state": 0, "device": "cpu"}
    model = SemiSupervisedGANClassifier(**settings).fit(frame, y)
    assert model.preprocessor_.shapes.kinds.any()
    model.save(tmp_path / "model")
    loaded = SemiSupervisedGANClassifier.load(tmp_path / "model")
    assert loaded.preprocessor_.completion.categories == {1: ("blue", "red"), 2: (1, 2)}
    assert (loaded.predict_proba(frame) == model.predict_proba(frame)).all()


def test_a_model_of_format_1_is_as_it_was(tmp_path: Path) -> None:
    rows = np.exp(np.random.default_rng(0).uniform(0, 9, (40, 2)))
    model = SemiSupervisedGANClassifier(max_epochs=1, random_state=0, device="cpu")
    model.fit(rows, np.where(np.arange(40) < 8, np.arange(40) % 2, -1))
    model.save(tmp_path / "model")
    place = tmp_path / "model" / "model.json"
    described = json.loads(place.read_text()) | {"format": 1}
    del described["sha256"], described["attributes"]["categories_"]
    described["attributes"] |= {"temperature_": 2.0, "selected_": "gan"}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    place.write_text(json.dumps(described | {"sha256": digest}))
    old = SemiSupervisedGANClassifier.load(tmp_path / "model").preprocessor_
    assert (old.apply(rows) == old.scale.apply(rows)).all()
    with pytest.raises(ValueError, match=r"Input X contains NaN \(row 1\), and this model is of a"):
        old.apply(np.array([[1.0, 2.0], [np.nan, 3.0]]))


def test_chance_that_is_no_number_cannot_be_saved(tmp_path: Path) -> None:
    rows, y = np.r_[np.zeros((5, 2)), np.ones((5, 2))], np.repeat([0, 1], 5)
    chance = np.random.RandomState(0)
    model = SemiSupervisedGANClassifier(
        unlabeled_label=None, max_epochs=1, random_state=chance
    ).fit(rows, y)
    with pytest.raises(ValueError, match="only plain values can be saved"):
        model.save(tmp_path / "model")
