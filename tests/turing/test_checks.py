import pytest

from convergan.turing.checks import check


def test_the_first_value_that_breaks_a_rule_is_named() -> None:
    check({"a": 1}, (True, "a", "above 0"))
    with pytest.raises(ValueError, match="^b must be a text, got ''$"):
        check({"a": 1, "b": ""}, (True, "a", "above 0"), (False, "b", "a text"), (False, "a", "x"))
