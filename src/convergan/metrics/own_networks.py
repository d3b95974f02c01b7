"""Networks of the user's: a Python function, an exported file, a model of a hub or of timm.

A function or file takes images (B, C, H, W) in [0, 1], as they are, and returns logits (B, K), or
features (B, D) and logits. Where it gives logits alone, they are the features too.

Paper and released code: not in Salimans et al. (2016).
"""

import hashlib
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.user_code import load_function
from ..data import DataError
from .extractor import Extractor, coloured, resized


def from_function(file: str, function: str) -> Extractor:
    """Return the extractor of a function in a Python file; images stay on their device.

    Args:
        file: in Python.
        function: its name there.

    Raises:
        ValueError: if there is no such file or function.
    """
    path = require_file(file)
    return _user_extractor(f"{path.name}:{function}", path, load_function(path, function))


def from_file(file: str, device: torch.device | str = "cpu") -> Extractor:
    """Return the extractor of a network in a file: ``.pt2`` of `torch.export`, or TorchScript.

    torch does not support TorchScript from Python 3.14 on.

    Args:
        file: ``.pt2`` or ``.pt``.
        device: where images will be.

    Raises:
        ValueError: if there is no such file, or it holds no network.
    """
    path = require_file(file)
    call: Callable[[Tensor], Any]
    try:
        if path.suffix == ".pt2":
            call = torch.export.load(path).module().to(device)
        else:
            with warnings.catch_warnings():  # it is deprecated, and there are such files
                for category in (DeprecationWarning, FutureWarning):  # by the version of torch
                    warnings.simplefilter("ignore", category)
                call = torch.jit.load(str(path), map_location=device).eval()  # type: ignore[no-untyped-call]
    except Exception as error:  # of many kinds, by what is wrong with the file
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{file} is neither a network of torch.export (.pt2) nor of TorchScript (.pt): {reason}"
        ) from None
    return _user_extractor(path.name, path, call)


def from_hugging_face(name: str, device: torch.device | str = "cpu") -> Extractor:
    """Return the extractor of an image-classification model of the Hugging Face hub or a folder.

    Images are scaled whole to the side that its preprocessor names, and shifted and scaled by its
    means and deviations. Features are the last hidden states: their mean over places where there
    are places, the first of a transformer's tokens where there are tokens.

    Args:
        name: on the hub, or a folder.
        device: where images will be.

    Raises:
        ValueError: if transformers is not installed, or there is no such model.
    """
    try:
        from transformers import AutoModelForImageClassification
        from transformers.image_processing_base import ImageProcessingMixin
    except ModuleNotFoundError:
        raise ValueError(
            f"hf:{name} needs transformers: pip install 'convergan[transformers]'"
        ) from None
    try:
        prepared, _ = ImageProcessingMixin.get_image_processor_dict(name)
        model = AutoModelForImageClassification.from_pretrained(name).eval().to(device)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"no image-classification model {name!r}: {reason}") from None
    side = _side(prepared, name)
    shift, scale = (
        torch.tensor(prepared.get(key, [0.5] * 3), device=device).view(3, 1, 1)
        for key in ("image_mean", "image_std")
    )
    return Extractor(
        name=f"hf:{name}[weights {weights_digest(model)}, grey to 3 channels, whole image to "
        f"{side}x{side} bicubic with antialias, mean and deviation of its preprocessor]",
        network=partial(_run_model, model, side, shift, scale),
        side=side,
    )


def from_timm(name: str, device: torch.device | str = "cpu") -> Extractor:
    """Return the extractor of a model of timm, with its pretrained weights or those in a file.

    Images are scaled whole to its side, and shifted and scaled by its means and deviations.
    Features are what its last layer takes.

    Args:
        name: of the model, or name and file with a colon between them.
        device: where images will be.

    Raises:
        ValueError: if timm or torchvision is not installed, or there is no such model.
        DataError: if there is no such file.
    """
    name, _, file = name.partition(":")
    try:
        import timm
    except (ModuleNotFoundError, RuntimeError):  # of torchvision that does not fit torch
        raise ValueError(
            f"timm:{name} needs timm, and a torchvision that fits torch: pip install timm"
        ) from None
    weights = {"checkpoint_path": str(require_file(file))} if file else {"pretrained": True}
    try:
        model = timm.create_model(name, **weights).eval().to(device)
    except Exception as error:  # of many kinds, by what is missing
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"no model {name!r} of timm: {reason}") from None
    config = timm.data.resolve_model_data_config(model)
    side = config["input_size"][-1]
    shift, scale = (
        torch.tensor(config[key], device=device).view(3, 1, 1) for key in ("mean", "std")
    )
    return Extractor(
        name=f"timm:{name}[weights {weights_digest(model)}, grey to 3 channels, whole image to "
        f"{side}x{side} bicubic with antialias, mean and deviation of its configuration]",
        network=partial(_run_timm, model, side, shift, scale),
        side=side,
    )


def _run_timm(
    model: Any, side: int, shift: Tensor, scale: Tensor, images: Tensor
) -> tuple[Tensor, Tensor]:
    last = model.forward_features((resized(coloured(images.float()), side) - shift) / scale)
    features = model.forward_head(last, pre_logits=True)
    return features, model.forward_head(last)


def weights_digest(model: Any) -> str:
    """Return the beginning of a hash of all weights of a network.

    Args:
        model: with a ``state_dict``.
    """
    weights = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        weights.update(key.encode() + tensor.cpu().contiguous().view(-1).numpy().tobytes())
    return weights.hexdigest()[:8]


def _run_model(
    model: Any, side: int, shift: Tensor, scale: Tensor, images: Tensor
) -> tuple[Tensor, Tensor]:
    pixels = (resized(coloured(images.float()), side) - shift) / scale
    found = model(pixel_values=pixels, output_hidden_states=True)
    last = found.hidden_states[-1]
    return (last.mean(dim=(2, 3)) if last.dim() == 4 else last[:, 0]), found.logits


def _side(prepared: dict[str, Any], name: str) -> int:
    size = prepared.get("crop_size") or prepared.get("size")
    if isinstance(size, dict):
        size = size.get("height") or size.get("shortest_edge")
    if not isinstance(size, int):
        raise ValueError(f"the preprocessor of {name} names no side, has size {size!r}")
    return size


def _user_extractor(shown: str, path: Path, call: Callable[[Tensor], Any]) -> Extractor:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return Extractor(
        name=f"{shown}[sha256 {digest}]", network=partial(_features_and_logits, shown, call)
    )


def _features_and_logits(
    shown: str, call: Callable[[Tensor], Any], images: Tensor
) -> tuple[Tensor, Tensor]:
    found = call(images)
    parts = list(found) if isinstance(found, tuple | list) else [found]
    if len(parts) not in (1, 2) or not all(isinstance(part, Tensor) for part in parts):
        kinds = ", ".join(type(part).__name__ for part in parts)
        raise ValueError(f"{shown} must return logits, or features and logits, got {kinds}")
    return parts[0], parts[-1]


def require_file(file: str) -> Path:
    """Return the path of a file.

    Args:
        file: its path.

    Raises:
        DataError: if there is none.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise DataError(f"no file {file} to take an extractor from")
    return path
