"""What people earn by a rule."""

from decimal import Decimal

import pytest

from convergan.turing.bonus import read_bonus


@pytest.mark.parametrize(
    ("rule", "correct", "answers", "earned"),
    [
        ("0.02 per correct", 31, 50, "0.62"),
        ("0.01 per answer", 31, 50, "0.50"),
        ("1.00 if error below 30%", 36, 50, "1.00"),
        ("1 if error below 30 %", 35, 50, "0.00"),  # 30 % is not below
        ("1.00 if error below 30%", 0, 0, "0.00"),
        ("0.5 if error below 40% + 0.5 if error below 30%", 33, 50, "0.50"),
        ("0.5 if error below 40% + 0.5 if error below 30%", 40, 50, "1.00"),
        ("0.01 per answer + 0.02 PER CORRECT, at most 1.20", 50, 50, "1.20"),
        ("0.005  per correct", 1, 50, "0.01"),  # halves are rounded up
        ("0.005 per correct", 0, 50, "0.00"),
    ],
)
def test_a_rule_pays_what_it_says(rule: str, correct: int, answers: int, earned: str) -> None:
    assert read_bonus(rule).amount(correct, answers) == Decimal(earned)
    assert str(read_bonus(rule).amount(correct, answers)) == earned


@pytest.mark.parametrize(
    "rule",
    [
        *("", "0.02", "per correct", "-1 per correct", "1e9 per correct", "0.02 per vote"),
        *("1 if error above 30%", "1 if error below 30", "0.02 per correct +", "NaN per correct"),
        *("0.02 per correct, at most", "0.02 per correct at most 2", "0,02 per correct"),
    ],
)
def test_what_is_no_rule_is_refused_with_an_example(rule: str) -> None:
    with pytest.raises(ValueError, match=r"bonus must be terms like '0.02 per correct'"):
        read_bonus(rule)
