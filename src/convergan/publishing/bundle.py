"""What is pushed of a folder: the files that its model needs, and none that shows the user's rows.

A run gives its settings, results and newest checkpoint, so that ``sample``, ``score`` and
``report`` work on what is pulled; a model of a table or of photographs what ``predict`` reads, and
its record. Labels, predictions, rows to label next and pages stay; so do names of folders.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from ..core.environment import FILE as ENVIRONMENT
from ..core.files import canonical_sha256, new_folder, parse_json, read_fields, read_json
from ..data import DataError
from ..photos.classifier import ImageClassifier
from ..photos.model_folder import is_photo_model, read_photo_model
from ..runs.folder import is_locked
from ..runs.reading import read_config
from ..tabular import read_model, require_new
from ..tabular.model_folder import RECORD
from ..training import checkpoint
from .contents import kept_of_rows
from .manifest import CARD, NAME, PHOTOGRAPHS, RUN, TABLE, Content, Manifest
from .paths import command_without_folders, last_name, without_folders

FIGURES = ("result.json", "baselines.json", "twin/result.json", "metrics.jsonl", "probe.json")
"""Of a run, as they are."""
NOTICES = "notices"
"""Of a record; they may show cells of the table or names of files."""
USERS_FILE = re.compile(r"(?P<file>.+?\.(?:py|pt2?))(?:[:@].*)?")
"""What a recipe or an extractor is called that is in a file of the user's."""


@dataclass(frozen=True)
class Bundle:
    """The files of a model.

    Attributes:
        kind: of model, one of `convergan.publishing.manifest.WORDS`.
        files: by the names that they have in a repository.
        kept: what they keep of the training rows, a sentence each.
        code: files of the user's that the model needs and that are not pushed.
        notes: what else whoever pushes or pulls it should know, a sentence each.
    """

    kind: str
    files: Mapping[str, Content]
    kept: tuple[str, ...]
    code: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def read(self, name: str) -> Any:
        """Return what one of the files of JSON says, nothing where it is not there.

        Args:
            name: of the file.

        Raises:
            DamagedFileError: if it is no JSON.
        """
        content = self.files.get(name)
        if content is None:
            return {}
        return parse_json(content, name) if isinstance(content, bytes) else read_json(content)


def collect(folder: Path) -> Bundle:
    """Return what is pushed of a folder.

    Args:
        folder: of a run, or of a model of a table or of photographs.

    Raises:
        DataError: if it is none of these, or is damaged.
        ValueError: if it is a run that somebody trains at the moment.
    """
    if (folder / "config.json").is_file():
        return _run(folder)
    if folder.is_dir() and is_photo_model(folder):
        return _photo_model(folder)
    if (folder / "table.json").is_file():
        return _table_model(folder)
    raise DataError(
        f"{folder} is no model: name the folder of a run (convergan train) or of a model "
        "(convergan fit)"
    )


def write_bundle(folder: Path, bundle: Bundle, manifest: Manifest, card: str) -> None:
    """Write what a repository would hold to a new folder, wholly or not at all.

    Args:
        folder: that is made.
        bundle: the files.
        manifest: of them.
        card: text of the model card.

    Raises:
        ValueError: if the folder is there already.
    """
    require_new(folder)
    extra: dict[str, Content] = {NAME: manifest.as_bytes(), CARD: card.encode()}
    with new_folder(folder) as temporary:
        for name, content in {**bundle.files, **extra}.items():
            file = temporary / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                file.write_bytes(content)
            else:
                shutil.copyfile(content, file)


def _run(folder: Path) -> Bundle:
    config = read_config(folder)
    if is_locked(folder):
        raise ValueError(f"{folder} is being trained; push it once that has ended")
    found = checkpoint.read_newest(folder / "checkpoints", config_sha256=config["sha256"])
    written = read_fields(folder / "config.json")
    parts = {part: without_folders(written[part]) for part in ("recipe", "settings")}
    files: dict[str, Content] = {"config.json": _as_json(written | parts)}
    files |= {name: folder / name for name in FIGURES if (folder / name).is_file()}
    files |= _environment(folder)
    for file in sorted(found.folder.iterdir()):
        files[file.relative_to(folder).as_posix()] = file
    pictures = sorted((folder / "samples").glob("*.png"))
    shows_rows = bool(written["recipe"].get("descriptor"))  # then they are training images
    if pictures and not shows_rows:
        files[f"samples/{pictures[-1].name}"] = pictures[-1]
    code = _code(config["settings"]["recipe"])
    notes = () if "result.json" in files else (_unfinished(found.step, config),)
    return Bundle(RUN, files, (_kept_in(found.folder, code),), code, notes)


