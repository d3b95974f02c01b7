"""A model of a table is a folder, which appears under its name once it is complete.

================================  =================================================================
``model.json``                    the classifier, as `SemiSupervisedGANClassifier.save` writes it
``arrays.safetensors``            its arrays
``table.json``                    how columns become features, and the target labels
``record.json``                   table, arguments, versions and results of the fit
``to_label.csv``                  rows to label next
``report.html``                   all of it, for people
``environment.json``              where a command has fitted it: command, date, machine, versions
================================  =================================================================
"""

import json
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..core.environment import environment_rows, note_environment
from ..core.files import canonical_sha256, new_folder, replace_file, write_json
from ..core.version import __version__
from ..data import DataError
from ..estimator import SemiSupervisedGANClassifier
from .assessment import RowAssessment
from .columns import FeatureColumn
from .fitting import FitOptions, TableFit, TrainingTable
from .reading import file_sha256, write_table
from .report import model_page

FORMAT = 1
TABLE, RECORD, REPORT, TO_LABEL = "table.json", "record.json", "report.html", "to_label.csv"
MODEL = "model.json"
LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "torch")


class TableModel(NamedTuple):
    """A classifier with what it takes to read a table for it.

    Attributes:
        classifier: fitted.
        columns: how features are made.
        target: name of the column of labels.
        kind: of labels, see `convergan.tabular.target.TargetLabels`.
        unlabeled: a label that counts as none, or None.
        table_sha256: hash of the file that was fitted to.
        point: what integer labels end in as they were written, such as ``.0``; else nothing.
    """

    classifier: SemiSupervisedGANClassifier
    columns: list[FeatureColumn]
    target: str
    kind: str
    unlabeled: str | None
    table_sha256: str
    point: str = ""


def require_new(folder: Path) -> None:
    """Refuse a folder that exists, or that cannot be made.

    Args:
        folder: where a model is to be written.

    Raises:
        ValueError: if it exists.
        OSError: if nothing can be written at its place.
    """
    if folder.exists():
        raise ValueError(f"{folder} exists; a model is written to a new folder, choose another")
    place = next(parent for parent in folder.absolute().parents if parent.exists())
    try:
        tempfile.TemporaryDirectory(dir=place).cleanup()
    except OSError as error:
        raise OSError(f"{folder} cannot be made: {place}: {error.strerror}") from None


def write_model(
    folder: Path,
    table: TrainingTable,
    fitted: TableFit,
    assessment: RowAssessment,
    options: FitOptions,
    words: Sequence[str] = (),
) -> None:
    """Write a model's folder, wholly or not at all, and then its page.

    A page that cannot be drawn costs no model.

    Args:
        folder: a path where nothing is yet.
        table: what was learned from.
        fitted: the classifier.
        assessment: what it says of the rows, see `assess_rows`.
        options: that it was fitted with.
        words: of the command line, the program's name first.

    Raises:
        ValueError: if the folder is there already.
    """
    require_new(folder)
    record = _record(table, fitted, options)
    with new_folder(folder) as temporary:
        fitted.model.save(temporary)
        write_json(temporary / TABLE, _table_json(table, temporary))
        write_json(temporary / RECORD, record)
        write_table(temporary / TO_LABEL, assessment.to_label)
    if words:
        note_environment(folder, words)
    made = environment_rows(folder)
    replace_file(folder / REPORT, model_page(table, fitted, assessment, record, made))


def read_model(folder: Path) -> TableModel:
    """Read what `write_model` wrote; runs no code from the folder.

    Args:
        folder: that `write_model` made.

    Raises:
        DataError: if the folder holds no model, or it is damaged, or of another version.
    """
    if not (folder / TABLE).is_file() or not (folder / MODEL).is_file():
        raise DataError(f"{folder} is not a model folder: convergan fit writes one")
    try:
        found = _parse(folder / TABLE)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(
                f"{folder / TABLE} is of another version of convergan: format {FORMAT} is read here"
            )
        if found.pop("sha256", None) != canonical_sha256(found):
            raise ValueError(f"{folder / TABLE} is damaged: its hash is another")
        if found["model_sha256"] != file_sha256(folder / MODEL):
            raise ValueError(f"{folder / MODEL} is damaged, or another model's")
        return _restore(SemiSupervisedGANClassifier.load(folder), found)
    except (KeyError, TypeError) as error:
        raise DataError(f"{folder / TABLE} is damaged: {error!r}") from None
    except ValueError as error:
        raise DataError(str(error)) from None


def _parse(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file} is damaged: {error}") from None


def _restore(classifier: SemiSupervisedGANClassifier, found: dict[str, Any]) -> TableModel:
    columns = [
        FeatureColumn(
            name=column["name"],
            kind=column["kind"],
            width=column["width"],
            categories=tuple(column["categories"]),
            means=tuple(column["means"]),
            sign=column.get("sign", ""),  # which 0.8 did not write
            gaps=column.get("gaps", False),  # which 0.11 did not write
            extractor=column.get("extractor", ""),  # which 0.12 did not write
            network=column.get("network", ""),
        )
        for column in found["columns"]
    ]
    return TableModel(
        classifier=classifier,
        columns=columns,
        target=found["target"],
        kind=found["labels"],
        unlabeled=found["unlabeled"],
        table_sha256=found["table_sha256"],
        point=found.get("point", ""),  # which 0.8 did not write
    )


def _table_json(table: TrainingTable, folder: Path) -> dict[str, Any]:
    described: dict[str, Any] = {
        "format": FORMAT,
        "version": __version__,
        "columns": [asdict(column) for column in table.columns],
        "missing": table.options.missing,
        "target": table.options.target,
        "labels": table.labels.kind,
        "unlabeled": table.options.unlabeled,
        "point": table.labels.point,
        "table_sha256": table.sha256,
        "model_sha256": file_sha256(folder / MODEL),
    }
    return described | {"sha256": canonical_sha256(described)}


def classifier_record(model: SemiSupervisedGANClassifier) -> dict[str, Any]:
    """Return what any record says of a fitted classifier, and by what it was fitted."""
    shares = model.class_shares_
    return {
        "seed": model.seed_,
        "device": model.device_,
        "steps": model.n_steps_,
        "opinions": [opinion._asdict() for opinion in model.opinions_],
        "class_shares": {
            "shares": shares.shares.tolist(),
            "deviation": shares.deviation.tolist(),
            "source": shares.source,
        },
        "risk_table": model.risk_table_._asdict() if model.risk_table_ else None,
        "diagnostics": model.diagnostics_,
        "last_losses": [history[-1] for history in model.history_ if history],
        "versions": {
            "convergan": __version__,
            "python": platform.python_version(),
            **{name: version_of(name) for name in LIBRARIES},
            "cuda": torch.version.cuda,
        },
    }


def _record(table: TrainingTable, fitted: TableFit, options: FitOptions) -> dict[str, Any]:
    return {
        "table": str(table.file),
        "table_sha256": table.sha256,
        "target": table.options.target,
        "rows": len(table.features),
        "features": table.features.shape[1],
        "labelled": table.labels.counts,
        "arguments": asdict(options),
        "seconds": round(fitted.seconds, 3),
        "notices": [*table.notices, *fitted.notices],
        **classifier_record(fitted.model),
    }
