"""A fitted classifier as a folder of plain files: ``arrays.safetensors`` and ``model.json``.

No code is stored or run: arrays are parsed by safetensors after their hash is checked, everything
else is JSON. A pickle of the classifier works as well, for those who trust its source.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_arrays
from safetensors.numpy import save as serialise_arrays

from ..version import __version__
from .calibration import RiskTable
from .guard import GuardReport
from .member import Array, Layers

FORMAT = 1
ARRAYS, MODEL = "arrays.safetensors", "model.json"
PLAIN = (
    *("image_shape_", "largest_", "seed_", "device_", "n_steps_", "n_features_in_"),
    *("selected_", "temperature_", "history_", "diagnostics_"),
)
"""Attributes that JSON holds as they are."""
NUMERIC = ("mean_", "scale_", "reference_scores_")
Model = TypeVar("Model")


def save(model: Any, folder: Path) -> None:
    """Write a fitted classifier.

    Raises:
        ValueError: if the folder is there already, or an argument is no plain value.
    """
    arrays = {name: np.ascontiguousarray(getattr(model, name)) for name in NUMERIC}
    for kind in ("_members", "_gan"):
        for number, layers in enumerate(getattr(model, kind)):
            for depth, (weights, biases) in enumerate(layers):
                arrays[f"{kind}.{number}.{depth}.weights"] = np.ascontiguousarray(weights)
                arrays[f"{kind}.{number}.{depth}.biases"] = np.ascontiguousarray(biases)
    stored = serialise_arrays(arrays)
    described = {
        "format": FORMAT,
        "version": __version__,
        "sha256": hashlib.sha256(stored).hexdigest(),
        "parameters": model.get_params(),
        "classes": _spell(model.classes_),
        "transduction": np.searchsorted(model.classes_, model.transduction_).tolist(),
        "feature_names": list(getattr(model, "feature_names_in_", [])),
        "guard_report": model.guard_report_._asdict(),
        "risk_table": model.risk_table_._asdict() if model.risk_table_ else None,
        "attributes": {name: getattr(model, name) for name in PLAIN},
    }
    try:
        text = json.dumps(described, indent=1)
    except TypeError as error:
        raise ValueError(f"only plain values can be saved, use a number or a text: {error}") from None
    if folder.exists():
        raise ValueError(f"{folder} exists; save writes a new folder")
    folder.mkdir(parents=True)
    (folder / ARRAYS).write_bytes(stored)
    (folder / MODEL).write_text(text, encoding="utf-8")
