from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convergan.data import DataError
from convergan.tabular.assessment import assess_rows
from convergan.tabular.fitting import (
    FitOptions,
    TableFit,
    TableOptions,
    TrainingTable,
    fit_table,
    read_training_table,
)
from convergan.tabular.model_folder import TableModel, read_model, write_model
from convergan.tabular.prediction import predict_table
from convergan.tabular.reading import write_table
from tests.tabular.tables import iris

LABELS = ["a", "b", "c"]


@pytest.fixture
def model(fitted_iris: tuple[TrainingTable, TableFit]) -> TableModel:
    table, fitted = fitted_iris
    return TableModel(fitted.model, table.columns, "kind", "text", None, table.sha256)


def written(folder: Path, **columns: Any) -> Path:
    file = folder / "new.csv"
    iris(LABELS).drop(columns="kind").assign(**columns).to_csv(file, index=False)
    return file


def test_predictions_are_the_classifiers(model: TableModel, tmp_path: Path) -> None:
    file = written(tmp_path)
    found = predict_table(model, file, all_classes=True)
    rows = pd.read_csv(file)[model.classifier.feature_names_in_]
    probabilities = model.classifier.predict_proba(rows)
    assert found.table["prediction"].tolist() == model.classifier.predict(rows).tolist()
    assert (found.table["probability"] == probabilities.max(axis=1)).all()
    assert (found.table[[f"probability_{name}" for name in LABELS]] == probabilities).all(axis=None)
    assert found.table["row"].tolist() == list(range(150))
    assert sum(found.counts.values()) == 150 and list(found.counts) == LABELS
    assert (found.rejected, found.error) == (0, None)


def test_uncertain_rows_have_no_prediction_and_count_for_no_error(
    model: TableModel, tmp_path: Path
) -> None:
    file = written(tmp_path, kind=[*"abc"] * 50)
    every = predict_table(model, file)
    limit = float(every.table["probability"].median())
    found = predict_table(model, file, reject_below=limit)
    left = found.table["prediction"].isna()
    assert (left == (every.table["probability"] < limit)).all()
    assert found.rejected == left.sum() > 0
    assert found.error is not None and found.error.rows == 150 - found.rejected
    truth = pd.Series([*"abc"] * 50)
    assert found.error.wrong == int((found.table["prediction"] != truth)[~left].sum())
    assert found.error.low < found.error.wrong / found.error.rows < found.error.high


def test_labels_of_unknown_classes_are_errors_and_named(model: TableModel, tmp_path: Path) -> None:
    file = written(tmp_path, kind=[None] * 145 + ["v", "w", "x", "y", "z"])
    found = predict_table(model, file)
    assert found.error is not None and (found.error.rows, found.error.wrong) == (5, 5)
    assert (
        "labels that the model does not know, so never predicts: 'v', 'w', 'x' and more"
        in found.notices
    )


def test_columns_that_lack_or_clash_are_named(model: TableModel, tmp_path: Path) -> None:
    file = written(tmp_path, probability=0.5)
    with pytest.raises(ValueError, match="--keep probability: predictions have a column"):
        predict_table(model, file, keep=["probability"])
    with pytest.raises(ValueError, match="--reject-below must be from 0 to 1, got 2"):
        predict_table(model, file, reject_below=2)
    pd.read_csv(file).drop(columns="width").to_csv(file, index=False)
    with pytest.raises(DataError, match="lacks 1 of the model's columns: 'width'"):
        predict_table(model, file)


def test_what_is_kept_is_as_it_was(model: TableModel, tmp_path: Path) -> None:
    keys = ["007", " 1.50 ", "9007199254740993", "NA", "1,5", "", "gro\u0308ße"] + ["x"] * 143
    file = written(tmp_path, **{"gro\u0308ße": keys, "when": pd.Timestamp("2026-01-31")})
    found = predict_table(model, file, keep=["größe", "when"])
    write_table(tmp_path / "kept.csv", found.table)
    before = pd.read_csv(file, dtype=str, keep_default_na=False)
    after = pd.read_csv(tmp_path / "kept.csv", dtype=str, keep_default_na=False)
    assert after["gro\u0308ße"].tolist() == before["gro\u0308ße"].tolist() == keys
    assert after["when"].tolist() == before["when"].tolist()


def test_parquet_that_is_kept_has_the_types_that_it_had(model: TableModel, tmp_path: Path) -> None:
    file = tmp_path / "new.parquet"
    kept = {
        "id": pa.array([12345678.0 + n if n != 5 else None for n in range(150)]),
        "price": pa.array([Decimal("1.50")] * 150),
        "place": pa.array(["north", "south"] * 75).dictionary_encode(),
        "when": pa.array([datetime(2026, 1, 31)] * 150, pa.timestamp("us", "UTC")),
    }
    rows = pa.Table.from_pandas(iris(LABELS).drop(columns="kind"), preserve_index=False)
    for name, cells in kept.items():
        rows = rows.append_column(name, cells)
    pq.write_table(rows, file)
    found = predict_table(model, file, keep=list(kept))
    write_table(tmp_path / "kept.parquet", found.table)
    after = pq.read_table(tmp_path / "kept.parquet")
    for name, cells in kept.items():
        assert after[name].type == cells.type and after[name].to_pylist() == cells.to_pylist()
    write_table(tmp_path / "kept.csv", found.table)
    text = pd.read_csv(tmp_path / "kept.csv", dtype=str, keep_default_na=False)
    assert text["id"].tolist()[4:7] == ["12345682", "", "12345684"]
    assert text["price"].tolist()[0] == "1.50"


@pytest.mark.slow
def test_whole_numbers_come_back_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    iris(["1.0", "2.0", "3.0"]).to_csv(file, index=False)
    table = read_training_table(file, TableOptions(target="kind"))
    fitted = fit_table(table, FitOptions(max_epochs=1, device="cpu"))
    folder = tmp_path / "model"
    write_model(folder, table, fitted, assess_rows(table, fitted), FitOptions())
    assert predict_table(read_model(folder), file).table["prediction"].dtype == "Int64"
    found = predict_table(read_model(folder), file, as_written=True)
    assert set(found.table["prediction"]) <= {"1.0", "2.0", "3.0"}
    assert found.error is not None and found.error.rows == 15 and found.error.wrong < 10


def test_what_is_advised_names_the_command_that_has_the_option(
    model: TableModel, tmp_path: Path
) -> None:
    file = written(tmp_path, width=[None] + [1.0] * 149)
    assert predict_table(model, file).table["prediction"].notna().all()
    refusing = model._replace(columns=[replace(column, gaps=False) for column in model.columns])
    with pytest.raises(
        DataError, match="fit with --missing median, or fit without it, with --drop"
    ):
        predict_table(refusing, file)
