"""A fitted classifier as a folder of plain files: ``arrays.safetensors`` and ``model.json``.

No code is stored or run: arrays are parsed by safetensors, everything else is JSON, both after
their hashes are checked. The hashes find damage but not malice: whoever can write the folder can
write them. A pickle of the classifier works as well, for those who trust its source.
"""

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_arrays
from safetensors.numpy import save as serialise_arrays

from ..core.version import __version__
from .calibration import HeldOut, RiskTable
from .checks import Array
from .completion import Completion, take_all
from .graph import Graph
from .linear import Linear
from .network import Layers, Network
from .opinions import Opinion, Reduced
from .pool import GAME, NETWORK, OpinionReport, Pool
from .preprocessing import Preprocessor, as_image_shape
from .scaling import Scale
from .shaping import Shapes, keep_shapes
from .shares import ClassShares
from .trees import Trees

if TYPE_CHECKING:
    from .classifier import SemiSupervisedGANClassifier

FORMAT, FIRST = 2, 1
"""Format 1 is of versions up to 0.11, which refused missing cells, changed no shapes, and predicted
by one network."""
ARRAYS, MODEL = "arrays.safetensors", "model.json"
PLAIN = ("seed_", "device_", "n_steps_", "n_features_in_", "history_", "diagnostics_")
"""Attributes that JSON holds as they are."""
OPINIONS: dict[str, type[Linear] | type[Graph] | type[Trees]] = {
    "linear": Linear,
    "graph": Graph,
    "trees": Trees,
}
EARLIER = {"cell_": 4}
"""Attributes that models of versions up to 0.6.0 lack."""
SHARES = ("shares", "deviation")
Model = TypeVar("Model", bound="SemiSupervisedGANClassifier")


def save(model: "SemiSupervisedGANClassifier", folder: Path) -> None:
    """Write a fitted classifier.

    Raises:
        ValueError: if the folder is there already, or an argument is no plain value.
    """
    preprocessor, attributes = model.preprocessor_, vars(model)
    completion, shapes = preprocessor.completion, preprocessor.shapes
    arrays = {
        "mean_": preprocessor.scale.mean,
        "scale_": preprocessor.scale.unit,
        "medians_": completion.medians,
        "flags_": completion.flags,
        **{f"shapes_.{name}": values for name, values in shapes._asdict().items()},
        "reference_scores_": model.reference_scores_,
    }
    pool: Pool = attributes["_pool"]
    arrays |= {"_pool.powers": pool.powers, "_pool.offset": pool.offset}
    for name, values in zip(SHARES, model.class_shares_[:2], strict=True):
        arrays[f"class_shares.{name}"] = values
    if model.held_out_ is not None:
        arrays |= {f"held_out_.{name}": part for name, part in model.held_out_._asdict().items()}
    arrays |= _layer_arrays(attributes["_gan"], "_gan")
    opinions = [
        _describe(opinion, f"_pool.{number}", arrays)
        for number, opinion in enumerate(pool.opinions)
    ]
    stored = serialise_arrays({name: np.ascontiguousarray(a) for name, a in arrays.items()})
    described = {
        "format": FORMAT,
        "version": __version__,
        "arrays_sha256": hashlib.sha256(stored).hexdigest(),
        "parameters": model.get_params(),
        "classes": {"dtype": model.classes_.dtype.str, "values": model.classes_.tolist()},
        "transduction": np.searchsorted(model.classes_, model.transduction_).tolist(),
        "feature_names": list(attributes.get("feature_names_in_", [])),
        "pool": {"names": pool.names, "opinions": opinions},
        "opinions": [report._asdict() for report in model.opinions_],
        "class_shares": model.class_shares_.source,
        "risk_table": model.risk_table_._asdict() if model.risk_table_ else None,
        "attributes": {name: attributes[name] for name in PLAIN}
        | {
            "image_shape_": preprocessor.image_shape,
            "lowest_": preprocessor.lowest,
            "span_": preprocessor.span,
            "cell_": preprocessor.cell,
            "categories_": list(completion.categories.items()),
        },
    }
    try:
        described = json.loads(json.dumps(described, allow_nan=False, default=_plain))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"only plain values can be saved, use a finite number or a text: {error}"
        ) from None
    if folder.exists():
        raise ValueError(f"{folder} exists; save writes a new folder")
    folder.mkdir(parents=True)
    (folder / ARRAYS).write_bytes(stored)
    text = json.dumps(described | {"sha256": _hash(described)}, indent=1)
    (folder / MODEL).write_text(text, encoding="utf-8")


