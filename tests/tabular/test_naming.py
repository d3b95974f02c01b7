import shlex

import pytest

from convergan.data import DataError
from convergan.tabular.naming import find_column, leave_out, named_columns, parse_names

AWKWARD = ["0", "petal width (cm)", "a, b", 'the "old"', "$HOME", "it's", "größe", "-x", "[1]", "*"]


@pytest.mark.parametrize("name", AWKWARD)
def test_advice_works_when_it_is_pasted_into_a_shell(name: str) -> None:
    option, value = shlex.split(leave_out(name).removeprefix("fit without it, with "))
    assert option == "--drop" and parse_names(value) == [name]


def test_several_names_are_one_line_of_csv() -> None:
    assert parse_names('id, "a, b",0') == ["id", "a, b", "0"]
    assert parse_names(None) == parse_names("") == []
    with pytest.raises(ValueError, match="quoted as in CSV"):
        parse_names('"a')


def test_a_name_is_found_in_either_form_of_unicode_and_with_any_blanks() -> None:
    assert find_column("gro\u0308ße", ["größe"], "t.csv") == "größe"
    assert find_column("größe (cm)", ["gro\u0308ße\n(cm)"], "t.csv") == "gro\u0308ße\n(cm)"
    bare = "größe".encode().decode("ascii", "surrogateescape")
    assert find_column(bare, ["größe"], "t.csv") == "größe"


def test_every_column_gets_one_name() -> None:
    assert named_columns(["", "a"], "t.csv") == ["Unnamed: 0", "a"]
    with pytest.raises(DataError, match="t.csv has two columns 'größe'"):
        named_columns(["größe", "gro\u0308ße"], "t.csv")
