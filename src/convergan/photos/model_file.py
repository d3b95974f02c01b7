"""A model of photographs is one file: a ZIP archive without compression.

================================  =================================================================
``photos.json``                   the network's name, and its hash
``model.json``                    the classifier, as `SemiSupervisedGANClassifier.save` writes it
``arrays.safetensors``            its arrays
================================  =================================================================

The network itself is not in it, but its name with the hash of its weights: another one is refused.
"""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.files import canonical_sha256, replace_file
from ..core.version import __version__
from ..data import DataError
from ..estimator import SemiSupervisedGANClassifier

if TYPE_CHECKING:
    from .classifier import ImageClassifier

FORMAT = 1
PHOTOS = "photos.json"
PARTS = ("model.json", "arrays.safetensors")
PLAIN = ("extractor_", "network_name_", "learned_from_")
"""Attributes that are plain values."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of the archive's parts, so that the same model has the same bytes."""

Model = TypeVar("Model", bound="ImageClassifier")


def save(model: "ImageClassifier", file: Path) -> None:
    """Write a fitted classifier to a new file, wholly or not at all.

    Raises:
        ValueError: if the file is there already.
    """
    if file.exists():
        raise ValueError(f"{file} exists; a model is written to a new file, choose another")
    described: dict[str, Any] = {"format": FORMAT, "version": __version__}
    described |= {name: getattr(model, name) for name in PLAIN}
    described |= {"sha256": canonical_sha256(described)}
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(buffer, "w") as archive:
        folder = Path(place) / "classifier"
        model.classifier_.save(folder)
        parts = {PHOTOS: json.dumps(described, indent=1).encode()}
        parts |= {name: (folder / name).read_bytes() for name in PARTS}
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, buffer.getvalue())


def load(kind: type[Model], file: Path) -> Model:
    """Read what `save` wrote.

    Raises:
        DataError: if it holds no such model, is damaged, or is of another format.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in (PHOTOS, *PARTS)}
        described = json.loads(parts.pop(PHOTOS))
    except FileNotFoundError:
        raise DataError(f"no model {file}") from None
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DataError(f"{file} holds no model of photographs: {error}") from None
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise DataError(f"{file} is of another version of convergan: format {FORMAT} is read here")
    if described.pop("sha256", None) != canonical_sha256(described):
        raise DataError(f"{file} is damaged: the hash of its {PHOTOS} is another")
    model = kind(described["extractor_"])
    try:
        with tempfile.TemporaryDirectory() as place:
            for name, data in parts.items():
                (Path(place) / name).write_bytes(data)
            model.classifier_ = SemiSupervisedGANClassifier.load(Path(place))
    except ValueError as error:
        raise DataError(f"{file} is damaged: {str(error).replace(place, '')}") from None
    for name in PLAIN:
        setattr(model, name, described[name])
    model.classes_ = model.classifier_.classes_
    return model
