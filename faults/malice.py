"""Row 6: files made to harm whoever reads them: pickles, archives that climb out, lying headers."""

import hashlib
import io
import json
import os
import pickle
import random
import resource
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from convergan.data import DataError, load
from convergan.training import CheckpointError
from convergan.training.checkpoint import MANIFEST, TENSORS, folder_of, read, save

from .children import SharedNumber, code_of
from .damage import CONFIG, edit_manifest
from .rows import Row, Trial

MADE = "made by a payload"
SPARE = 50 * 2**20
"""Bytes that reading may take beyond twice the file."""
FUZZED = 1000
"""Inputs of one trial."""


class Gadget:
    """What pickle turns into a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        """Remember the call."""
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Return it."""
        return self.call


def _pickles(mark: Path) -> dict[str, bytes]:
    touch = f"touch '{mark}'"
    system = Gadget(os.system, touch)
    buffer, nested = io.BytesIO(), io.BytesIO()
    torch.save({"weight": torch.ones(3), "more": system}, buffer)
    torch.save([[{"a": (system,)}]], nested)
    array, objects = io.BytesIO(), np.empty(1, dtype=object)
    objects[0] = system
    np.save(array, objects, allow_pickle=True)
    archive = io.BytesIO()
    np.savez(archive, allow_pickle=True, x_train=objects, y_train=np.zeros(1, dtype=np.int64))
    return {
        "os.system in a pickle": pickle.dumps(system),
        "eval in a pickle": pickle.dumps(Gadget(eval, f"open({str(mark)!r}, 'w')")),
        "exec in a pickle": pickle.dumps(Gadget(exec, f"open({str(mark)!r}, 'w')")),
        "pickle of protocol 0": pickle.dumps(system, protocol=0),
        "storage from bytes": pickle.dumps(
            Gadget(torch.storage._load_from_bytes, pickle.dumps(system))
        ),
        "a torch file": buffer.getvalue(),
        "a torch file, nested": nested.getvalue(),
        "an npy file of objects": array.getvalue(),
        "an npz file of objects": archive.getvalue(),
    }


def _archives(mark: Path) -> dict[str, bytes]:
    climbing = f"../../{mark.name}"
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(climbing, "x")
        archive.writestr("x_train.npy", b"\x93NUMPY")
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        entry = tarfile.TarInfo(climbing)
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        header = np.lib.format.magic(1, 0)
        text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999, 8, 8)}"
        text += b" " * (118 - len(text) % 118) + b"\n"
        archive.writestr("x_train.npy", header + struct.pack("<H", len(text)) + text)
        archive.writestr("y_train.npy", header + struct.pack("<H", len(text)) + text)
    return {
        "a zip that climbs out": zipped.getvalue(),
        "a tar that climbs out": tarred.getvalue(),
        "an npz of shapes without end": bomb.getvalue(),
    }


def _tensors(header: object, data: bytes = bytes(64), *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _headers() -> dict[str, bytes]:
    def one(**changes: object) -> bytes:
        entry = {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]} | changes
        return _tensors({"weight": entry})

    good = {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}
    return {
        "a header longer than the file": _tensors({}, length=10**6),
        "a header of 2^63 bytes": _tensors({}, length=2**63),
        "a header of 99 MB that is not there": _tensors({}, length=99 * 10**6),
        "a header that is no JSON": _tensors(b"{" * 4000),
        "a header of nested lists": _tensors(b"[" * 100_000),
        "a shape without end": one(shape=[2**62, 2**62]),
        "a negative shape": one(shape=[-16]),
        "offsets beyond the file": one(data_offsets=[0, 2**40]),
        "offsets the wrong way": one(data_offsets=[64, 0]),
        "offsets that do not fit the shape": one(shape=[4]),
        "an unknown type": one(dtype="OBJECT"),
        "overlapping tensors": _tensors({"a": good, "b": good}),
        "a hole between tensors": _tensors({"a": good | {"data_offsets": [4, 68]}}, bytes(68)),
        "nothing at all": b"",
    }


