"""The page about a model says what its record and its rows say."""

import re

import numpy as np
import pytest

from convergan.core.environment import describe_environment, environment_table
from convergan.estimator import ClassShares
from convergan.tabular.assessment import RowAssessment, assess_rows
from convergan.tabular.findings import opinion_rows
from convergan.tabular.fitting import TableFit, TrainingTable
from convergan.tabular.report import LISTED, model_page

MADE = [environment_table(describe_environment(["/usr/bin/convergan", "fit", "iris.csv"]))]
Iris = tuple[TrainingTable, TableFit]


@pytest.fixture(scope="module")
def assessment(fitted_iris: Iris) -> RowAssessment:
    return assess_rows(*fitted_iris)._replace(log_d=None)  # whose picture takes a while


def page(iris: Iris, assessment: RowAssessment, *notices: str) -> str:
    table, fitted = iris
    fitted.model.history_, history = [[]], fitted.model.history_  # likewise
    record = {
        "notices": list(notices),
        "diagnostics": {},
    }
    try:
        return model_page(table, fitted, assessment, record, MADE).decode()
    finally:
        fitted.model.history_ = history


def test_rows_and_classes_are_counted(fitted_iris: Iris, assessment: RowAssessment) -> None:
    text = page(fitted_iris, assessment)
    assert "<h1>kind from iris.csv</h1>" in text
    assert "150 rows, 15 of them labelled, of 3 classes; 4 features from 4 columns" in text
    counts = dict(re.findall(r'<td>([^<]+)</td><td class="number">(\d+)</td></tr>', text))
    assert counts == {"a": "5", "b": "5", "c": "5", "no label": "135"}


def test_the_page_opens_with_the_error_and_its_interval_and_ends_with_the_command(
    fitted_iris: Iris, assessment: RowAssessment
) -> None:
    text = page(fitted_iris, assessment).replace("\u00a0", " ")
    risk = fitted_iris[1].model.risk_table_
    assert risk is not None and risk.rows[0] == 15
    lead = re.findall('<p class="lead">([^<]*)</p>', text)
    assert len(lead) == 1 and lead[0].endswith(
        f"measured on 15 labelled rows, held out in turn: {round(15 * risk.risk[0])} of 15, "
        f"95 % interval {risk.low[0]:.0%} to {risk.high[0]:.0%}."
    )
    assert text.index("opinions as lines") < text.index("What each opinion was worth here")
    assert "<td>convergan fit iris.csv</td>" in text[text.index("How it was made") :]
    assert text.index("<details>") > text.index("How it was made")


def test_opinions_stand_with_their_errors_and_powers(
    fitted_iris: Iris, assessment: RowAssessment
) -> None:
    text = page(fitted_iris, assessment)
    part = text[text.index("What each opinion was worth here") : text.index("Shares of the")]
    cells = re.findall(r"<td>([^<]+)</td>" + 3 * r"<td[^>]*>([^<]*)</td>", part)
    assert cells == opinion_rows(fitted_iris[1].model)
    assert [cell[0] for cell in cells][0] == "logistic regression"


def test_shares_of_the_classes_are_shown(fitted_iris: Iris, assessment: RowAssessment) -> None:
    model = fitted_iris[1].model
    before = model.class_shares_
    model.class_shares_ = ClassShares(
        np.array([0.5, 0.3, 0.2]), np.array([0.04, 0.03, 0.02]), "unlabeled"
    )
    text = page(fitted_iris, assessment)
    model.class_shares_ = before
    assert "estimated from unlabelled rows" in text
    cells = re.findall(r"<td>([abc])</td><td[^>]*>([^<]*%)</td><td[^>]*>([^<]*)</td>", text)
    assert cells == [("a", "50.0%", "± 4.0%"), ("b", "30.0%", "± 3.0%"), ("c", "20.0%", "± 2.0%")]


def test_notices_are_a_caution_in_which_no_name_is_a_tag(
    fitted_iris: Iris, assessment: RowAssessment
) -> None:
    assert '<div class="caution">' not in page(fitted_iris, assessment)
    text = page(fitted_iris, assessment, "column '<b>' is empty")
    assert '<div class="caution">' in text and "<b>" not in text


def test_the_first_rows_to_label_are_listed(fitted_iris: Iris, assessment: RowAssessment) -> None:
    text = page(fitted_iris, assessment)
    listed = text[text.index("Rows to label next") : text.index("How it was made")]
    assert f"The file to_label.csv has {len(assessment.to_label)}." in listed
    rows = [int(row) for row in re.findall(r'<tr>\s*<td class="number">(\d+)</td>', listed)]
    assert rows == assessment.to_label["row"].tolist()[:LISTED]
