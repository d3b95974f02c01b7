"""The page about a model says what its record and its rows say."""

import re
from typing import Any

import pytest

from convergan.tabular.assessment import RowAssessment, assess_rows
from convergan.tabular.fitting import TableFit, TrainingTable
from convergan.tabular.report import LISTED, model_page

Iris = tuple[TrainingTable, TableFit]
GUARD = {
    "selected": "twin",
    "reason": "it was right more often",
    "errors": {"gan": 0.25, "twin": 0.125},
    "pvalues": {"twin": 0.012345},
    "rows": 16,
    "folds": 4,
}


@pytest.fixture(scope="module")
def assessment(fitted_iris: Iris) -> RowAssessment:
    return assess_rows(*fitted_iris)._replace(log_d=None)  # whose picture takes a while


def page(iris: Iris, assessment: RowAssessment, guard: dict[str, Any], *notices: str) -> str:
    table, fitted = iris
    fitted.model.history_, history = [[]], fitted.model.history_  # likewise
    record = {"notices": list(notices), "guard": guard, "diagnostics": {}}
    try:
        return model_page(table, fitted, assessment, record).decode()
    finally:
        fitted.model.history_ = history


def test_rows_and_classes_are_counted(fitted_iris: Iris, assessment: RowAssessment) -> None:
    text = page(fitted_iris, assessment, GUARD)
    assert "<h1>kind from iris.csv</h1>" in text
    assert "150 rows, 15 of them labelled, of 3 classes; 4 features from 4 columns" in text
    counts = dict(re.findall(r'<td>([^<]+)</td><td class="number">(\d+)</td></tr>', text))
    assert counts == {"a": "5", "b": "5", "c": "5", "no label": "135"}


def test_candidates_stand_with_their_errors_and_who_predicts(
    fitted_iris: Iris, assessment: RowAssessment
) -> None:
    text = page(fitted_iris, assessment, GUARD)
    assert "16 labelled rows were held out in 4 folds" in text
    cells = re.findall(r"<td[^>]*>(gan|twin)</td>" + 3 * r"<td[^>]*>([^<]*)</td>", text)
    assert cells == [("gan", "25.00%", "-", ""), ("twin", "12.50%", "0.0123", "predicts")]


def test_a_guard_without_errors_says_why(fitted_iris: Iris, assessment: RowAssessment) -> None:
    text = page(fitted_iris, assessment, {**GUARD, "errors": {}, "reason": "too few labels"})
    assert "None were held out: too few labels." in text


def test_notices_are_a_caution_in_which_no_name_is_a_tag(
    fitted_iris: Iris, assessment: RowAssessment
) -> None:
    assert '<div class="caution">' not in page(fitted_iris, assessment, GUARD)
    text = page(fitted_iris, assessment, GUARD, "column '<b>' is empty")
    assert '<div class="caution">' in text and "<b>" not in text


def test_the_first_rows_to_label_are_listed(fitted_iris: Iris, assessment: RowAssessment) -> None:
    text = page(fitted_iris, assessment, GUARD)
    listed = text[text.index("Rows to label next") : text.index("Settings and results")]
    assert f"The file to_label.csv has {len(assessment.to_label)}." in listed
    rows = [int(row) for row in re.findall(r'<tr>\s*<td class="number">(\d+)</td>', listed)]
    assert rows == assessment.to_label["row"].tolist()[:LISTED]