def _unfinished(step: int, config: Mapping[str, Any]) -> str:
    """Return what is to be known of a run that was stopped, or of which a part was copied."""
    steps = config["settings"]["steps"]
    return (
        "This run is unfinished: it has no result yet, only a checkpoint after "
        f"{step:,} of {steps:,} steps."
    )


def _kept_in(folder: Path, code: tuple[str, ...]) -> str:
    """Return what a checkpoint keeps of training rows."""
    with safe_open(folder / "tensors.safetensors", framework="numpy") as tensors:
        held = [
            tensors.get_slice(name).get_shape()[0]
            for name in tensors.keys()
            if name.startswith("discriminator.network.") and "reference_batch_" in name
        ]
    if held:
        return (
            f"It holds the {max(held):,} rows of the discriminator's reference batch as they are."
        )
    weights = "It holds weights that were learned from the training rows, and none of the rows"
    return f"{weights}{' but what networks of your own keep in buffers' * bool(code)}."


def _table_model(folder: Path) -> Bundle:
    model = read_model(folder)
    table = read_fields(folder / "table.json")
    table["columns"] = [
        column | {"extractor": last_name(column.get("extractor", ""))}
        for column in table["columns"]
    ]
    table["sha256"] = canonical_sha256({k: v for k, v in table.items() if k != "sha256"})
    files: dict[str, Content] = {
        "model.json": folder / "model.json",
        "arrays.safetensors": folder / "arrays.safetensors",
        "table.json": _as_json(table),
        **_record(folder),
        **_environment(folder),
    }
    kept = kept_of_rows(model.classifier)
    levels = sum(len(column.categories) for column in model.columns)
    kept.append(
        f"It holds the names of the columns"
        f"{f' and the {levels:,} different texts of columns of categories' * bool(levels)}."
    )
    code = [name for column in model.columns for name in _code(column.extractor)]
    return Bundle(TABLE, files, tuple(kept), tuple(dict.fromkeys(code)))


def _photo_model(folder: Path) -> Bundle:
    model = read_photo_model(folder)
    files: dict[str, Content] = {
        "model.zip": _archive(folder, model),
        **_record(folder),
        **_environment(folder),
    }
    kept = kept_of_rows(model.classifier_)
    if model.learned_from_:
        kept.append(
            f"It holds hashes of the {len(model.learned_from_):,} photographs with a label, by "
            "which these are told again."
        )
    return Bundle(PHOTOGRAPHS, files, tuple(kept), _code(model.extractor_))


def _archive(folder: Path, model: ImageClassifier) -> Content:
    """Return the file of a model of photographs, without the folder of a network's file."""
    name = last_name(model.extractor_)
    if name == model.extractor_:
        return folder / "model.zip"
    model.extractor_ = name
    with tempfile.TemporaryDirectory() as place:
        model.save(Path(place) / "model.zip")
        return (Path(place) / "model.zip").read_bytes()


def _record(folder: Path) -> dict[str, Content]:
    if not (folder / RECORD).is_file():
        return {}
    record = read_fields(folder / RECORD)
    record.pop(NOTICES, None)
    places = {
        name: last_name(record[name]) for name in ("table", "folder", "extractor") if name in record
    }
    return {RECORD: _as_json(record | places)}


def _environment(folder: Path) -> dict[str, Content]:
    if not (folder / ENVIRONMENT).is_file():
        return {}
    found = read_fields(folder / ENVIRONMENT)
    return {ENVIRONMENT: _as_json(found | {"command": command_without_folders(found["command"])})}


def _code(text: str) -> tuple[str, ...]:
    """Return the file of the user's that a recipe or an extractor is in, if it is in one."""
    found = USERS_FILE.fullmatch(last_name(text))
    return (found["file"],) if found else ()


def _as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
