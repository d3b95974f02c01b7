"""One self-contained HTML file about a model of photographs, pictures first."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.html import (
    Caution,
    Gallery,
    Paragraph,
    Part,
    Section,
    Table,
    Thumbnail,
    plot,
    render,
)
from ..core.images import decode
from ..core.pictures import thumbnail
from ..tabular.findings import INTERVAL, error_in_words
from ..tabular.report import classifier_sections, made_section
from .assessment import DOUBTFUL_LABEL, Confusion, DoubtfulLabel, PhotoAssessment
from .comparison import FOLDS, OURS, Comparison
from .fitting import PhotoFit, PhotoRows, TrainingPhotos
from .prediction import SURE, UNLIKE_MARK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN_CLASSES, SURE_SHOWN, DOUBTFUL_SHOWN = 30, 5, 3
"""Classes with pictures, and pictures of each."""
LABELS_SHOWN, PAIRS_SHOWN, CONFUSIONS_SHOWN, TO_LABEL_SHOWN = 16, 8, 8, 24
CONFUSED_SHOWN = 8
"""Pictures of each confusion."""
SIDE = 160
"""Longer side of a thumbnail, in pixels."""


def photos_page(
    photos: TrainingPhotos,
    fitted: PhotoFit,
    comparison: Comparison | None,
    assessment: PhotoAssessment,
    record: dict[str, Any],
    made: Sequence[Table],
) -> bytes:
    """Return the page, of UTF-8.

    Args:
        photos: what was learned from.
        fitted: the classifier.
        comparison: its error beside that of other methods, if it was measured.
        assessment: what it says of the photographs.
        record: what ``record.json`` says.
        made: where and how it was made, of `convergan.core.environment.environment_rows`.
    """
    sections = [
        Section("", _summary(photos, comparison, record["notices"])),
        Section("What it predicts", _predicted(photos, fitted, assessment)),
        Section("The error, beside other methods", _errors(comparison)),
        Section("Taken for each other", _confusions(photos, comparison, assessment.confusions)),
        Section("Labels that may be wrong", _doubtful(photos.train, assessment.doubtful_labels)),
        Section("The same photograph twice", _duplicates(photos, assessment)),
        Section("Photographs to label next", _to_label(photos, assessment)),
        *classifier_sections(fitted.model.classifier_),
        Section("Labelled photographs", [_counts(photos)]),
        made_section(fitted.model.classifier_, record, made),
    ]
    return render(f"Photographs of {photos.folder.name or photos.folder}", sections)


def error_sentence(comparison: Comparison | None) -> str:
    """Return how often new photographs will be predicted wrongly."""
    if comparison is None:
        return (
            "Nothing can be said about errors: no class has two labelled photographs, so none can "
            "be held out."
        )
    ours = comparison.errors[OURS]
    how = (
        f"measured on {ours.rows:,} test photographs"
        if comparison.on_test
        else f"measured on {ours.rows:,} labelled photographs, held out in up to {FOLDS} folds"
    )
    return error_in_words(*ours, how)


def error_rows(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    """Return a row of text for each method: its name, errors, share, interval."""
    return [
        (
            method,
            f"{one.wrong:,} of {one.rows:,}",
            f"{one.wrong / one.rows:.1%}",
            f"{one.low:.1%} to {one.high:.1%}",
        )
        for method, one in comparison.errors.items()
    ]


ERRORS = ("method", "wrong", "error", "95 % interval")
"""The heads of the columns of `error_rows`."""


def _summary(
    photos: TrainingPhotos, comparison: Comparison | None, notices: Sequence[str]
) -> list[Part]:
    labeled, rows = sum(photos.counts.values()), len(photos.train.rows)
    text = (
        f"{rows:,} photographs, {labeled:,} of them labelled, of {len(photos.counts):,} classes. "
        f"Features by {photos.network.name.partition('[')[0]}."
        + (f" {INTERVAL}" if comparison else "")
    )
    parts: list[Part] = [Paragraph(error_sentence(comparison), lead=True), Paragraph(text)]
    return [*parts, *([Caution(notices)] if notices else [])]


def _errors(comparison: Comparison | None) -> list[Part]:
    if comparison is None:
        return []
    text = "All methods learn from the same labels and the same features."
    if not comparison.on_test:
        text += (
            " Each learns from the labels of the other folds, so from fewer than the model has: "
            "the model itself errs a little less."
        )
    errors = comparison.errors

    def draw(axes: "Axes") -> None:
        for place, (name, one) in enumerate(errors.items()):
            share, colour = one.wrong / one.rows, "C0" if name == OURS else "C7"
            around = [[100 * (share - one.low)], [100 * (one.high - share)]]
            axes.errorbar(100 * share, place, xerr=around, fmt="o", color=colour, capsize=4)
        axes.set_yticks(range(len(errors)), list(errors))
        axes.set(xlabel="wrong, %, with the 95 % interval", xlim=(0, None))
        axes.margins(y=0.2)
        axes.invert_yaxis()

    picture = plot(draw, "errors of all methods with their intervals", legend=False)
    return [Paragraph(text), picture, Table(ERRORS, error_rows(comparison), numbers=(1, 2, 3))]


def _predicted(photos: TrainingPhotos, fitted: PhotoFit, assessment: PhotoAssessment) -> list[Part]:
    """Show the sure and the doubtful of each class, among photographs without a label."""
    table, best = assessment.predictions, assessment.answers.probabilities.max(axis=1)
    predicted = table["prediction"].to_numpy(dtype=object)
    doubt = table["doubt"].to_numpy(dtype=object)
    free = ~photos.train.photos.is_labeled
    if not free.any():
        return [Paragraph("Every photograph has a label, so none is predicted here.")]
    parts: list[Part] = [
        Paragraph(
            "Photographs without a label: the surest of each class, and with an edge doubtful "
            f"ones, whose probability is below {SURE:.0%} or which are unlike the others. All are "
            "in predictions.csv."
        )
    ]
    classes = [str(name) for name in fitted.model.classes_.tolist()]
    for name in classes[:SHOWN_CLASSES]:
        rows = np.flatnonzero(free & (predicted == name))
        order = rows[np.argsort(-best[rows], kind="stable")]
        sure = [n for n in order if not doubt[n]]
        doubtful = [n for n in order if doubt[n]]
        chosen = [(n, False) for n in sure[:SURE_SHOWN]]
        chosen += [(n, True) for n in doubtful[-DOUBTFUL_SHOWN:]]
        shown = [
            _show(photos.train, n, [f"{best[n]:.0%}{_unlike(doubt[n])}"], marked=marked)
            for n, marked in chosen
        ]
        parts.append(Gallery(shown, f"{name}: {len(rows):,}, {len(doubtful):,} of them doubtful"))
    if len(classes) > SHOWN_CLASSES:
        parts.append(Paragraph(f"{len(classes) - SHOWN_CLASSES:,} more classes are not shown."))
    return parts


def _unlike(doubt: str) -> str:
    return ", unlike" if UNLIKE_MARK in doubt else ""


def _doubtful(train: PhotoRows, labels: Sequence[DoubtfulLabel]) -> list[Part]:
    if not labels:
        return []
    text = (
        f"{len(labels):,} labels have a probability below {DOUBTFUL_LABEL:.0%} by a classifier "
        "that did not see them. Some are wrong, some are right and hard: look at them."
    )
    shown = [
        _show(train, one.number, [f"labelled {one.given}", f"rather {one.predicted}?"], marked=True)
        for one in labels[:LABELS_SHOWN]
    ]
    return [Paragraph(text), Gallery(shown)]


def _confusions(
    photos: TrainingPhotos, comparison: Comparison | None, confusions: Sequence[Confusion]
) -> list[Part]:
    if comparison is None or not confusions:
        return []
    part = photos.test if comparison.on_test else photos.train
    more = len(confusions) - CONFUSIONS_SHOWN
    parts: list[Part] = [
        Paragraph(
            "Held-out photographs that are predicted wrongly, the most frequent kinds first."
            + (f" {more:,} rarer kinds are not shown." if more > 0 else "")
        )
    ]
    for one in confusions[:CONFUSIONS_SHOWN]:
        name = f"{one.given}, taken for {one.predicted}: {len(one.numbers):,}"
        parts.append(Gallery([_show(part, n, []) for n in one.numbers[:CONFUSED_SHOWN]], name))
    return parts


def _duplicates(photos: TrainingPhotos, assessment: PhotoAssessment) -> list[Part]:
    pairs = assessment.duplicates
    if not pairs:
        return []
    across = sum(pair.on_test for pair in pairs)
    texts = []
    if across:
        texts.append(
            f"{across:,} test photographs look like a labelled one, which lowers the error."
        )
    if len(pairs) > across:
        texts.append(f"{len(pairs) - across:,} pairs look the same and have different labels.")
    parts: list[Part] = [Paragraph(" ".join(texts))]
    for pair in pairs[:PAIRS_SHOWN]:
        other = photos.test if pair.on_test else photos.train
        kind = "test: " if pair.on_test else ""
        parts.append(
            Gallery(
                [
                    _show(photos.train, pair.first, [str(photos.train.photos.labels[pair.first])]),
                    _show(other, pair.second, [f"{kind}{other.photos.labels[pair.second]}"]),
                ]
            )
        )
    return parts


def _to_label(photos: TrainingPhotos, assessment: PhotoAssessment) -> list[Part]:
    chosen = assessment.to_label
    if not chosen:
        return []
    table = assessment.predictions
    shown = [
        _show(
            photos.train,
            n,
            [f"{table['prediction'].iat[n]}, {table['probability'].iat[n]:.0%}?"],
        )
        for n in chosen[:TO_LABEL_SHOWN]
    ]
    text = (
        "Uncertain photographs that represent other uncertain ones, most useful first; "
        f"to_label.csv has {len(chosen):,}. To label them in the browser: "
        f"convergan label {photos.folder}"
    )
    return [Paragraph(text), Gallery(shown)]


def _counts(photos: TrainingPhotos) -> Table:
    rows = [(name, f"{count:,}") for name, count in photos.counts.items()]
    rows.append(("no label", f"{len(photos.train.rows) - sum(photos.counts.values()):,}"))
    return Table(("class", "photographs"), rows, numbers=(1,))


def _show(part: PhotoRows, number: int, lines: Iterable[str], *, marked: bool = False) -> Thumbnail:
    """Return a photograph with its name below; one that cannot be read any more is a grey field."""
    name = part.photos.files.name(int(number))
    try:
        pixels = decode(part.photos.files.read(int(number)), None, least_side=SIDE).pixels
    except Exception:  # Pillow raises half a dozen kinds; the file may be gone as well
        pixels = np.full((SIDE, SIDE), 128, dtype=np.uint8)
    return Thumbnail(thumbnail(pixels, SIDE), name, [*lines, Path(name).name], marked)
