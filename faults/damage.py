"""Row 5: checkpoints that were damaged on the disk."""

import json
import random
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

from convergan.core.files import canonical_json, canonical_sha256
from convergan.training import CheckpointError
from convergan.training.checkpoint import MANIFEST, TENSORS, folder_of, read, read_latest, save

from .rows import Row, Trial

CONFIG = "0" * 64
Damage = Callable[[Path, random.Random], None]


@cache
def kept() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """Return a folder with two good checkpoints, of other values."""
    place = tempfile.TemporaryDirectory(prefix="faults-")
    root = Path(place.name) / "checkpoints"
    chance = torch.Generator().manual_seed(0)
    for step in (1, 2):
        tensors = {
            "step": torch.tensor(step),
            "weight": torch.randn(64, 64, generator=chance),
            "moment": torch.randn(64, dtype=torch.float64, generator=chance),
        }
        extra = {"seconds": 0.5 * step, "log_bytes": 0, "log_sha256": CONFIG}
        save(root, tensors, step=step, config_sha256=CONFIG, extra=extra)
    return place, root


def edit_manifest(folder: Path, *, rehash: bool, **changes: object) -> None:
    """Change entries of a manifest, and perhaps the hash that it has of itself."""
    manifest = json.loads((folder / MANIFEST).read_text()) | changes
    if rehash:
        del manifest["self_sha256"]
        manifest["self_sha256"] = canonical_sha256(manifest)
    (folder / MANIFEST).write_text(canonical_json(manifest))


def _file(folder: Path, chance: random.Random) -> Path:
    return folder / chance.choice((TENSORS, MANIFEST))


def _cut(folder: Path, chance: random.Random) -> None:
    file = _file(folder, chance)
    data = file.read_bytes()
    file.write_bytes(data[: chance.randrange(len(data))])


def _flip(folder: Path, chance: random.Random) -> None:
    file = _file(folder, chance)
    data = bytearray(file.read_bytes())
    for bit in chance.sample(range(8 * len(data)), chance.randint(1, 64)):
        data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)


def _zero_a_page(folder: Path, chance: random.Random) -> None:
    file = folder / TENSORS
    data = bytearray(file.read_bytes())
    start = 4096 * chance.randrange(len(data) // 4096)
    data[start : start + 4096] = bytes(4096)
    file.write_bytes(data)


def _grow(folder: Path, chance: random.Random) -> None:
    file = _file(folder, chance)
    file.write_bytes(file.read_bytes() + chance.randbytes(chance.randint(1, 9999)))


def _swap(folder: Path, chance: random.Random) -> None:
    name = chance.choice((TENSORS, MANIFEST))
    shutil.copy(folder_of(folder.parent, 1) / name, folder / name)


def _swap_each_other(folder: Path, chance: random.Random) -> None:
    (folder / TENSORS).rename(folder / "aside")
    (folder / MANIFEST).rename(folder / TENSORS)
    (folder / "aside").rename(folder / MANIFEST)


def _of_another_version(folder: Path, chance: random.Random) -> None:
    edit_manifest(folder, rehash=True, schema=chance.choice((0, 2, 99, "1", None, True, 1.5)))


def _of_another_config(folder: Path, chance: random.Random) -> None:
    edit_manifest(folder, rehash=True, config_sha256=chance.randbytes(32).hex())


def _missing(folder: Path, chance: random.Random) -> None:
    _file(folder, chance).unlink()


def _one_too_many(folder: Path, chance: random.Random) -> None:
    name = chance.choice(("extra", "tensors.safetensors.bak", ".hidden", "model.pt"))
    (folder / name).write_bytes(chance.randbytes(9))


def _empty(folder: Path, chance: random.Random) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _edited(folder: Path, chance: random.Random) -> None:
    key = chance.choice(("step", "config_sha256", "torch", "extra", "files", "self_sha256"))
    edit_manifest(folder, rehash=False, **{key: chance.choice((3, "x", {}, None, [1]))})


def _edited_and_hashed(folder: Path, chance: random.Random) -> None:
    size = (folder / TENSORS).stat().st_size
    files: tuple[object, ...] = (
        {},
        None,
        {TENSORS: None},
        {TENSORS: {"size": size}},
        {TENSORS: {"size": size, "sha256": CONFIG}},
        {TENSORS: {"size": size + 1, "sha256": CONFIG}},
        {"../" + TENSORS: {"size": size, "sha256": CONFIG}},
    )
    changes = chance.choice(
        ({"step": 3}, {"step": "2"}, {"extra": None}, {"files": chance.choice(files)})
    )
    edit_manifest(folder, rehash=True, **changes)


def _linked(folder: Path, chance: random.Random) -> None:
    file = _file(folder, chance)
    elsewhere = folder.parent / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


DAMAGES: dict[str, Damage] = {
    "truncated": _cut,
    "1 to 64 bits flipped": _flip,
    "a page of zeros": _zero_a_page,
    "grown": _grow,
    "a file of another checkpoint": _swap,
    "files swapped": _swap_each_other,
    "another version": _of_another_version,
    "another config": _of_another_config,
    "a file missing": _missing,
    "a file too many": _one_too_many,
    "an empty folder": _empty,
    "an edited manifest": _edited,
    "a manifest edited and hashed anew": _edited_and_hashed,
    "a link": _linked,
}


def perform(trial: int, place: Path) -> Trial:
    """Damage the newer of two checkpoints."""
    names = list(DAMAGES)
    name, chance = names[trial % len(names)], random.Random(trial)
    root = place / "checkpoints"
    shutil.copytree(kept()[1], root)
    folder = folder_of(root, 2)
    DAMAGES[name](folder, chance)
    try:
        read(folder, config_sha256=CONFIG)
        return Trial(name, 1, "it was loaded")
    except CheckpointError as error:
        line = str(error)
    found, reasons = read_latest(root, config_sha256=CONFIG)
    if reasons != [line] or "\n" in line or str(folder) not in line:
        return Trial(name, 1, f"not one line with file and reason: {reasons}")
    if found is None or found.step != 1:
        return Trial(name, 1, "the one before was not taken")
    return Trial(name)


DAMAGED = Row(
    number=5,
    fault="damaged checkpoints: cut, flipped, zeroed, swapped, edited, missing, extra, linked",
    holds="refused in one line with file and reason; the previous one is used",
    ci=100,
    full=10_000,
    perform=perform,
)
