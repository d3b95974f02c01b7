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


def test_a_network_without_the_game_is_not_called_so(model: SemiSupervisedGANClassifier) -> None:
    assert has_game(model)
    model.set_params(generated_weight=0)
    assert not has_game(model)
    assert opinion_rows(model)[1] == ("network", "-", "0.10", "-")


def test_shares_have_a_deviation_only_where_they_were_estimated(
    model: SemiSupervisedGANClassifier,
) -> None:
    assert share_rows(model) == [("a", "90.0%", "± 2.0%"), ("b", "10.0%", "± 3.0%")]
    model.class_shares_ = ClassShares(np.array([0.6, 0.4]), np.zeros(2), "labels")
    assert share_rows(model) == [("a", "60.0%", ""), ("b", "40.0%", "")]


def test_the_error_is_of_all_labels_and_says_when_it_is_too_high() -> None:
    risk = risk_table(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]))
    text = held_out_error(risk, 2)
    assert text == "error of held-out labels: 25.00%, 1 of 4, 95% interval 0.63% to 80.59%"
    assert held_out_error(risk, 1).startswith(f"{text}; too high, as no label of a class was left")
