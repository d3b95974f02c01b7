"""Single images: how often each was misjudged, as a table and as pictures of the extremes."""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PIL import Image

from ...core.files import csv_lines
from ...core.html import Gallery, Paragraph, Part, Section, Thumbnail
from ..statistics.intervals import Interval, wilson
from .formats import percent, span

SHOWN = 8
"""Pictures of each kind on the page."""
PICTURE_PIXELS = 144
"""Side up to which the page enlarges pictures, by whole factors."""
COLUMNS = ("image", "file_name", "source", "generated", "votes", "wrong", "error", "low", "high")
"""Of the table; ``low`` and ``high`` are ends of Wilson's interval of the error at 95 %."""


@dataclass(frozen=True)
class JudgedImage:
    """An image of a study and the votes on it that count.

    Attributes:
        number: in the study, from 0.
        file_name: where it came from; None in studies made before names were kept.
        model: what made it; None for a real image.
        votes: in which it was judged; of pairs, all in which it was one of the two.
        wrong: of these, in which it was taken for the other kind.
    """

    number: int
    file_name: str | None
    model: str | None
    votes: int
    wrong: int

    @property
    def name(self) -> str:
        """The file's name, or the number where there is none."""
        return self.file_name or f"image {self.number}"

    @property
    def interval(self) -> Interval | None:
        """Wilson's interval of the error; None without votes."""
        return wilson(self.wrong, self.votes) if self.votes else None


def images_csv(images: Iterable[JudgedImage]) -> str:
    """Return all images as a table of `COLUMNS`; cells of the error are empty without votes.

    Example:
        >>> images_csv([JudgedImage(3, "a.png", None, 4, 1)]).splitlines()[1]
        '3,a.png,real,0,4,1,0.25,0.045586,0.699364'
    """
    lines: list[Sequence[object]] = [COLUMNS]
    for image in images:
        kind = ("real", 0) if image.model is None else (image.model, 1)
        figures: tuple[object, ...] = ("", "", "")
        if image.interval is not None:
            low, high = image.interval
            figures = tuple(round(value, 6) for value in (image.wrong / image.votes, low, high))
        lines.append(
            (image.number, image.file_name or "", *kind, image.votes, image.wrong, *figures)
        )
    return csv_lines(lines)


def images_section(
    images: Sequence[JudgedImage], pictures: Callable[[Sequence[int]], dict[int, bytes]]
) -> Section:
    """Return the images that people were most and least wrong about, as a part of the page.

    Ranks are by the end of Wilson's interval that is nearer to the middle, so that an image with
    one vote does not stand before one with twenty.

    Args:
        images: all of the study.
        pictures: from numbers of images to their PNG files.
    """
    judged = [image for image in images if image.votes]
    made = [image for image in judged if image.model is not None]
    real = [image for image in judged if image.model is None]
    groups = {
        "Generated, most often taken for real": _most_wrong(made),
        "Generated, least often taken for real": _least_wrong(made),
        "Real, most often taken for generated": _most_wrong(real),
    }
    numbers = {image.number for group in groups.values() for image in group}
    files = pictures(sorted(numbers))
    models = len({image.model for image in made}) > 1
    galleries: list[Part] = [
        Gallery([_thumbnail(image, files[image.number], models) for image in group], name)
        for name, group in groups.items()
        if group
    ]
    if not galleries:
        return Section("Images that fool", [])
    note = (
        "Below each picture: its file, votes that count, the error on it and Wilson's 95 % "
        "interval, which takes votes as independent. The first and last of many images are "
        "extreme by chance as well: an error that was chosen for being large is too large."
    )
    return Section("Images that fool", [Paragraph(note), *galleries])


def _most_wrong(images: Iterable[JudgedImage]) -> list[JudgedImage]:
    def rank(image: JudgedImage) -> tuple[float, int]:
        assert image.interval is not None
        return -image.interval.low, image.number

    return sorted((image for image in images if image.wrong), key=rank)[:SHOWN]


def _least_wrong(images: Iterable[JudgedImage]) -> list[JudgedImage]:
    def rank(image: JudgedImage) -> tuple[float, int]:
        assert image.interval is not None
        return image.interval.high, image.number

    return sorted((image for image in images if image.wrong < image.votes), key=rank)[:SHOWN]


def _thumbnail(image: JudgedImage, png: bytes, name_model: bool) -> Thumbnail:
    picture, width = whole_steps(png)
    error = percent(image.wrong / image.votes)
    lines = [
        *([image.model] if name_model and image.model else []),
        f"{image.wrong} of {image.votes} wrong",
        f"{error} ({span(image.interval, percent)})".replace(" %", "\u00a0%"),
        image.name,
    ]
    return Thumbnail(picture, f"{image.name}: {error} wrong", lines, width=width)


def whole_steps(png: bytes) -> tuple[bytes, int]:
    """Return a compressed PNG file, and the width to show it at: a whole multiple of its own.

    Images larger than `PICTURE_PIXELS` are made smaller by a whole factor.
    """
    with Image.open(io.BytesIO(png)) as image:
        side = max(image.size)
        factor = max(1, PICTURE_PIXELS // side)
        shown = image.reduce(-(-side // PICTURE_PIXELS)) if side > PICTURE_PIXELS else image
        buffer = io.BytesIO()
        shown.save(buffer, format="PNG", optimize=True)
        return buffer.getvalue(), factor * shown.width
