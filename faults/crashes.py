"""What a disk may hold after a crash: every state that the operations before it allow.

The page cache outlives a killed process, so kills say nothing about fsync. Here recorded operations
are replayed up to any point, and whatever had not been synced by then is on the disk or is not, in
all combinations: names in a folder until the folder is synced, bytes of a file until the file is;
these may also be there by half, or as zeros. Method of ALICE: Pillai et al., "All File Systems Are
Not Created Equal", OSDI 2014.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple, Union

from .operations import Operation

Node = Union["Folder", "File"]


class File:
    """A file's bytes as the operating system sees them, and as the disk has them."""

    def __init__(self, data: bytes = b"") -> None:
        """Begin with the same on both."""
        self.data = self.kept = data


class Folder:
    """A folder's names as the operating system sees them, and as the disk has them."""

    def __init__(self) -> None:
        """Begin empty."""
        self.names: dict[str, Node] = {}
        self.kept: dict[str, Node] = {}


class _Names(NamedTuple):
    """Names of one folder that change together; None takes a name away."""

    folder: Folder
    changes: dict[str, Node | None]


class _Bytes(NamedTuple):
    """What a file holds after a write."""

    file: File
    data: bytes


_Effect = _Names | _Bytes


def disks_after_a_crash(before: Path, operations: Sequence[Operation]) -> Iterator[Folder]:
    """Yield every disk that a crash within or after some operations may leave.

    Args:
        before: the folder as it was, with all of it on the disk.
        operations: on what is below ``before``, in their order.

    Yields:
        The folder on the disk, in `Folder.kept`; it changes with the next one.
    """
    root = read_folder(before)
    pending: list[_Effect] = []
    for operation in operations:
        pending = _perform(root, before, operation, pending)
        yield from _choices(root, pending)


def disks_at_the_end(before: Path, operations: Sequence[Operation]) -> Iterator[Folder]:
    """Yield every disk that a crash after all the operations may leave."""
    root = read_folder(before)
    pending: list[_Effect] = []
    for operation in operations:
        pending = _perform(root, before, operation, pending)
    yield from _choices(root, pending)


def read_folder(path: Path) -> Folder:
    """Return a folder as it is."""
    folder = Folder()
    for child in path.iterdir():
        node = read_folder(child) if child.is_dir() else File(child.read_bytes())
        folder.names[child.name] = node
    folder.kept = dict(folder.names)
    return folder


def write_folder(folder: Folder, path: Path) -> None:
    """Write what the disk has of a folder."""
    path.mkdir(parents=True)
    for name, node in folder.kept.items():
        if isinstance(node, Folder):
            write_folder(node, path / name)
        else:
            (path / name).write_bytes(node.kept)


def _perform(
    root: Folder, place: Path, operation: Operation, pending: list[_Effect]
) -> list[_Effect]:
    """Change what the operating system sees; return what the disk may lack then."""
    kind, path = operation.kind, operation.path
    if kind == "fsync":
        synced = _find(root, path.relative_to(place))
        for effect in pending:
            if effect[0] is synced:
                _apply(effect)
        return [effect for effect in pending if effect[0] is not synced]
    if kind == "flush":
        return pending
    if kind in ("write", "truncate"):
        file = _find(root, path.relative_to(place))
        assert isinstance(file, File)
        file.data = file.data[: operation.offset] + operation.data
        return [*pending, _Bytes(file, file.data)]
    parent = _find(root, path.parent.relative_to(place))
    assert isinstance(parent, Folder)
    changes: dict[str, Node | None]
    if kind == "rename":
        assert operation.target is not None and operation.target.parent == path.parent
        changes = {path.name: None, operation.target.name: parent.names[path.name]}
    elif kind in ("unlink", "rmtree"):
        changes = {path.name: None}
    else:
        changes = {path.name: File() if kind == "create" else Folder()}
    _change(parent.names, changes)
    return [*pending, _Names(parent, changes)]


def _choices(root: Folder, pending: Sequence[_Effect]) -> Iterator[Folder]:
    """Set the disk to each combination of what is not synced; then back."""
    folders = {
        id(e.folder): (e.folder, dict(e.folder.kept)) for e in pending if isinstance(e, _Names)
    }
    files = {id(e.file): (e.file, e.file.kept) for e in pending if isinstance(e, _Bytes)}
    for chosen in product(*(_variants(effect) for effect in pending)):
        for effect in chosen:
            if effect is not None:
                _apply(effect)
        yield root
        for folder, names in folders.values():
            folder.kept = dict(names)
        for file, data in files.values():
            file.kept = data


def _variants(effect: _Effect) -> Iterator[_Effect | None]:
    yield None
    yield effect
    if isinstance(effect, _Bytes):
        yield _Bytes(effect.file, effect.data[: len(effect.data) // 2])
        yield _Bytes(effect.file, bytes(len(effect.data)))


def _apply(effect: _Effect) -> None:
    if isinstance(effect, _Names):
        _change(effect.folder.kept, effect.changes)
    else:
        effect.file.kept = effect.data


def _change(names: dict[str, Node], changes: dict[str, Node | None]) -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _find(root: Folder, path: Path) -> Node:
    node: Node = root
    for name in path.parts:
        assert isinstance(node, Folder)
        node = node.names[name]
    return node
