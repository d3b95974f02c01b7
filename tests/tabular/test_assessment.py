import numpy as np

from convergan.tabular.assessment import LISTED, assess_rows
from convergan.tabular.fitting import TableFit, TrainingTable


def test_rows_to_label_are_unlabelled_ones_beside_what_identifies_them(
    fitted_iris: tuple[TrainingTable, TableFit],
) -> None:
    table, fitted = fitted_iris
    found = assess_rows(table, fitted)
    assert found.labeled.sum() == 15
    assert found.log_d is not None and (found.log_d <= 0).all() and len(found.log_d) == 150
    assert list(found.to_label.columns) == ["row", "prediction", "probability"]
    rows = found.to_label["row"].to_numpy()  # the number, not the column of this name
    assert len(rows) == LISTED == len(set(rows)) and not found.labeled[rows].any()
    probabilities = fitted.model.predict_proba(table.features)[rows]
    np.testing.assert_array_equal(found.to_label["probability"], probabilities.max(axis=1))
    predicted = fitted.model.classes_[probabilities.argmax(axis=1)]
    assert found.to_label["prediction"].tolist() == predicted.tolist()


def test_at_most_three_columns_stand_beside(fitted_iris: tuple[TrainingTable, TableFit]) -> None:
    table, fitted = fitted_iris
    beside = table.features.iloc[:, [0, 1, 2, 3]].set_axis(list("wxyz"), axis=1)
    found = assess_rows(table._replace(beside=beside), fitted).to_label
    assert list(found.columns) == ["row", "w", "x", "y", "prediction", "probability"]
    assert (found["w"] == beside["w"].iloc[found["row"]].to_numpy()).all()