def load(kind: type[Model], folder: Path) -> Model:
    """Read what `save` wrote.

    Raises:
        ValueError: if the folder holds no such classifier, is damaged, or is of another format.
    """
    try:
        described = json.loads((folder / MODEL).read_text(encoding="utf-8"))
        stored = (folder / ARRAYS).read_bytes()
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{folder} holds no saved classifier: {error}") from None
    if not isinstance(described, dict) or described.get("format") not in (FIRST, FORMAT):
        raise ValueError(
            f"{folder / MODEL} is of another version of convergan: formats {FIRST} and {FORMAT} "
            "are read here"
        )
    if described.pop("sha256", None) != _hash(described):
        raise ValueError(f"{folder / MODEL} is damaged: its hash is another")
    found = hashlib.sha256(stored).hexdigest()
    if found != described["arrays_sha256"]:
        raise ValueError(f"{folder / ARRAYS} is damaged: it hashes to {found}")
    try:
        return _restore(kind, described, parse_arrays(stored))
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{folder / MODEL} is damaged: {error!r}") from None


def _hash(described: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a NumPy number as a Python one, for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is of type {type(value).__name__}")


def _restore(kind: type[Model], described: dict[str, Any], arrays: dict[str, Array]) -> Model:
    parameters, stored = described["parameters"], EARLIER | described["attributes"]
    model = kind(**parameters | {"image_shape": as_image_shape(parameters["image_shape"])})
    attributes = {name: stored[name] for name in PLAIN}
    attributes["preprocessor_"] = Preprocessor(
        image_shape=as_image_shape(stored["image_shape_"]),
        lowest=stored["lowest_"],
        span=stored["span_"],
        cell=stored["cell_"],
        completion=_completion(stored, arrays, described["format"]),
        shapes=_shapes(arrays, described["format"]),
        scale=Scale(arrays["mean_"], arrays["scale_"]),
    )
    attributes["reference_scores_"] = arrays["reference_scores_"]
    attributes["_gan"] = _layers(arrays, "_gan")
    classes = np.array(described["classes"]["values"], dtype=described["classes"]["dtype"])
    attributes["classes_"] = classes
    attributes["transduction_"] = classes[np.array(described["transduction"], dtype=np.int64)]
    if described["feature_names"]:
        attributes["feature_names_in_"] = np.array(described["feature_names"], dtype=object)
    attributes["held_out_"] = _held_out(arrays)
    restore_pool = _restore_pool if described["format"] == FORMAT else _restore_network
    attributes |= restore_pool(described, arrays)
    risk = described["risk_table"]
    attributes["risk_table_"] = None
    if risk is not None:
        columns = {name: tuple(values) for name, values in risk.items() if name != "level"}
        attributes["risk_table_"] = RiskTable(**columns, level=risk["level"])
    model.__dict__.update(attributes)
    return model


def _held_out(arrays: dict[str, Array]) -> HeldOut | None:
    """Return None for a model of a version up to 0.12, which kept none."""
    if "held_out_.rows" not in arrays:
        return None
    return HeldOut(*(arrays[f"held_out_.{name}"] for name in HeldOut._fields))


def _restore_pool(described: dict[str, Any], arrays: dict[str, Array]) -> dict[str, Any]:
    pool = described["pool"]
    opinions = [
        _restore_opinion(one, f"_pool.{number}", arrays)
        for number, one in enumerate(pool["opinions"])
    ]
    powers, offset = arrays["_pool.powers"], arrays["_pool.offset"]
    shares, deviation = (arrays[f"class_shares.{name}"] for name in SHARES)
    return {
        "_pool": Pool(tuple(pool["names"]), tuple(opinions), powers, offset),
        "opinions_": [OpinionReport(**one) for one in described["opinions"]],
        "class_shares_": ClassShares(shares, deviation, described["class_shares"]),
    }


def _restore_network(described: dict[str, Any], arrays: dict[str, Array]) -> dict[str, Any]:
    """Take the one network, logistic regression or twin of an earlier version for a pool."""
    classes = len(described["classes"]["values"])
    power = 1 / described["attributes"]["temperature_"]
    network = Network(tuple(_layers(arrays, "_members")))
    name = GAME if described["attributes"]["selected_"] == "gan" else NETWORK
    return {
        "_pool": Pool((name,), (network,), np.array([power]), np.zeros(classes)),
        "opinions_": [OpinionReport(name, power, power, None)],
        "class_shares_": ClassShares(np.full(classes, 1 / classes), np.zeros(classes), "uniform"),
    }


def _describe(opinion: Opinion, name: str, arrays: dict[str, Array]) -> dict[str, Any]:
    """Add the arrays of an opinion; return its kind and all else of it."""
    if isinstance(opinion, Reduced):
        arrays[f"{name}.axes"] = opinion.axes
        return {"kind": "reduced", "opinion": _describe(opinion.opinion, f"{name}.of", arrays)}
    if isinstance(opinion, Network):
        arrays |= _layer_arrays(list(opinion.members), name)
        return {"kind": "network"}
    [kind] = [key for key, value in OPINIONS.items() if isinstance(opinion, value)]
    described: dict[str, Any] = {"kind": kind}
    for field in fields(OPINIONS[kind]):
        value = getattr(opinion, field.name)
        if isinstance(value, np.ndarray):
            arrays[f"{name}.{field.name}"] = value
        else:
            described[field.name] = value
    return described


def _restore_opinion(described: dict[str, Any], name: str, arrays: dict[str, Array]) -> Opinion:
    if described["kind"] == "reduced":
        inner = _restore_opinion(described["opinion"], f"{name}.of", arrays)
        return Reduced(arrays[f"{name}.axes"], inner)
    if described["kind"] == "network":
        return Network(tuple(_layers(arrays, name)))
    kind = OPINIONS[described["kind"]]
    parts: dict[str, Any] = {
        field.name: described.get(field.name, arrays.get(f"{name}.{field.name}"))
        for field in fields(kind)
    }
    return kind(**parts)


def _layer_arrays(members: list[Layers], name: str) -> dict[str, Array]:
    return {
        f"{name}.{number}.{depth}.{part}": array
        for number, layers in enumerate(members)
        for depth, layer in enumerate(layers)
        for part, array in zip(("weights", "biases"), layer, strict=True)
    }


def _completion(stored: dict[str, Any], arrays: dict[str, Array], form: int) -> Completion:
    if form == FIRST:
        return take_all(stored["n_features_in_"])
    categories = {column: tuple(levels) for column, levels in stored["categories_"]}
    return Completion(arrays["medians_"], arrays["flags_"], categories)


def _shapes(arrays: dict[str, Array], form: int) -> Shapes:
    if form == FIRST:
        return keep_shapes(len(arrays["mean_"]))
    return Shapes(**{name: arrays[f"shapes_.{name}"] for name in Shapes._fields})


def _layers(arrays: dict[str, Array], kind: str) -> list[Layers]:
    found: list[Layers] = []
    while f"{kind}.{len(found)}.0.weights" in arrays:
        layers: Layers = []
        while (name := f"{kind}.{len(found)}.{len(layers)}") + ".weights" in arrays:
            layers.append((arrays[f"{name}.weights"], arrays[f"{name}.biases"]))
        found.append(layers)
    return found
