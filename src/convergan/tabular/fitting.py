"""From a table with few labels to a fitted classifier."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..estimator import SemiSupervisedGANClassifier
from .columns import Column, learn_columns, read_features, suspicious_keys
from .reading import SEPARATORS, Frame, file_sha256, read_table, require_column
from .target import Labels, learn_labels, spell


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a table does not say by itself.

    Attributes:
        target: column of labels.
        features: columns to learn from; None for all but the target and those of ``drop``.
        drop: columns that are none.
        fill: whether missing values of features are replaced by the column's mean.
        unlabeled: spelling of labels that count as empty, or None.
    """

    target: str
    features: Sequence[str] | None = None
    drop: Sequence[str] = ()
    fill: bool = False
    unlabeled: str | None = None


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How to fit: arguments of `SemiSupervisedGANClassifier`.

    Attributes:
        members: classifiers to average.
        guard: whether labelled rows are held out to choose what predicts.
        max_epochs: passes over all rows, or None.
        max_seconds: of all trainings, or None.
        image_shape: (C, H, W) where a row is an image, or None.
        seed: decides weights, order and noise.
        device: ``auto``, ``cpu``, ``cuda`` or another name of torch's.
    """

    members: int = 1
    guard: bool = True
    max_epochs: int | None = None
    max_seconds: float | None = None
    image_shape: tuple[int, int, int] | None = None
    seed: int = 0
    device: str = "auto"


class Opened(NamedTuple):
    """A table that can be fitted to.

    Attributes:
        file: of the table.
        sha256: its hash.
        choices: as made.
        columns: how features are made.
        features: (n, A) frame.
        labels: of the target column.
        beside: columns that are no features, which may tell a reader which row is which.
        notices: what the user should know.
    """

    file: Path
    sha256: str
    choices: Choices
    columns: list[Column]
    features: Frame
    labels: Labels
    beside: Frame
    notices: list[str]


class Fitted(NamedTuple):
    """A classifier of the rows of a table.

    Attributes:
        model: fitted.
        seconds: that it took.
        notices: the classifier's warnings.
    """

    model: SemiSupervisedGANClassifier
    seconds: float
    notices: list[str]


def open_table(file: Path, choices: Choices) -> Opened:
    """Read a table and see that there is something to learn from.

    Raises:
        ValueError: if a column that was named is not there, or there is none to learn from.
        DataError: if the table cannot be read, or a column cannot be used.
    """
    table = read_table(file, text=[choices.target, *choices.drop])
    names = _feature_names(file, list(table.columns), choices)
    target = table[choices.target]
    is_text = file.suffix.lower() not in SEPARATORS and any(
        isinstance(value, str) for value in target.tolist()
    )
    texts = spell(target, unlabeled=choices.unlabeled)
    labels = learn_labels(texts, choices.target, is_text=is_text)
    columns = learn_columns(table, names, fill=choices.fill)
    features = read_features(table, columns)
    notices = [*suspicious_keys(table, columns), *features.notices]
    if "-1" in labels.counts:
        notices.append("-1 is taken for a class; if it marks unlabelled rows, use --unlabeled -1")
    return Opened(
        file=file,
        sha256=file_sha256(file),
        choices=choices,
        columns=columns,
        features=features.frame,
        labels=labels,
        beside=table[[n for n in table.columns if n not in names and n != choices.target]],
        notices=notices,
    )


def fit_table(opened: Opened, effort: Effort) -> Fitted:
    """Fit the classifier.

    Raises:
        ValueError: for arguments that it refuses.
    """
    started = time.monotonic()
    model = SemiSupervisedGANClassifier(
        unlabeled_label=opened.labels.marker,
        image_shape=effort.image_shape,
        n_estimators=effort.members,
        max_epochs=effort.max_epochs,
        max_seconds=effort.max_seconds,
        guard=effort.guard,
        random_state=effort.seed,
        device=effort.device,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        model.fit(opened.features, opened.labels.y)
    notices = [str(warning.message) for warning in caught]
    return Fitted(model, time.monotonic() - started, notices)


def _feature_names(file: Path, known: list[str], choices: Choices) -> list[str]:
    for name in (choices.target, *(choices.features or ()), *choices.drop):
        require_column(name, known, str(file))
    if choices.features is not None and choices.drop:
        raise ValueError("--features names all columns to learn from, so --drop has no effect")
    for name in (*(choices.features or ()), *choices.drop):
        if name == choices.target:
            raise ValueError(f"{name!r} is the target, it can be neither a feature nor dropped")
    if choices.features is not None:
        names = list(dict.fromkeys(choices.features))
    else:
        names = [name for name in known if name not in (choices.target, *choices.drop)]
    if not names:
        raise ValueError(f"{file} has no column to learn from beside {choices.target!r}")
    return names
