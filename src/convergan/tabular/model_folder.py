"""A model of a table is a folder: the classifier, how columns become features, what was seen.

``model.json`` and ``arrays.safetensors`` are those of `SemiSupervisedGANClassifier.save`, which
`SemiSupervisedGANClassifier.load` reads. ``table.json`` says how to read a table; ``record.json``
what was fitted to, with what and how well; ``to_label.csv`` which rows to label next; and
``report.html`` shows it. The folder appears under its name once it is complete.
"""

import json
import platform
import secrets
import shutil
from dataclasses import asdict
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..core.files import canonical_sha256, replace_file, sync_folder, write_json
from ..core.version import __version__
from ..data import DataError
from ..estimator import SemiSupervisedGANClassifier
from .columns import Column
from .fitting import Effort, Fitted, Opened
from .judging import Judged
from .reading import file_sha256, write_table
from .report import model_page

FORMAT = 1
TABLE, RECORD, REPORT, TO_LABEL = "table.json", "record.json", "report.html", "to_label.csv"
MODEL = "model.json"
LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "torch")


class Model(NamedTuple):
    """A model of a table, as it is read.

    Attributes:
        classifier: fitted.
        columns: how features are made.
        target: name of the column of labels.
        kind: of labels, see `convergan.tabular.target.Labels`.
        unlabeled: spelling of labels that count as empty, or None.
        table_sha256: hash of the file that was fitted to.
    """

    classifier: SemiSupervisedGANClassifier
    columns: list[Column]
    target: str
    kind: str
    unlabeled: str | None
    table_sha256: str


def require_new(folder: Path) -> None:
    """Refuse a folder that is there.

    Raises:
        ValueError: if it is.
    """
    if folder.exists():
        raise ValueError(f"{folder} exists; a model is written to a new folder, choose another")


def write_model(
    folder: Path, opened: Opened, fitted: Fitted, judged: Judged, effort: Effort
) -> None:
    """Write a model's folder, in one piece or not at all.

    Raises:
        ValueError: if the folder is there already.
    """
    require_new(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".tmp-{folder.name}-{secrets.token_hex(4)}")
    record = _record(opened, fitted, effort)
    try:
        fitted.model.save(temporary)
        write_json(temporary / TABLE, _described(opened, temporary))
        write_json(temporary / RECORD, record)
        write_table(temporary / TO_LABEL, judged.to_label)
        replace_file(temporary / REPORT, model_page(opened, fitted, judged, record))
        temporary.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_model(folder: Path) -> Model:
    """Read what `write_model` wrote; runs no code from the folder.

    Raises:
        ValueError: if the folder is no model.
        DataError: if it is damaged, or of another version.
    """
    if not (folder / TABLE).is_file() or not (folder / MODEL).is_file():
        raise ValueError(f"{folder} is no folder of a model that convergan fit has written")
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


def _restore(classifier: SemiSupervisedGANClassifier, found: dict[str, Any]) -> Model:
    columns = [
        Column(
            name=column["name"],
            kind=column["kind"],
            width=column["width"],
            categories=tuple(column["categories"]),
            means=tuple(column["means"]),
        )
        for column in found["columns"]
    ]
    return Model(
        classifier=classifier,
        columns=columns,
        target=found["target"],
        kind=found["labels"],
        unlabeled=found["unlabeled"],
        table_sha256=found["table_sha256"],
    )


def _described(opened: Opened, folder: Path) -> dict[str, Any]:
    described = {
        "format": FORMAT,
        "version": __version__,
        "columns": [asdict(column) for column in opened.columns],
        "missing": "mean" if opened.choices.fill else "refuse",
        "target": opened.choices.target,
        "labels": opened.labels.kind,
        "unlabeled": opened.choices.unlabeled,
        "table_sha256": opened.sha256,
        "model_sha256": file_sha256(folder / MODEL),
    }
    plain: dict[str, Any] = json.loads(json.dumps(described))
    return plain | {"sha256": canonical_sha256(plain)}


def _record(opened: Opened, fitted: Fitted, effort: Effort) -> dict[str, Any]:
    model = fitted.model
    return {
        "table": str(opened.file),
        "table_sha256": opened.sha256,
        "target": opened.choices.target,
        "rows": len(opened.features),
        "features": opened.features.shape[1],
        "labelled": opened.labels.counts,
        "arguments": asdict(effort),
        "seed": model.seed_,
        "device": model.device_,
        "steps": model.n_steps_,
        "seconds": round(fitted.seconds, 3),
        "selected": model.selected_,
        "guard": model.guard_report_._asdict(),
        "temperature": model.temperature_,
        "risk_table": model.risk_table_._asdict() if model.risk_table_ else None,
        "diagnostics": model.diagnostics_,
        "last_losses": [history[-1] for history in model.history_ if history],
        "notices": [*opened.notices, *fitted.notices],
        "versions": {
            "convergan": __version__,
            "python": platform.python_version(),
            **{name: version_of(name) for name in LIBRARIES},
            "cuda": torch.version.cuda,
        },
    }
