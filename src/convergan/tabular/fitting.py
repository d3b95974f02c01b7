"""From a table with few labels to a fitted classifier."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..estimator import SemiSupervisedGANClassifier
from .columns import FeatureColumn, learn_columns, read_features, suspicious_keys
from .reading import SEPARATORS, Frame, file_sha256, read_table, require_column
from .target import TargetLabels, label_texts, parse_labels


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """How to read a table.

    Attributes:
        target: column of labels.
        features: columns to learn from; None for all but the target and those of ``drop``.
        drop: columns not to learn from.
        fill: whether missing values of features are replaced by the column's mean.
        unlabeled: a label that counts as none, beside empty cells; or None.
    """

    target: str
    features: Sequence[str] | None = None
    drop: Sequence[str] = ()
    fill: bool = False
    unlabeled: str | None = None


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How to fit: arguments of `SemiSupervisedGANClassifier`.

    Attributes:
        members: its ``n_estimators``.
        guard: whether to cross-validate on labelled rows and fall back to a simpler classifier.
        max_epochs: passes over all rows, or None.
        max_seconds: limit of all trainings, or None.
        image_shape: (C, H, W) where a row is an image, or None.
        seed: its ``random_state``.
        device: ``auto``, ``cpu``, ``cuda`` or another name of torch's.
    """

    members: int = 1
    guard: bool = True
    max_epochs: int | None = None
    max_seconds: float | None = None
    image_shape: tuple[int, int, int] | None = None
    seed: int = 0
    device: str = "auto"


class TrainingTable(NamedTuple):
    """A table, read for fitting.

    Attributes:
        file: of the table.
        sha256: its hash.
        options: by which it was read.
        columns: how features are made.
        features: (n, A) frame.
        labels: of the target column.
        beside: columns that are no features, by which a reader may identify a row.
        notices: what the user should know.
    """

    file: Path
    sha256: str
    options: TableOptions
    columns: list[FeatureColumn]
    features: Frame
    labels: TargetLabels
    beside: Frame
    notices: list[str]


class TableFit(NamedTuple):
    """A classifier of the rows of a table.

    Attributes:
        model: fitted.
        seconds: that it took.
        notices: the classifier's warnings.
    """

    model: SemiSupervisedGANClassifier
    seconds: float
    notices: list[str]


def read_training_table(file: Path, options: TableOptions) -> TrainingTable:
    """Read a table, its features and its labels.

    Raises:
        ValueError: if a named column is missing, or there is no column to learn from.
        DataError: if the table cannot be read, or a column cannot be used.
    """
    table = read_table(file, text=[options.target, *options.drop])
    names = _feature_names(file, list(table.columns), options)
    target = table[options.target]
    is_text = file.suffix.lower() not in SEPARATORS and any(
        isinstance(value, str) for value in target.tolist()
    )
    texts = label_texts(target, unlabeled=options.unlabeled)
    labels = parse_labels(texts, options.target, is_text=is_text)
    columns = learn_columns(table, names, fill=options.fill)
    features = read_features(table, columns)
    notices = [*suspicious_keys(table, columns), *features.notices]
    if "-1" in labels.counts:
        notices.append("-1 counts as a class; if it marks unlabelled rows, use --unlabeled -1")
    return TrainingTable(
        file=file,
        sha256=file_sha256(file),
        options=options,
        columns=columns,
        features=features.frame,
        labels=labels,
        beside=table[[n for n in table.columns if n not in names and n != options.target]],
        notices=notices,
    )


def fit_table(table: TrainingTable, options: FitOptions) -> TableFit:
    """Fit the classifier.

    Raises:
        ValueError: for arguments that it refuses.
    """
    started = time.monotonic()
    model = SemiSupervisedGANClassifier(
        unlabeled_label=table.labels.marker,
        image_shape=options.image_shape,
        n_estimators=options.members,
        max_epochs=options.max_epochs,
        max_seconds=options.max_seconds,
        guard=options.guard,
        random_state=options.seed,
        device=options.device,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        model.fit(table.features, table.labels.y)
    notices = [str(warning.message) for warning in caught]
    return TableFit(model, time.monotonic() - started, notices)


def _feature_names(file: Path, known: list[str], options: TableOptions) -> list[str]:
    for name in (options.target, *(options.features or ()), *options.drop):
        require_column(name, known, str(file))
    if options.features is not None and options.drop:
        raise ValueError("--features names all columns to learn from, so --drop has no effect")
    for name in (*(options.features or ()), *options.drop):
        if name == options.target:
            raise ValueError(f"{name!r} is the target, it can be neither a feature nor dropped")
    if options.features is not None:
        names = list(dict.fromkeys(options.features))
    else:
        names = [name for name in known if name not in (options.target, *options.drop)]
    if not names:
        raise ValueError(f"{file} has no column to learn from beside {options.target!r}")
    return names
