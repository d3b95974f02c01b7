"""Checkpoints that survive crashes and refuse damage: safetensors and a JSON manifest, no pickle.

One folder a checkpoint, ``step-000012000/``, with ``tensors.safetensors`` and ``manifest.json``.
The manifest is written last and holds the size and SHA-256 of the tensors, the hash of the run's
settings and of itself. A folder is written under a temporary name beside its place, synced, renamed
and read back. "Latest" is the highest step whose folder verifies; no pointer file is trusted.
"""

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise_tensors
from torch import Tensor

from ..core.files import canonical_json, canonical_sha256, sync_folder, write_synced

SCHEMA = 1
TENSORS = "tensors.safetensors"
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 2**20
FIELDS = {"schema": int, "step": int, "config_sha256": str, "files": dict, "extra": dict}
"""What a manifest must have, and of which kind."""


class CheckpointError(ValueError):
    """A checkpoint that was refused; the message names it and the reason."""


class Checkpoint(NamedTuple):
    """A verified checkpoint.

    Attributes:
        folder: where it is.
        step: number of finished steps.
        tensors: every tensor of the state, by name, on the CPU.
        extra: what the caller stored beside them.
    """

    folder: Path
    step: int
    tensors: dict[str, Tensor]
    extra: dict[str, Any]


def folder_of(root: Path, step: int) -> Path:
    """Return where the checkpoint of ``step`` belongs."""
    return root / f"step-{step:09d}"


def save(
    root: Path,
    tensors: Mapping[str, Tensor],
    *,
    step: int,
    config_sha256: str,
    extra: Mapping[str, Any],
    keep: int = 3,
) -> Path:
    """Commit a checkpoint under ``root`` and prune older ones down to ``keep``.

    Args:
        root: the folder of checkpoints; created if missing.
        tensors: the whole state by name.
        step: number of finished steps.
        config_sha256: identity of the run's settings.
        extra: plain values to store in the manifest.
        keep: how many checkpoints stay, the newest first; at least 1.

    Returns:
        The folder of the checkpoint. One of this step that is there and verifies is kept.

    Raises:
        OSError: if the disk refuses, or gives back other bytes than it was given; nothing of the
            attempt stays in the place of a checkpoint, older ones do.
    """
    root.mkdir(parents=True, exist_ok=True)
    final = folder_of(root, step)
    if final.exists():
        try:
            read(final, config_sha256=config_sha256)
            return final
        except CheckpointError:
            _put_aside(final)
    data = serialise_tensors(
        {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    )
    manifest = {
        "schema": SCHEMA,
        "step": step,
        "config_sha256": config_sha256,
        "torch": torch.__version__,
        "files": {TENSORS: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}},
        "extra": dict(extra),
    }
    manifest["self_sha256"] = _self_hash(manifest)
    temporary = root / f".tmp-{final.name}-{secrets.token_hex(4)}"
    try:
        temporary.mkdir()
        write_synced(temporary / TENSORS, data)
        write_synced(temporary / MANIFEST, canonical_json(manifest).encode())
        sync_folder(temporary)
        temporary.rename(final)
        sync_folder(root)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    try:
        read(final, config_sha256=config_sha256)
    except CheckpointError as error:
        _put_aside(final)
        raise OSError(f"what was written is not what is read: {error}") from error
    _prune(final, keep)
    return final


def read(folder: Path, *, config_sha256: str) -> Checkpoint:
    """Verify one checkpoint, hash before parsing, and return its tensors.

    Raises:
        CheckpointError: if anything is damaged, missing, added, unreadable, or of other settings.
    """
    try:
        return _read(folder, config_sha256)
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be read: {error}") from error


def _read(folder: Path, config_sha256: str) -> Checkpoint:
    manifest = _read_manifest(folder)
    if manifest["config_sha256"] != config_sha256:
        raise CheckpointError(f"{folder} was written under other settings than this run's")
    if folder.name != folder_of(folder.parent, manifest["step"]).name:
        raise CheckpointError(f"{folder} holds the checkpoint of another step, {manifest['step']}")
    present = sorted(path.name for path in folder.iterdir())
    if present != [MANIFEST, TENSORS]:
        raise CheckpointError(f"{folder} must hold {MANIFEST} and {TENSORS}, has {present}")
    data = _read_regular(folder / TENSORS)
    expected = _expected_tensors(folder, manifest)
    if len(data) != expected["size"]:
        raise CheckpointError(
            f"{folder / TENSORS} has {len(data)} bytes, its manifest says {expected['size']}"
        )
    if hashlib.sha256(data).hexdigest() != expected["sha256"]:
        raise CheckpointError(f"{folder / TENSORS} is damaged: its hash is not the manifest's")
    return Checkpoint(folder, manifest["step"], _parse(folder, data), manifest["extra"])


