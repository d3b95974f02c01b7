from pathlib import Path

import pandas as pd
import pytest

from convergan.data import DataError
from convergan.tabular.fitting import (
    FitOptions,
    TableFit,
    TableOptions,
    TrainingTable,
    fit_table,
    read_training_table,
)
from tests.tabular.tables import COLUMNS, iris


@pytest.fixture
def file(tmp_path: Path) -> Path:
    table = iris([3, -1, 5]).assign(name="x")
    table.to_csv(tmp_path / "iris.csv", index=False)
    return tmp_path / "iris.csv"


def test_a_table_is_features_labels_and_what_stands_beside(file: Path) -> None:
    table = read_training_table(file, TableOptions(target="kind", drop=["name"]))
    assert list(table.features.columns) == COLUMNS and len(table.features) == 150
    assert table.labels.counts == {"-1": 5, "3": 5, "5": 5}
    assert list(table.beside.columns) == ["name"]
    assert table.notices == [
        "-1 counts as a class; if it marks unlabelled rows, use --unlabeled -1"
    ]
    marked = read_training_table(
        file, TableOptions(target="kind", features=["length", "width", "length"], unlabeled="-1")
    )
    assert list(marked.features.columns) == ["length", "width"]
    assert marked.labels.counts == {"3": 5, "5": 5} and not marked.notices
    assert list(marked.beside.columns) == ["petal width", "petal length", "name"]


def test_columns_of_the_target_alone_are_nothing_to_learn_from(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    pd.DataFrame({"kind": ["a", "b"], "id": [1, 2]}).to_csv(file, index=False)
    with pytest.raises(ValueError, match="labels.csv has no column to learn from beside 'kind'"):
        read_training_table(file, TableOptions(target="kind", drop=["id"]))


def test_text_in_a_typed_file_stays_text(tmp_path: Path) -> None:
    table = pd.DataFrame({"kind": ["1", "2", None], "size": [1.0, 2.0, 3.0]})
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    kinds = [
        read_training_table(tmp_path / name, TableOptions(target="kind")).labels.kind
        for name in ("t.csv", "t.parquet")
    ]
    assert kinds == ["integers", "text"]


def test_a_missing_value_is_left_refused_or_filled(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    pd.DataFrame({"kind": ["a", "b"], "size": [1.0, None]}).to_csv(file, index=False)
    with pytest.raises(DataError, match="column 'size' has no value in row 1"):
        read_training_table(file, TableOptions(target="kind", missing="refuse"))
    left = read_training_table(file, TableOptions(target="kind"))
    assert left.features["size"].isna().tolist() == [False, True]
    filled = read_training_table(file, TableOptions(target="kind", missing="mean"))
    assert filled.features["size"].tolist() == [1, 1]


def test_options_arrive_at_the_classifier(file: Path) -> None:
    table = read_training_table(file, TableOptions(target="kind", drop=["name"]))
    options = FitOptions(
        members=2,
        class_prior="labels",
        game=False,
        max_epochs=1,
        max_seconds=60,
        seed=4,
        device="cpu",
    )
    fitted = fit_table(table, options)
    model = fitted.model
    assert (model.n_estimators, model.class_prior, model.max_epochs) == (2, "labels", 1)
    assert model.generated_weight == 0 and "generator_loss" not in model.history_[0][0]
    assert (model.max_seconds, model.random_state, model.device) == (60, 4, "cpu")
    assert model.unlabeled_label == table.labels.marker == -2
    assert len(model.history_) == 2 and fitted.seconds > 0


def test_a_fit_keeps_the_names_of_features(fitted_iris: tuple[TrainingTable, TableFit]) -> None:
    table, fitted = fitted_iris
    assert fitted.model.feature_names_in_.tolist() == list(table.features.columns)
    assert fitted.model.classes_.tolist() == ["a", "b", "c"]


def test_what_is_filled_is_told(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("size,kind\n1,a\nNaN,b\n,a\n3,b\n")
    table = read_training_table(file, TableOptions(target="kind", missing="mean"))
    assert table.features["size"].tolist() == [1, 2, 2, 3]
    assert table.notices == [
        "column 'size' holds 1 cell that counts as empty: 'NaN' (1)",
        "column 'size' is filled with its mean in 2 rows",
    ]
