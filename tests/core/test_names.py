"""Names that are unknown, and those near them."""

import pytest

from convergan.core.names import look_up

KNOWN = {"mnist": 1, "mnist-fast": 2, "svhn": 3}


def test_a_known_name_gives_its_value() -> None:
    assert look_up("table", "svhn", KNOWN) == 3


@pytest.mark.parametrize(
    ("name", "near"),
    [("mnits", "mnist or mnist-fast"), ("svnh", "svhn"), ("zzz", "mnist, mnist-fast or svhn")],
)
def test_an_unknown_name_is_refused_with_those_near_it(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=rf"^no table '{name}'; did you mean {near}\?$"):
        look_up("table", name, KNOWN)
