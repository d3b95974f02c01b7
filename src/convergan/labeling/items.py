"""What is labelled: pictures, rows of a table or texts, by their numbers."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

Report = Callable[[int, int], None]
"""Is told how many items of how many are read."""


class Picture(NamedTuple):
    """An encoded picture that browsers show.

    Attributes:
        data: its bytes.
        media_type: such as ``image/jpeg``.
    """

    data: bytes
    media_type: str


class Fields(NamedTuple):
    """A row of a table.

    Attributes:
        cells: column and value of each cell.
    """

    cells: list[tuple[str, str]]


class Passage(NamedTuple):
    """A text.

    Attributes:
        text: all of it.
        cells: column and value of what stands beside it.
    """

    text: str
    cells: list[tuple[str, str]]


Card = Picture | Fields | Passage


class Items(Protocol):
    """Things of one kind. They are sent to the process that fits, so they can be pickled.

    Attributes:
        title: what the page calls them, such as the folder's name.
        noun: one of them and many, such as ``("photo", "photos")``.
        key: the column of the labels file that names them.
        names: of all, none twice; by these they are known from one session to the next.
        labels: that were found, None where there was none.
        pictures: whether cards are pictures.
        alike: whether all columns of `rows` are of one kind and unit.
        notices: what the user should know of how they were read.
        next_step: the command that fits a classifier to them.
        filled: name of the file that `fill` makes; empty where there is none.
    """

    title: str
    noun: tuple[str, str]
    key: str
    names: list[str]
    labels: list[str | None]
    pictures: bool
    alike: bool
    notices: list[str]
    next_step: str
    filled: str

    def rows(self, report: Report) -> Any:
        """Return what a classifier learns from, (n, A) numbers or a frame."""
        ...

    def card(self, number: int, side: int) -> Card:
        """Return what a person is shown of one.

        Args:
            number: from 0.
            side: most pixels of a picture's longer side.

        Raises:
            DataError: if it cannot be read.
        """
        ...

    def fill(self, labels: Mapping[str, str]) -> bytes:
        """Return the file ``filled``, the items in their own form with their labels, by name."""
        ...
