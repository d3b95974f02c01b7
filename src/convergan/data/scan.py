"""What a data set holds, checked before anything is trained on it.

Every image is decoded completely, by the `decode` that training uses: what is refused here is
refused there, for the same reason, and what is counted here as converted is converted there. Grey
images stay grey where all are, otherwise all become RGB.

Paper and released code: not in Salimans et al. (2016).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..core.image_folders import FOLLOW
from .decoding import LISTED, DataError, decode, read_ahead, some, why_not
from .encoded import EncodedSet, Split

AHEAD = 256
"""Images decoded ahead."""
UNLABELED = "unlabelled"


class ScannedImage(NamedTuple):
    """What a scan found of one image; of a refused one only the first four.

    Attributes:
        name: of its file, or split and row.
        split: ``train`` or ``test``.
        label: its class, or -1.
        refused: why it cannot be read; nothing if it can.
        size: width and height.
        mode: as Pillow calls it.
        grey: whether it stays grey where all do.
        content: SHA-256 of its bytes.
        pixels: SHA-256 of its size and pixels as RGB.
        changes: what was done to show it as viewers do.
    """

    name: str
    split: str
    label: int
    refused: str = ""
    size: tuple[int, int] = (0, 0)
    mode: str = ""
    grey: bool = False
    content: bytes = b""
    pixels: bytes = b""
    changes: tuple[str, ...] = ()


class Duplicates(NamedTuple):
    """A group of images that are the same.

    Attributes:
        images: two or more, in the order of the data set.
    """

    images: tuple[ScannedImage, ...]

    @property
    def same(self) -> str:
        """What they share: ``bytes``, or only ``pixels``."""
        return "bytes" if len({image.content for image in self.images}) == 1 else "pixels"

    @property
    def leak(self) -> bool:
        """Whether rows to learn from are among those to measure on."""
        return len({image.split for image in self.images}) > 1

    @property
    def labels(self) -> set[int]:
        """Their classes."""
        return {image.label for image in self.images if image.label >= 0}


class Scan(NamedTuple):
    """What a scan found of a data set.

    Attributes:
        source: what it is called.
        classes: the class names, in the order of their numbers.
        images: all of them, in order.
        notes: what was guessed of the source, or left out.
    """

    source: str
    classes: tuple[str, ...]
    images: Sequence[ScannedImage]
    notes: tuple[str, ...] = ()

    def refused(self) -> list[ScannedImage]:
        """Return those that cannot be read."""
        return [image for image in self.images if image.refused]

    def require_all(self) -> None:
        """Require that training would refuse no image.

        Raises:
            DataError: if it would refuse one.
        """
        if refused := self.refused():
            linked = any(FOLLOW in image.refused for image in refused)
            more = f"; of links out of the folder, {FOLLOW}" if linked else ""
            count = f"{len(refused)} of {len(self.images)}"
            raise DataError(f"{self.source}: {count} are refused{more}")

    def accepted(self) -> list[ScannedImage]:
        """Return those that can be read."""
        return [image for image in self.images if not image.refused]

    def duplicates(self) -> list[Duplicates]:
        """Return groups of images that are the same, leaks first."""
        groups: dict[bytes, list[ScannedImage]] = {}
        for image in self.accepted():
            groups.setdefault(image.pixels, []).append(image)
        found = [Duplicates(tuple(group)) for group in groups.values() if len(group) > 1]
        return sorted(found, key=lambda duplicates: not duplicates.leak)

    def conversions(self) -> dict[tuple[str, str], int]:
        """Return how many images of each mode become another, and which."""
        accepted = self.accepted()
        mode = "L" if all(image.grey for image in accepted) else "RGB"
        return {
            (of, mode): count
            for of, count in Counter(image.mode for image in accepted).most_common()
            if of != mode
        }

    def changes(self) -> dict[str, int]:
        """Return how many images were changed to be as viewers show them, and how."""
        return dict(Counter(c for image in self.accepted() for c in image.changes).most_common())

    def class_counts(self, split: str) -> dict[str, int]:
        """Return the number of readable images of each class in a split."""
        counts = Counter(image.label for image in self.accepted() if image.split == split)
        names = [*enumerate(self.classes), *([(-1, UNLABELED)] if counts[-1] else [])]
        return {name: counts[label] for label, name in names if counts}

    def sizes(self) -> dict[str, int]:
        """Return the number of readable images of each size."""
        counts = Counter(image.size for image in self.accepted())
        return {f"{width}x{height}": count for (width, height), count in counts.most_common()}

    def modes(self) -> dict[str, int]:
        """Return the number of readable images of each mode."""
        return dict(Counter(image.mode for image in self.accepted()).most_common())


def scan_images(found: EncodedSet, workers: int) -> Iterator[ScannedImage]:
    """Decode all images in their order, some of them ahead.

    Args:
        found: the encoded images.
        workers: threads that decode; 0 for none.

    Raises:
        ValueError: if ``workers`` is negative.
    """
    for name, split in (("train", found.train), ("test", found.test)):
        scan_one = partial(_scan_one, split, name)
        yield from read_ahead(scan_one, len(split.encoded), workers=workers, ahead=AHEAD)


def _scan_one(split: Split, split_name: str, number: int) -> ScannedImage:
    name, label = split.encoded.name(number), int(split.labels[number])
    try:
        image = decode(split.encoded.read(number), None)
    except Exception as error:  # Pillow raises half a dozen kinds for damaged files
        return ScannedImage(name, split_name, label, why_not(error))
    grey = image.pixels.ndim == 2
    colours = np.repeat(image.pixels[..., None], 3, axis=2) if grey else image.pixels
    pixels = hashlib.sha256(repr(image.size).encode() + colours.tobytes()).digest()
    return ScannedImage(
        *(name, split_name, label, "", image.size, image.mode, grey, image.sha256, pixels),
        changes=image.changes,
    )


def to_json(scan: Scan) -> dict[str, Any]:
    """Return a scan as values for JSON."""
    return {
        "source": scan.source,
        "images": len(scan.images),
        "refused": [{"image": image.name, "reason": image.refused} for image in scan.refused()],
        "classes": {split: scan.class_counts(split) for split in ("train", "test")},
        "sizes": scan.sizes(),
        "modes": scan.modes(),
        "conversions": [
            {"from": of, "to": to, "images": count}
            for (of, to), count in scan.conversions().items()
        ],
        "changes": scan.changes(),
        "notes": list(scan.notes),
        "duplicates": [
            {
                "images": [image.name for image in duplicates.images],
                "same": duplicates.same,
                "leak": duplicates.leak,
                "classes": [scan.classes[label] for label in sorted(duplicates.labels)],
            }
            for duplicates in scan.duplicates()
        ],
    }


def summary_lines(scan: Scan) -> Iterator[str]:
    """Yield a summary of a scan, line by line."""
    for split in ("train", "test"):
        if counts := scan.class_counts(split):
            yield f"{split}: {sum(counts.values()):,} images: {_counted(counts)}"
    for what, found in (("sizes", scan.sizes()), ("modes", scan.modes())):
        if found:
            yield f"{what}: {_counted(found)}"
    if len(scan.sizes()) > 1:
        yield "note: sizes differ, so only recipes with a side take these images, such as imagenet"
    for (of, to), count in scan.conversions().items():
        yield f"note: {count:,} of mode {of} become {to}"
    for change, count in scan.changes().items():
        yield f"note: {count:,} images are {change}"
    yield from (f"note: {note}" for note in scan.notes)
    duplicates = scan.duplicates()
    if leaked := sum(
        image.split == "test" for group in duplicates if group.leak for image in group.images
    ):
        yield f"leak: {leaked:,} test images are among the training images too"
    if copies := sum(len(group.images) - 1 for group in duplicates):
        yield f"duplicates: {copies:,} images are copies of others"
    yield from map(_duplicates_line, duplicates[:LISTED])
    if len(duplicates) > LISTED:
        yield f"and {len(duplicates) - LISTED:,} groups more"
    for image in scan.refused():
        yield f"refused: {image.name} ({image.refused})"


def _counted(counts: dict[str, int]) -> str:
    return some([f"{name} {count:,}" for name, count in counts.items()])


def _duplicates_line(duplicates: Duplicates) -> str:
    names = some([image.name for image in duplicates.images])
    kind = "leak" if duplicates.leak else "duplicate"
    apart = ", in different classes" if len(duplicates.labels) > 1 else ""
    return f"{kind}: the same {duplicates.same}{apart}: {names}"
