"""What a data set holds, found before anything is trained on it.

Every image is decoded completely, by the `decode` that training uses and under its one rule: grey
and black-and-white images stay grey where all are, all others become RGB, transparency is dropped.
So what is refused here is refused there, and for the same reason.

Paper and released code: not in Salimans et al. (2016).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .decoding import LISTED, DataError, decode, read_ahead, some, why_not
from .encoded import EncodedSet, Split

AHEAD = 256
"""Images decoded ahead."""
UNLABELED = "unlabelled"


class Seen(NamedTuple):
    """What was seen of one image; of a refused one only the first four.

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


class Twins(NamedTuple):
    """Images that are the same.

    Attributes:
        images: two or more, in the order of the data set.
    """

    images: tuple[Seen, ...]

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
    """What was seen of a data set.

    Attributes:
        source: what it is called.
        classes: the class names, in the order of their numbers.
        images: all of them, in order.
    """

    source: str
    classes: tuple[str, ...]
    images: Sequence[Seen]

    def refused(self) -> list[Seen]:
        """Return those that cannot be read."""
        return [image for image in self.images if image.refused]

    def require_all(self) -> None:
        """See that training would refuse none.

        Raises:
            DataError: if it would.
        """
        if refused := self.refused():
            raise DataError(f"{self.source}: {len(refused)} of {len(self.images)} are refused")

    def accepted(self) -> list[Seen]:
        """Return those that can."""
        return [image for image in self.images if not image.refused]

    def twins(self) -> list[Twins]:
        """Return groups of images that are the same, leaks first."""
        groups: dict[bytes, list[Seen]] = {}
        for image in self.accepted():
            groups.setdefault(image.pixels, []).append(image)
        found = [Twins(tuple(group)) for group in groups.values() if len(group) > 1]
        return sorted(found, key=lambda twins: not twins.leak)

    def conversions(self) -> dict[tuple[str, str], int]:
        """Return how many images of each mode become another, and which."""
        accepted = self.accepted()
        mode = "L" if all(image.grey for image in accepted) else "RGB"
        return {
            (of, mode): count
            for of, count in Counter(image.mode for image in accepted).most_common()
            if of != mode
        }

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


def look_at(found: EncodedSet, workers: int) -> Iterator[Seen]:
    """Decode all images in their order, some of them ahead.

    Args:
        found: where they are.
        workers: threads that decode; 0 for none.

    Raises:
        ValueError: if ``workers`` is negative.
    """
    if workers < 0:
        raise ValueError(f"workers must not be negative, got {workers}")
    for name, split in (("train", found.train), ("test", found.test)):
        see = partial(_see, split, name)
        yield from read_ahead(see, len(split.encoded), workers=workers, ahead=AHEAD)


def _see(split: Split, split_name: str, number: int) -> Seen:
    name, label = split.encoded.name(number), int(split.labels[number])
    try:
        image = decode(split.encoded.read(number), None)
    except Exception as error:  # Pillow raises half a dozen kinds for damaged files
        return Seen(name, split_name, label, why_not(error))
    grey = image.pixels.ndim == 2
    colours = np.repeat(image.pixels[..., None], 3, axis=2) if grey else image.pixels
    pixels = hashlib.sha256(repr(image.size).encode() + colours.tobytes()).digest()
    return Seen(name, split_name, label, "", image.size, image.mode, grey, image.sha256, pixels)


def as_plain(scan: Scan) -> dict[str, Any]:
    """Return a scan as values that JSON can hold."""
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
        "duplicates": [
            {
                "images": [image.name for image in twins.images],
                "same": twins.same,
                "leak": twins.leak,
                "classes": [scan.classes[label] for label in sorted(twins.labels)],
            }
            for twins in scan.twins()
        ],
    }


def spelled(scan: Scan) -> Iterator[str]:
    """Yield what a reader wants to know of a scan, line by line."""
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
    twins = scan.twins()
    if leaked := sum(
        image.split == "test" for group in twins if group.leak for image in group.images
    ):
        yield f"leak: {leaked:,} test images are among the training images too"
    if copies := sum(len(group.images) - 1 for group in twins):
        yield f"duplicates: {copies:,} images are copies of others"
    yield from map(_spelled_twins, twins[:LISTED])
    if len(twins) > LISTED:
        yield f"and {len(twins) - LISTED:,} groups more"
    for image in scan.refused():
        yield f"refused: {image.name} ({image.refused})"


def _counted(counts: dict[str, int]) -> str:
    return some([f"{name} {count:,}" for name, count in counts.items()])


def _spelled_twins(twins: Twins) -> str:
    names = some([image.name for image in twins.images])
    kind = "leak" if twins.leak else "duplicate"
    apart = ", in different classes" if len(twins.labels) > 1 else ""
    return f"{kind}: the same {twins.same}{apart}: {names}"