def _files(mark: Path) -> dict[str, bytes]:
    return {**_pickles(mark), **_archives(mark), **_headers()}


NAMES = tuple(_files(Path("mark")))


def _checkpoint(root: Path, data: bytes) -> Path:
    """Write a checkpoint whose manifest is right about a file of any bytes."""
    folder = folder_of(root, 1)
    if not folder.exists():
        save(root, {"weight": torch.ones(3)}, step=1, config_sha256=CONFIG, extra={})
    (folder / TENSORS).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    edit_manifest(folder, rehash=True, files={TENSORS: {"size": len(data), "sha256": digest}})
    return folder


def _refuses(read_it: Callable[[], object]) -> bool:
    try:
        read_it()
    except (CheckpointError, DataError):
        return True
    return False


def _read_in_child(place: Path, data: bytes, memory: SharedNumber) -> int:
    folder = _checkpoint(place / "checkpoints", data)
    archive = place / "data.npz"
    archive.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = [
        _refuses(partial(read, folder, config_sha256=CONFIG)),
        _refuses(partial(load, str(archive))),
    ]
    memory.value = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return 0 if all(refused) else 3


def perform(trial: int, place: Path) -> Trial:
    """Have a checkpoint and an archive of data read that are one bad file, or a thousand others."""
    if trial >= len(NAMES):
        return _fuzz(trial, place)
    mark, name, memory = place / MADE, NAMES[trial], SharedNumber()
    data = _files(mark)[name]
    code = code_of(partial(_read_in_child, place, data, memory))
    if code:
        return Trial(name, 1, "it was loaded" if code == 3 else f"reading it ended with {code}")
    if mark.exists() or (place.parent / MADE).exists():
        return Trial(name, 1, "it was executed")
    if memory.value > 2 * len(data) + SPARE:
        return Trial(name, 1, f"reading {len(data)} bytes took {memory.value}")
    return Trial(name)


def _fuzz(trial: int, place: Path) -> Trial:
    """Change bytes of a good file at random; whatever comes of it is refused or is tensors."""
    chance, reached = random.Random(trial), SharedNumber()

    def read_them() -> int:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        good = _tensors(
            {
                "weight": {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]},
                "step": {"dtype": "I64", "shape": [], "data_offsets": [32, 40]},
            },
            bytes(40),
        )
        folder = _checkpoint(place / "checkpoints", good)
        manifest = (folder / MANIFEST).read_bytes()
        for count in range(FUZZED):
            reached.value = count
            if chance.random() < 0.8:
                _checkpoint(folder.parent, _changed(good, chance))
            else:
                (folder / MANIFEST).write_bytes(_changed(manifest, chance))
            try:
                for tensor in read(folder, config_sha256=CONFIG).tensors.values():
                    tensor.double().sum()
            except CheckpointError:
                pass
            (folder / MANIFEST).write_bytes(manifest)
        return 0

    code = code_of(read_them)
    lost = f"input {reached.value} ended it with {code}" if code else ""
    return Trial("bytes changed at random", FUZZED, lost)


def _changed(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(changed))
        choice = chance.randrange(4)
        if choice == 0:
            changed[place] = chance.randrange(256)
        elif choice == 1:
            changed[place] = ord(chance.choice('0123456789[]{}",:-e.'))
        elif choice == 2:
            changed[place:place] = chance.choice((b"0", b"9" * 20, b"[", b'"', b"\xff", b"1e999"))
        else:
            del changed[place : place + chance.randint(1, 4)]
        if not changed:
            return b""
    return bytes(changed)


MALICE = Row(
    number=6,
    fault="pickles, climbing archives, lying headers; then bytes changed at random",
    holds="nothing executed, all refused, memory below twice the file and 50 MB, no crash",
    ci=len(NAMES) + 4,
    full=len(NAMES) + 1000,
    perform=perform,
)
