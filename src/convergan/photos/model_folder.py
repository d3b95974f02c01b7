"""What a fit leaves: a folder, which appears under its name once it is complete.

================================  =================================================================
``model.zip``                     the classifier, as `ImageClassifier.save` writes it
``predictions.csv``               what it says of each photograph of the folder
``to_label.csv``                  photographs to label next
``left_out.csv``                  those that cannot be read, and why; only if there are some
``record.json``                   folder, arguments, versions and results of the fit
``report.html``                   all of it, for people
``environment.json``              where a command has fitted it: command, date, machine, versions
================================  =================================================================
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.environment import environment_rows, note_environment
from ..core.files import new_folder, replace_file, write_csv, write_json
from ..data import DataError
from ..tabular.fitting import FitOptions
from ..tabular.model_folder import classifier_record, require_new
from ..tabular.reading import write_table
from .assessment import PhotoAssessment
from .classifier import ImageClassifier
from .comparison import Comparison
from .fitting import PhotoFit, TrainingPhotos
from .report import photos_page

MODEL, PREDICTIONS, TO_LABEL = "model.zip", "predictions.csv", "to_label.csv"
LEFT_OUT, RECORD, REPORT = "left_out.csv", "record.json", "report.html"


def write_photo_model(
    folder: Path,
    photos: TrainingPhotos,
    fitted: PhotoFit,
    comparison: Comparison | None,
    assessment: PhotoAssessment,
    options: FitOptions,
    words: Sequence[str] = (),
) -> None:
    """Write a model's folder, wholly or not at all, and then its page.

    A page that cannot be drawn costs no model.

    Args:
        folder: a path where nothing is yet.
        photos: what was learned from.
        fitted: the classifier.
        comparison: its error beside that of other methods, if it was measured.
        assessment: what it says of the photographs, see `assess_photos`.
        options: that it was fitted with.
        words: of the command line, the program's name first.

    Raises:
        ValueError: if the folder is there already.
    """
    require_new(folder)
    record = _record(photos, fitted, comparison, options)
    table = assessment.predictions
    with new_folder(folder) as temporary:
        temporary.mkdir()
        fitted.model.save(temporary / MODEL)
        write_table(temporary / PREDICTIONS, table)
        columns = ["file", "prediction", "probability"]
        write_table(temporary / TO_LABEL, table.iloc[assessment.to_label][columns])
        if photos.left_out:
            write_csv(temporary / LEFT_OUT, [("file", "reason"), *photos.left_out])
        write_json(temporary / RECORD, record)
    if words:
        note_environment(folder, words)
    made = environment_rows(folder)
    replace_file(folder / REPORT, photos_page(photos, fitted, comparison, assessment, record, made))


def is_photo_model(path: Path) -> bool:
    """Return whether a path is a model of photographs: the folder of a fit, or its one file."""
    return (path / MODEL).is_file() or (path.is_file() and path.suffix == ".zip")


def read_photo_model(path: Path, *, device: str = "cpu") -> ImageClassifier:
    """Read a model from its folder or its file; runs no code from there.

    Raises:
        DataError: if there is none, or it is damaged, or of another version.
    """
    if not is_photo_model(path):
        raise DataError(f"{path} is no model of photographs: convergan fit writes one")
    model = ImageClassifier.load(path / MODEL if path.is_dir() else path)
    model.device = device
    return model


def _record(
    photos: TrainingPhotos,
    fitted: PhotoFit,
    comparison: Comparison | None,
    options: FitOptions,
) -> dict[str, Any]:
    arguments = {name: value for name, value in asdict(options).items() if name != "image_shape"}
    return {
        "folder": str(photos.folder),
        "photographs": len(photos.train.rows),
        "test_photographs": len(photos.test.rows),
        "left_out": len(photos.left_out),
        "labelled": photos.counts,
        "extractor": photos.network.spec,
        "features": photos.network.name,
        "seconds_of_features": round(photos.seconds, 3),
        "arguments": arguments,
        "comparison": None
        if comparison is None
        else {
            "on": "test" if comparison.on_test else "folds",
            "errors": [
                {"method": method, **one._asdict()} for method, one in comparison.errors.items()
            ],
        },
        "seconds": round(fitted.seconds, 3),
        "notices": [*photos.notices, *fitted.notices],
        **classifier_record(fitted.model.classifier_),
    }
