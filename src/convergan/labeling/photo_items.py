"""Photographs of a folder, described by a pretrained network."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.progress import Progress
from ..data import DataError
from ..data.encoded import EncodedFiles
from ..embedding import AUTO, embed_images, find_image_network
from ..photos.finding import find_photos
from .items import Picture, Report
from .pictures import shrink


@dataclass
class PhotoItems:
    """See `convergan.labeling.items.Items`.

    Attributes:
        files: the photographs.
        extractor: the network, see `convergan.embedding.image_networks`.
    """

    title: str
    files: EncodedFiles
    names: list[str]
    labels: list[str | None]
    notices: list[str]
    next_step: str
    alike: bool = True
    extractor: str = AUTO
    noun: tuple[str, str] = ("photo", "photos")
    key: str = "file"
    pictures: bool = True
    filled: str = field(default="", init=False)

    def rows(self, report: Report) -> Any:
        """Return features (n, D), of unreadable photographs NaN.

        Raises:
            ValueError: if there is no such network.
            DataError: if no photograph can be read.
        """
        network = find_image_network(self.extractor)

        def told(progress: Progress) -> None:
            report(progress.step, progress.steps)

        found = embed_images(self.files, network, report=told)
        if len(found.problems) == len(self.files):
            raise DataError(f"no photograph can be read, such as {self.names[0]}")
        return found.rows

    def card(self, number: int, side: int) -> Picture:
        """Return a photograph, upright, as JPEG or PNG.

        Raises:
            DataError: if it cannot be read.
        """
        try:
            data = self.files.read(number)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.names[number]} cannot be read: {error}") from None
        return shrink(data, side, self.names[number])

    def fill(self, labels: Mapping[str, str]) -> bytes:
        """Return nothing: there is no table of photographs but the labels file."""
        return b""


def photo_items(folder: Path, *, extractor: str = AUTO, follow_links: bool = False) -> PhotoItems:
    """Find the photographs of a folder, and the labels that they have.

    Raises:
        ValueError: if there is no such network.
        DataError: if there are none.
    """
    network = find_image_network(extractor)
    found = find_photos(folder, follow_links=follow_links)
    files = found.train.files
    return PhotoItems(
        title=folder.resolve().name or str(folder),
        files=files,
        names=[files.name(number) for number in range(len(files))],
        labels=[str(label) or None for label in found.train.labels],
        notices=list(found.notes),
        next_step=f"convergan fit {shlex.quote(str(folder))} --out model",
        alike=network.alike,
        extractor=extractor,
    )