def read_latest(
    root: Path,
    *,
    config_sha256: str,
    require: Callable[[Checkpoint], None] = lambda found: None,
) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest checkpoint that verifies, or None, and why newer ones were refused.

    Args:
        root: the folder of checkpoints.
        config_sha256: identity of the run's settings.
        require: raises `CheckpointError` at one that the caller cannot use.
    """
    refused: list[str] = []
    for folder in sorted(root.glob("step-*"), reverse=True):
        try:
            found = read(folder, config_sha256=config_sha256)
            require(found)
        except CheckpointError as error:
            refused.append(str(error))
        else:
            return found, refused
    return None, refused


def read_newest(root: Path, *, config_sha256: str) -> Checkpoint:
    """Return the newest checkpoint, and no older one in its place.

    Args:
        root: the folder of checkpoints.
        config_sha256: identity of the run's settings.

    Raises:
        CheckpointError: if it does not verify, naming what would be used without it; or if there is
            none.
    """
    found, refused = read_latest(root, config_sha256=config_sha256)
    if found is None:
        raise CheckpointError(f"no usable checkpoint in {root}: {'; '.join(refused) or 'none'}")
    if refused:
        raise CheckpointError(f"{'; '.join(refused)}; remove it to use that of step {found.step}")
    return found


def clear_leftovers(root: Path) -> None:
    """Remove what an interrupted `save` left half done."""
    for pattern in (".tmp-*", ".del-*"):
        for folder in root.glob(pattern):
            shutil.rmtree(folder, ignore_errors=True)


def remove_later(root: Path, step: int) -> None:
    """Remove the checkpoints of steps after ``step``."""
    for folder in root.glob("step-*"):
        if folder.name > folder_of(root, step).name:
            _remove(folder)
    if root.is_dir():
        sync_folder(root)


def require_same_layout(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Compare names, dtypes and shapes of two states, and refuse values that are not finite.

    Raises:
        CheckpointError: naming the first tensor that differs.
    """
    for name in sorted(found.keys() ^ expected.keys()):
        where = "unexpected in" if name in found else "missing from"
        raise CheckpointError(f"tensor {name} is {where} the checkpoint")
    for name, tensor in expected.items():
        other = found[name]
        if (other.dtype, other.shape) != (tensor.dtype, tensor.shape):
            raise CheckpointError(
                f"tensor {name} is {other.dtype} {tuple(other.shape)} in the checkpoint, "
                f"{tensor.dtype} {tuple(tensor.shape)} here"
            )
        if not bool(other.isfinite().all()):
            raise CheckpointError(f"tensor {name} of the checkpoint is not finite")


EARLIER_NAMES = {
    ".gamma": ".weight",
    ".beta": ".bias",
    "reference_latent": "network.reference_batch_0",
}
"""Ends of names up to version 0.13, and those of today."""


def under_present_names(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Rename tensors of earlier versions to names that are expected; leave all others."""
    return {_present_name(name, expected): tensor for name, tensor in found.items()}


def _present_name(name: str, expected: Mapping[str, Tensor]) -> str:
    candidates = (
        name.removesuffix(earlier) + present
        for earlier, present in EARLIER_NAMES.items()
        if name.endswith(earlier)
    )
    return next((c for c in candidates if name not in expected and c in expected), name)


def _put_aside(folder: Path) -> None:
    folder.rename(folder.with_name(f".bad-{folder.name}-{secrets.token_hex(4)}"))


def _self_hash(manifest: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in manifest.items() if key != "self_sha256"}
    return canonical_sha256(rest)


def _read_regular(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise CheckpointError(f"{path} is missing or not a regular file")
    return path.read_bytes()


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    data = _read_regular(path)
    if len(data) > LARGEST_MANIFEST:
        raise CheckpointError(f"{path} is larger than {LARGEST_MANIFEST} bytes")
    try:
        manifest: dict[str, Any] = json.loads(data, object_pairs_hook=_without_duplicates)
        intact = isinstance(manifest, dict) and manifest["self_sha256"] == _self_hash(manifest)
    except (ValueError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a manifest: {error}") from None
    if not intact:
        raise CheckpointError(f"{path} is damaged: it does not hash to what it says")
    if manifest.get("schema") != SCHEMA:
        raise CheckpointError(
            f"{path} has schema {manifest.get('schema')}, this version reads {SCHEMA}"
        )
    for name, kind in FIELDS.items():
        if type(manifest.get(name)) is not kind:
            raise CheckpointError(f"{path} does not say its {name}")
    return manifest


def _expected_tensors(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what the manifest says of the tensors' file; a forged one may say anything."""
    expected = manifest["files"].get(TENSORS)
    if not isinstance(expected, dict) or not {"size", "sha256"} <= expected.keys():
        raise CheckpointError(f"{folder / MANIFEST} does not say size and hash of {TENSORS}")
    return expected


def _parse(folder: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return parse_tensors(data)
    except (SafetensorError, KeyError, ValueError, OverflowError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{folder / TENSORS} holds no tensors: {reason}") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate keys")
    return found


def _prune(newest: Path, keep: int) -> None:
    root = newest.parent
    older = sorted((f for f in root.glob("step-*") if f.name < newest.name), reverse=True)
    for folder in older[max(1, keep) - 1 :]:
        _remove(folder)


def _remove(folder: Path) -> None:
    doomed = folder.with_name(f".del-{folder.name}-{secrets.token_hex(4)}")
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)
