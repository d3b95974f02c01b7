"""From a folder of photographs with few labels to a fitted classifier."""

import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..data import DataError
from ..data.decoding import some
from ..embedding import AUTO, Embedded, ImageNetwork, embed_images, find_image_network
from ..embedding.images import Array, Report
from ..tabular.fitting import FitOptions, new_classifier
from .classifier import ImageClassifier
from .finding import LabeledPhotos, PhotoSet, find_photos

MARKER = ""
"""The label of photographs that have none."""
NAMED = 5
"""How many contradictions a message names."""


@dataclass(frozen=True, kw_only=True)
class PhotoOptions:
    """How to read photographs.

    Attributes:
        extractor: the network that describes them, see `convergan.embedding.image_networks`.
        device: where it runs.
        workers: that read and decode; None for one a core.
        follow_links: read what links out of the folder lead to.
        allow_bad: leave out photographs that cannot be read; False to refuse.
    """

    extractor: str = AUTO
    device: str = "cpu"
    workers: int | None = None
    follow_links: bool = False
    allow_bad: bool = False


class PhotoRows(NamedTuple):
    """Photographs with their features.

    Attributes:
        photos: n of them, with the labels that are known.
        rows: (n, D) their features.
        contents: (n,) the hashes of their files.
    """

    photos: LabeledPhotos
    rows: Array
    contents: list[bytes]


class TrainingPhotos(NamedTuple):
    """A folder of photographs, read for fitting.

    Attributes:
        folder: where they are.
        train: to learn from.
        test: to measure on; often none.
        network: that made the features.
        counts: labelled photographs of each class.
        left_out: those that cannot be read, and why.
        seconds: that features took.
        notices: what the user should know.
    """

    folder: Path
    train: PhotoRows
    test: PhotoRows
    network: ImageNetwork
    counts: dict[str, int]
    left_out: list[tuple[str, str]]
    seconds: float
    notices: list[str]


class PhotoFit(NamedTuple):
    """A classifier of photographs.

    Attributes:
        model: fitted.
        seconds: that it took.
        notices: the classifier's warnings.
    """

    model: ImageClassifier
    seconds: float
    notices: list[str]


def read_training_photos(
    folder: Path, options: PhotoOptions, report: Report | None = None
) -> TrainingPhotos:
    """Read photographs and compute their features, or take these from the cache.

    Args:
        folder: see `convergan.photos.finding`.
        options: how it is read.
        report: is called with the progress of the features.

    Raises:
        ValueError: if there is no such network.
        DataError: if there are no photographs, some cannot be read, fewer than two classes have a
            label, or the same photograph has two labels.
    """
    network = find_image_network(options.extractor, device=options.device)
    found = find_photos(folder, follow_links=options.follow_links)
    _require_labels(found)
    started = time.monotonic()
    both = found.train + found.test
    embedded = embed_images(both.files, network, report=report, workers=options.workers)
    left_out = embedded.unreadable(both.files)
    if left_out and not options.allow_bad:
        named = [f"{name} ({why})" for name, why in left_out]
        raise DataError(
            f"{folder}: {len(named)} of {len(both.files):,} photographs cannot be read: "
            f"{some(named)}; --allow-bad leaves them out",
            named,
        )
    good = np.array([n not in embedded.problems for n in range(len(both.files))])
    first = np.arange(len(both.files)) < len(found.train.files)
    train, test = (_part(both, embedded, np.flatnonzero(good & which)) for which in (first, ~first))
    _require_one_label(train)
    return TrainingPhotos(
        folder=folder,
        train=train,
        test=test,
        network=network,
        counts=_count(train.photos.labels),
        left_out=left_out,
        seconds=time.monotonic() - started,
        notices=[*found.notes, *network.notices, *_notices(train, test, left_out)],
    )


def fit_photos(photos: TrainingPhotos, options: FitOptions, device: str = "cpu") -> PhotoFit:
    """Fit the classifier.

    Raises:
        ValueError: for arguments that it refuses.
    """
    started = time.monotonic()
    model = ImageClassifier(photos.network.spec, new_classifier(options, MARKER), device=device)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        train = photos.train
        model.fit_features(train.rows, train.photos.labels, photos.network, train.contents)
    notices = [str(warning.message) for warning in caught]
    return PhotoFit(model, time.monotonic() - started, notices)


def _part(photos: LabeledPhotos, embedded: Embedded, numbers: Array) -> PhotoRows:
    contents = [embedded.contents[n] for n in numbers]
    return PhotoRows(photos.choose(numbers), embedded.rows[numbers], contents)


def _count(labels: Array) -> dict[str, int]:
    counted = Counter(label for label in labels.tolist() if label)
    return {name: counted[name] for name in sorted(counted)}


def _require_labels(found: PhotoSet) -> None:
    counts = _count(found.train.labels)
    if len(counts) >= 2:
        unknown = sorted(set(found.test.labels.tolist()) - set(counts))
        if unknown:
            raise DataError(f"the test photographs have classes without a label: {some(unknown)}")
        return
    number = len(found.train.files)
    have = "no photograph has a label"
    if counts:
        (name,) = counts
        have = f"all {counts[name]:,} labelled photographs are of the class {name!r}"
    raise DataError(
        f"{found.folder}: {have}, of {number:,}; at least two classes need one each: put a "
        "few into folders named after their class, write labels.csv with the columns file,label, "
        f"or label them in the browser: convergan label {found.folder}"
    )


def _require_one_label(train: PhotoRows) -> None:
    """Refuse the same photograph under several labels."""
    labels: dict[bytes, dict[str, str]] = defaultdict(dict)
    for number in np.flatnonzero(train.photos.is_labeled):
        name, label = train.photos.files.name(int(number)), str(train.photos.labels[number])
        labels[train.contents[number]].setdefault(label, name)
    if found := [given for given in labels.values() if len(given) > 1]:
        shown = "; ".join(
            " and ".join(f"{name} ({label})" for label, name in given.items())
            for given in found[:NAMED]
        )
        more = f"; and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
        raise DataError(
            f"{len(found):,} photographs have several labels, their files being the same: {shown}"
            f"{more}; keep the right one"
        )


def _notices(train: PhotoRows, test: PhotoRows, left_out: Sequence[tuple[str, str]]) -> list[str]:
    notices = []
    if left_out:
        names = some([f"{name} ({why})" for name, why in left_out], NAMED)
        notices.append(f"{len(left_out):,} photographs cannot be read and are left out: {names}")
    labeled = {train.contents[n] for n in np.flatnonzero(train.photos.is_labeled)}
    if twice := sum(content in labeled for content in test.contents):
        notices.append(
            f"{twice:,} of {len(test.contents):,} test photographs are labelled ones to learn from "
            "as well: their error is too low"
        )
    if same := len(train.contents) - len(set(train.contents)):
        notices.append(f"{same:,} photographs are in the folder more than once")
    return notices
