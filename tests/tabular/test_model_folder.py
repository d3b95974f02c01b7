import json
from pathlib import Path

import pytest

from convergan.data import DataError
from convergan.tabular.assessment import assess_rows
from convergan.tabular.fitting import FitOptions, TableFit, TrainingTable
from convergan.tabular.model_folder import read_model, write_model

Iris = tuple[TrainingTable, TableFit]


def written(folder: Path, iris: Iris) -> Path:
    table, fitted = iris
    write_model(folder / "model", table, fitted, assess_rows(table, fitted), FitOptions(seed=0))
    return folder / "model"


def test_what_is_written_is_read(fitted_iris: Iris, tmp_path: Path) -> None:
    table, fitted = fitted_iris
    folder = written(tmp_path, fitted_iris)
    model = read_model(folder)
    assert model.columns == table.columns
    assert (model.target, model.kind, model.unlabeled) == ("kind", "text", None)
    assert model.table_sha256 == table.sha256
    rows = table.features
    assert (model.classifier.predict_proba(rows) == fitted.model.predict_proba(rows)).all()
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
    record = json.loads((folder / "record.json").read_text())
    assert record["rows"] == 150 and record["labelled"] == {"a": 5, "b": 5, "c": 5}


def test_a_folder_that_exists_is_refused(fitted_iris: Iris, tmp_path: Path) -> None:
    written(tmp_path, fitted_iris)
    with pytest.raises(ValueError, match="model exists; a model is written to a new folder"):
        written(tmp_path, fitted_iris)


def test_a_failure_while_writing_leaves_nothing(
    fitted_iris: Iris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*parts: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("convergan.tabular.model_folder.write_table", fail)
    with pytest.raises(OSError, match="no space"):
        written(tmp_path, fitted_iris)
    assert not list(tmp_path.iterdir())


def test_folders_that_hold_no_model_and_damaged_ones_are_named(
    fitted_iris: Iris, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="is not a model folder: convergan fit writes one"):
        read_model(tmp_path)
    file = written(tmp_path, fitted_iris) / "table.json"
    file.write_text(file.read_text().replace('"target": "kind"', '"target": "sort"'))
    with pytest.raises(DataError, match="table.json is damaged: its hash is another"):
        read_model(file.parent)
