"""What fit and predict do with folders of photographs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from .console import errors, print_aside, print_line, print_table, write_values
from .options import JsonFile, Quiet, show_notes
from .progress import reporting
from .results import show_error, show_opinions, write_predictions

if TYPE_CHECKING:
    from ..photos.comparison import Comparison
    from ..photos.fitting import PhotoFit, PhotoOptions, TrainingPhotos
    from ..photos.prediction import PhotoPredictions
    from ..tabular import FitOptions


LISTED = 5
"""Photographs up to which each prediction is printed."""


def fit_photographs(
    folder: Path, out: Path, options: "PhotoOptions", fit_options: "FitOptions", *, compared: bool
) -> None:
    """Fit a classifier to a folder of photographs and show what came out."""
    from ..core.signals import stopping
    from ..photos.assessment import assess_photos
    from ..photos.comparison import compare
    from ..photos.fitting import fit_photos, read_training_photos
    from ..photos.model_folder import write_photo_model

    with stopping("while fitting; features so far are kept, no model was written"):
        with reporting() as report:
            photos = read_training_photos(folder, options, report)
        show_photos(photos)
        with errors.status(escape("fitting")):
            fitted = fit_photos(photos, fit_options, options.device)
        with reporting() as report:
            comparison = compare(photos, fitted, fit_options, report) if compared else None
        with errors.status(escape("writing")):
            assessment = assess_photos(photos, fitted, comparison)
            write_photo_model(out, photos, fitted, comparison, assessment, fit_options, sys.argv)
    show_fit(fitted, comparison, out)


def predict_photographs(
    model: Path,
    path: Path,
    out: Path | None,
    *,
    all_classes: bool,
    reject_below: float,
    sort_folder: Path | None,
    copy: bool,
    follow_links: bool,
    json: Path | None,
) -> None:
    """Predict a folder of photographs; write a table, and perhaps folders of classes."""
    from ..photos.model_folder import read_photo_model
    from ..photos.prediction import predict_photos
    from ..photos.sorting import folder_names, require_empty, sort_into
    from ..tabular import require_suffix, write_table

    file = out or Path(f"{path.stem or path.resolve().name}-predicted.csv")
    require_suffix(file)
    if sort_folder is not None:
        require_empty(sort_folder)
    classifier = read_photo_model(model)
    with reporting() as report:
        found = predict_photos(
            classifier,
            path,
            all_classes=all_classes,
            reject_below=reject_below,
            follow_links=follow_links,
            report=report,
        )
    write_table(file, found.table)
    show_predictions(found)
    print_line(f"predictions: {file}")
    if sort_folder is not None:
        files = found.photos.files
        names = [files.name(n) for n in range(len(files))]
        done = sort_into(sort_folder, files.files, names, found.predicted.tolist(), copy=copy)
        shown = ", ".join(f"{count:,} {how}" for how, count in sorted(done.items()))
        print_line(f"sorted into {sort_folder}: {shown}")
        for label, place in folder_names(sorted(set(found.predicted.tolist()))).items():
            if label and place != label:
                print_line(f"note: the folder of {label} is called {place}")
    write_predictions(json, file, found, {"doubts": found.doubts})


def example(
    folder: Annotated[Path, typer.Argument(help="New folder.")],
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Write a folder of pictures to try fit with.

    They are scikit-learn's 1,797 handwritten digits as PNG files of many sizes, five of each
    labelled, 500 to test on. Nothing is downloaded. For example:

    convergan example digits/

    convergan fit digits/ --extractor pixels --out digits-model
    """
    from ..photos.example import write_example

    counts = write_example(folder)
    shown = ", ".join(f"{count:,} in {name}/" for name, count in sorted(counts.items()))
    print_line(f"{folder}: {shown}")
    print_aside(f"next: convergan fit {folder} --extractor pixels --out {folder.name}-model")
    write_values(json, {"folder": str(folder), "photographs": counts})


def show_photos(photos: "TrainingPhotos") -> None:
    """Print what was read, so that the user notices a wrong folder before the fit."""
    counts = photos.counts
    shown = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:10])
    more = ", ..." if len(counts) > 10 else ""
    tested = f", {len(photos.test.rows):,} to test on" if len(photos.test.rows) else ""
    print_line(
        f"{len(photos.train.rows):,} photographs, {sum(counts.values()):,} labelled: "
        f"{shown}{more}{tested}"
    )
    print_line(f"features: {photos.network.name}, in {photos.seconds:,.1f} seconds")
    show_notes(photos.notices)


def show_fit(fitted: "PhotoFit", comparison: "Comparison | None", folder: Path) -> None:
    """Print the error beside that of other methods, what opinions count, and where the rest is."""
    from ..photos.report import ERRORS, error_rows, error_sentence
    from ..tabular.findings import held_out_error

    show_notes(fitted.notices)
    show_opinions(fitted.model.classifier_)
    if comparison is not None:
        print_table(ERRORS, error_rows(comparison))
        print_line(error_sentence(comparison))
    else:
        print_line(held_out_error(fitted.model.classifier_.risk_table_))
    print_line(f"fitted in {fitted.seconds:,.1f} seconds")
    print_line(f"model: {folder}")
    print_line(f"predictions: {folder / 'predictions.csv'}")
    print_line(f"report: {folder / 'report.html'}")


def show_predictions(found: "PhotoPredictions") -> None:
    """Print how often each class is predicted, the doubts, and the error where labels are known."""
    if len(found.table) <= LISTED:
        for name, predicted, probability, doubt in zip(
            *(found.table[c] for c in ("file", "prediction", "probability", "doubt")), strict=True
        ):
            answer = f"{predicted}, {probability:.1%}" if isinstance(predicted, str) else "none"
            print_line(f"{name}: {answer}{', ' if doubt else ''}{doubt}")
    counts = [(name, f"{count:,}") for name, count in found.counts.items()]
    if none := int((found.predicted == "").sum()):
        counts.append(("none", f"{none:,}"))
    print_table(("prediction", "photographs"), counts)
    doubts = ", ".join(f"{count:,} {mark}" for mark, count in found.doubts.items() if count)
    if doubts:
        print_line(f"to look at: {doubts}")
    show_error(found.error, "photographs")
    show_notes(found.notices)
