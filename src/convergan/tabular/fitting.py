"""From a table with few labels to a fitted classifier."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ..data import DataError
from ..embedding import find_text_network
from ..embedding.text_networks import MINILM
from ..estimator import SemiSupervisedGANClassifier
from .columns import (
    MEDIAN,
    FeatureColumn,
    doubtful_categories,
    learn_columns,
    read_features,
    suspicious_keys,
)
from .reading import FOUND_OUT, Frame, Table, TableFormat, file_sha256, read_table
from .target import TargetLabels, doubtful_labels, label_texts, parse_labels
from .text_columns import Report, embed_column


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """How to read a table.

    Attributes:
        target: column of labels.
        features: columns to learn from; None for all but the target and those of ``drop``.
        drop: columns not to learn from.
        texts: columns of texts, whose features a network makes; then ``features`` are none unless
            they are named.
        extractor: that network, see `convergan.embedding.text_networks`.
        missing: what becomes of missing values of features, see
            `convergan.tabular.columns.learn_columns`.
        unlabeled: a label that counts as none, beside empty cells; or None.
        form: separator, encoding and decimal mark of text, where they are known.
    """

    target: str
    features: Sequence[str] | None = None
    drop: Sequence[str] = ()
    texts: Sequence[str] = ()
    extractor: str = MINILM
    missing: str = MEDIAN
    unlabeled: str | None = None
    form: TableFormat = FOUND_OUT


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How to fit: arguments of `SemiSupervisedGANClassifier`.

    Attributes:
        members: its ``n_estimators``.
        class_prior: shares of the classes that predictions are made for.
        game: whether its network also learns from generated rows.
        max_epochs: passes over all rows, or None.
        max_seconds: limit of all trainings, or None.
        image_shape: (C, H, W) where a row is an image, or None.
        seed: its ``random_state``.
        device: ``auto``, ``cpu``, ``cuda`` or another name of torch's.
    """

    members: int = 1
    class_prior: str = "auto"
    game: bool = True
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
        alike: whether all features are of one kind and unit, as those of one text are.
        columns: how features are made.
        features: (n, A) frame.
        labels: of the target column.
        beside: columns that are no features, by which a reader may identify a row.
        notices: what the user should know.
    """

    file: Path
    sha256: str
    options: TableOptions
    alike: bool
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


def read_training_table(
    file: Path, options: TableOptions, report: Report | None = None
) -> TrainingTable:
    """Read a table, its features and its labels.

    Args:
        file: of the table.
        options: how it is read.
        report: is called with the progress of the features of texts.

    Raises:
        ValueError: if a named column is missing, or there is no column to learn from.
        DataError: if the table cannot be read, or a column cannot be used.
    """
    network = find_text_network(options.extractor) if options.texts else None
    table = read_table(file, options.form)
    target, names, text_names = _chosen_columns(table, options)
    cells = table.stored([target])[target]
    texts = label_texts(cells, target, unlabeled=options.unlabeled)
    is_text = table.typed and any(isinstance(value, str) for value in cells.tolist())
    labels = parse_labels(texts, target, is_text=is_text)
    values = table.values(names)
    for name in text_names:
        assert network is not None
        cells = table.stored([name])[name]
        values.frame[name] = embed_column(cells, name, network, report)
    columns = [
        replace(column, extractor=network.spec, network=network.name)
        if network and column.name in text_names
        else column
        for column in learn_columns(
            values.frame, [*names, *text_names], missing=options.missing, signs=values.signs
        )
    ]
    features = read_features(values.frame, columns, values.signs)
    notices = [
        *(*table.notices, *values.notices, *doubtful_labels(cells, is_text=is_text)),
        *suspicious_keys(values.frame, columns),
        *doubtful_categories(columns),
        *features.notices,
    ]
    if "-1" in labels.counts:
        notices.append("-1 counts as a class; if it marks unlabelled rows, use --unlabeled -1")
    if options.features is None and not text_names:
        notices += table.unused_index(names)
    return TrainingTable(
        file=file,
        sha256=file_sha256(file),
        options=replace(options, target=target),
        alike=network is not None and network.alike and len(text_names) == len(columns) == 1,
        columns=columns,
        features=features.frame,
        labels=labels,
        beside=table.stored(
            [*text_names, *(n for n in table.names if n not in (*names, *text_names, target))]
        ),
        notices=notices,
    )


def fit_table(table: TrainingTable, options: FitOptions) -> TableFit:
    """Fit the classifier.

    Args:
        table: the rows to learn from, see `read_training_table`.
        options: of the classifier.

    Raises:
        ValueError: for arguments that it refuses.
        DataError: if a pixel has no value.
    """
    if options.image_shape and (missing := table.features.isna().any(axis=1)).any():
        raise DataError(
            f"{table.file} has an image without all of its pixels in row {missing.argmax()} "
            "(counted from 0); leave it out, or fit with --missing mean"
        )
    started = time.monotonic()
    model = new_classifier(options, table.labels.marker).set_params(alike_columns=table.alike)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        model.fit(table.features, table.labels.y)
    notices = [str(warning.message) for warning in caught]
    return TableFit(model, time.monotonic() - started, notices)


def new_classifier(options: FitOptions, marker: int | str) -> SemiSupervisedGANClassifier:
    """Return a classifier to fit, to labels of which ``marker`` is none."""
    return SemiSupervisedGANClassifier(
        unlabeled_label=marker,
        image_shape=options.image_shape,
        class_prior=options.class_prior,
        n_estimators=options.members,
        max_epochs=options.max_epochs,
        max_seconds=options.max_seconds,
        generated_weight=1.0 if options.game else 0.0,
        random_state=options.seed,
        device=options.device,
    )


def _chosen_columns(table: Table, options: TableOptions) -> tuple[str, list[str], list[str]]:
    """Return the target, the columns to learn from as they are, and those of texts."""
    target = table.find(options.target)
    drop = [table.find(name) for name in options.drop]
    texts = [table.find(name) for name in options.texts]
    features = None if options.features is None else [table.find(n) for n in options.features]
    if texts and features is None:
        features = []
    if features is not None and drop:
        raise ValueError(
            "--features or --text names all columns to learn from: --drop has no effect"
        )
    if target in (*(features or ()), *drop, *texts):
        raise ValueError(f"{target!r} is the target, it can be neither a feature nor dropped")
    if features is not None:
        names = [name for name in dict.fromkeys(features) if name not in texts]
    else:
        names = [name for name in table.names if name not in (target, *drop, *table.index)]
    if not names and not texts:
        raise ValueError(f"{table.file} has no column to learn from beside {target!r}")
    return target, names, list(dict.fromkeys(texts))
