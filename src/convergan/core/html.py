"""Report pages: what a page shows as plain values, and the one template that renders them.

A page is a single HTML file without scripts; its pictures are within it. The template escapes all
text, so names of files, classes and people may hold any characters.
"""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FULL_WIDTH = 900
"""Of a page's column, in pixels."""


@dataclass(frozen=True)
class Paragraph:
    """Running text; ``lead`` sets it larger, for the answer that a page gives."""

    kind: ClassVar = "paragraph"
    text: str
    lead: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    kind: ClassVar = "bullets"
    items: Sequence[str]


@dataclass(frozen=True)
class Caution:
    """Sentences that must not be missed, in a box."""

    kind: ClassVar = "caution"
    texts: Sequence[str]


@dataclass(frozen=True)
class Preformatted:
    """Text whose spaces and line ends stay, such as JSON."""

    kind: ClassVar = "preformatted"
    text: str


@dataclass(frozen=True)
class Picture:
    """A PNG file, and the text for those who cannot see it.

    Attributes:
        png: the file.
        alt: the text.
        enlarged: whether it is shown as large as fits by a whole factor, its pixels as squares.
        drawn: whether it is lines on white, whose lightness is turned round on a dark page.
    """

    kind: ClassVar = "picture"
    png: bytes
    alt: str
    enlarged: bool = False
    drawn: bool = False

    @property
    def source(self) -> str:
        """The file as a URL that needs no other file."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"

    @property
    def width(self) -> int:
        """In pixels of the page, of an enlarged picture."""
        own = int.from_bytes(self.png[16:20], "big")  # of the header that every PNG begins with
        return own * max(1, FULL_WIDTH // max(1, own))


@dataclass(frozen=True)
class Thumbnail:
    """A small picture with words below.

    Attributes:
        image: the picture, a JPEG or PNG file.
        alt: the text for those who cannot see it.
        lines: below it.
        marked: whether it is to be looked at.
        width: in CSS pixels, at which hard pixels are shown; None to fit into a square.
    """

    image: bytes
    alt: str
    lines: Sequence[str]
    marked: bool = False
    width: int | None = None

    @property
    def source(self) -> str:
        """The file as a URL that needs no other file."""
        kind = "png" if self.image.startswith(b"\x89PNG") else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(self.image).decode()}"


@dataclass(frozen=True)
class Gallery:
    """Small pictures beside each other, under a name of their own if there is one."""

    kind: ClassVar = "gallery"
    thumbnails: Sequence[Thumbnail]
    name: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        head: of each column; without any, the first cell of each row is its head.
        rows: of text, each as long as the head.
        numbers: columns that are numbers, which are aligned at their ends.
        groups: the first cell names a group instead of making a column; rows of a group stand
            together under its name, which ``head`` leaves out.

    Raises:
        ValueError: if a row is of another length than the first.
    """

    kind: ClassVar = "table"
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    groups: bool = False

    def __post_init__(self) -> None:
        widths = {len(row) - self.groups for row in self.rows}
        if len(widths | ({len(self.head)} if self.head else set())) > 1:
            raise ValueError(f"a table with the head {list(self.head)} has rows of {widths} cells")

    @property
    def bodies(self) -> list[tuple[str, list[Sequence[str]]]]:
        """The name and the rows of each group; a single one without name where there are none."""
        if not self.groups:
            return [("", list(self.rows))]
        names = dict.fromkeys(row[0] for row in self.rows)
        return [(name, [row[1:] for row in self.rows if row[0] == name]) for name in names]


@dataclass(frozen=True)
class Folded:
    """A part that is shown when its summary is opened."""

    kind: ClassVar = "folded"
    summary: str
    part: Table | Preformatted | Picture | Bullets


Part = Paragraph | Bullets | Caution | Preformatted | Picture | Gallery | Table | Folded


@dataclass(frozen=True)
class Section:
    """Parts under a heading; an empty heading is for what stands right under the title."""

    heading: str
    parts: Sequence[Part]


def render(title: str, sections: Iterable[Section]) -> bytes:
    """Return a page as UTF-8; sections without parts are left out.

    Raises:
        ValueError: if jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ModuleNotFoundError:
        raise ValueError("a page needs jinja2: pip install 'convergan[train]'") from None
    environment = Environment(
        loader=PackageLoader("convergan.core"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = [section for section in sections if section.parts]
    page = environment.get_template("report.html").render(title=title, sections=shown)
    return page.encode(errors="replace")  # a file name may hold bytes that are no UTF-8


def plot(draw: Callable[["Axes"], None], alt: str, legend: bool = True) -> Picture:
    """Return a picture of what ``draw`` draws on axes of a figure that no global state knows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    if legend:
        axes.legend()
    return Picture(figure_png(figure), alt, drawn=True)


def figure_png(figure: "Figure") -> bytes:
    """Return a figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
