"""Each operation on a file, seen before, in the middle and after: to kill, refuse or record there.

What convergan writes goes through `Path.open`, `os.fsync`, `Path.rename`, `Path.replace`,
`Path.mkdir`, `Path.unlink` and `shutil.rmtree`. Inside `observed` these tell an observer of what
they do. A write is done in halves, each of them handed to the operating system at once.
"""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple
from unittest.mock import patch

Phase = Literal["before", "half", "after"]


class Operation(NamedTuple):
    """One operation.

    Attributes:
        kind: ``create``, ``write``, ``flush``, ``truncate``, ``fsync``, ``rename``, ``mkdir``,
            ``unlink`` or ``rmtree``.
        path: what it is done to.
        target: new name of a rename.
        data: bytes of a write.
        offset: where they go; the length that a truncation leaves.
    """

    kind: str
    path: Path
    target: Path | None = None
    data: bytes = b""
    offset: int = 0


Observe = Callable[[Operation, Phase], None]


class _Written(io.BufferedRandom):
    """A file whose writes and flushes are seen."""

    def __init__(self, path: Path, mode: str, observe: Observe) -> None:
        self._path, self._observe = path, observe
        if "x" in mode:
            observe(Operation("create", path), "before")
        super().__init__(io.FileIO(path, mode.replace("b", "").replace("x", "x+")))
        if "x" in mode:
            observe(Operation("create", path), "after")

    def write(self, data: Any) -> int:
        operation = Operation("write", self._path, data=bytes(data), offset=self.tell())
        half = len(operation.data) // 2
        self._observe(operation, "before")
        super().write(operation.data[:half])
        super().flush()
        self._observe(operation, "half")
        super().write(operation.data[half:])
        super().flush()
        self._observe(operation, "after")
        return len(operation.data)

    def flush(self) -> None:
        if self.closed:
            return
        self._observe(Operation("flush", self._path), "before")
        super().flush()
        self._observe(Operation("flush", self._path), "after")

    def truncate(self, size: int | None = None) -> int:
        assert size is not None
        operation = Operation("truncate", self._path, offset=size)
        self._observe(operation, "before")
        length = super().truncate(size)
        self._observe(operation, "after")
        return length


@contextmanager
def observed(below: Path, observe: Observe) -> Iterator[None]:
    """Tell ``observe`` of all operations on files below a folder; what it raises, they raise."""
    opened, synced, removed = Path.open, os.fsync, shutil.rmtree

    def is_below(path: Path) -> bool:
        return path.absolute().is_relative_to(below.absolute())

    def open_(self: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if mode in ("xb", "r+b") and is_below(self):
            return _Written(self, mode, observe)
        return opened(self, mode, *rest, **named)

    def fsync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if not is_below(path):
            return synced(descriptor)
        observe(Operation("fsync", path), "before")
        synced(descriptor)
        observe(Operation("fsync", path), "after")

    def seen(kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Path, *rest: Any, **named: Any) -> Any:
            target = rest[0] if kind == "rename" else None
            if not is_below(path) or (kind == "mkdir" and path.exists()):
                return real(path, *rest, **named)
            if kind in ("unlink", "rmtree") and not path.exists():
                return real(path, *rest, **named)
            operation = Operation(kind, path, target)
            observe(operation, "before")
            result = real(path, *rest, **named)
            observe(operation, "after")
            return result

        return call

    with (
        patch.object(Path, "open", open_),
        patch.object(os, "fsync", fsync),
        patch.object(shutil, "rmtree", seen("rmtree", removed)),
        patch.object(Path, "rename", seen("rename", Path.rename)),
        patch.object(Path, "replace", seen("rename", Path.replace)),
        patch.object(Path, "mkdir", seen("mkdir", Path.mkdir)),
        patch.object(Path, "unlink", seen("unlink", Path.unlink)),
    ):
        yield


def recorded(below: Path, do: Callable[[], object]) -> list[Operation]:
    """Return the operations of ``do``, in their order."""
    found: list[Operation] = []

    def note(operation: Operation, phase: Phase) -> None:
        if phase == "after":
            found.append(operation)

    with observed(below, note):
        do()
    return found


def at_point(number: int, act: Callable[[], None]) -> Observe:
    """Return an observer that acts at the point of this number, counted from 0."""
    seen = iter(range(number + 1))

    def observe(operation: Operation, phase: Phase) -> None:
        if next(seen, None) == number:
            act()

    return observe
