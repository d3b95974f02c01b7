"""What a fit found is told in the same words everywhere."""

import numpy as np
import pytest

from convergan import SemiSupervisedGANClassifier
from convergan.estimator import ClassShares, OpinionReport, risk_table
from convergan.tabular.findings import has_game, held_out_error, opinion_rows, share_rows


@pytest.fixture
def model() -> SemiSupervisedGANClassifier:
    """A classifier with what a fit would find."""
    found = SemiSupervisedGANClassifier()
    found.classes_ = np.array(["a", "b"])
    found.opinions_ = [
        OpinionReport("trees", 0.334, 0.385, 0.125),
        OpinionReport("game", 0.1, 0.1, None),
    ]
    found.class_shares_ = ClassShares(np.array([0.9, 0.1]), np.array([0.02, 0.03]), "unlabeled")
    return found


def test_opinions_have_errors_and_powers_and_taught_ones_a_dash(
    model: SemiSupervisedGANClassifier,
) -> None:
    assert opinion_rows(model) == [
        ("trees", "12.50%", "0.33", "0.39"),
        ("game", "-", "0.10", "-"),
    ]


def test_without_generated_rows_there_is_no_game(model: SemiSupervisedGANClassifier) -> None:
    assert has_game(model)
    assert not has_game(model.set_params(generated_weight=0))


def test_shares_have_a_deviation_only_where_they_were_estimated(
    model: SemiSupervisedGANClassifier,
) -> None:
    assert share_rows(model) == [("a", "90.0%", "± 2.0%"), ("b", "10.0%", "± 3.0%")]
    model.class_shares_ = ClassShares(np.array([0.6, 0.4]), np.zeros(2), "labels")
    assert share_rows(model) == [("a", "60.0%", ""), ("b", "40.0%", "")]


def test_the_error_is_of_all_labels_that_could_be_held_out() -> None:
    risk = risk_table(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]))
    assert held_out_error(risk) == (
        "error of held-out labels: 25.00%, 1 of 4, 95% interval 0.63% to 80.59%"
    )
    assert held_out_error(None).startswith("no label could be held out, as no class has two")
