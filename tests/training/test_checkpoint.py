import errno
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from convergan.core.files import canonical_json, replace_file
from convergan.training import CheckpointError
from convergan.training.checkpoint import (
    LARGEST_MANIFEST,
    MANIFEST,
    TENSORS,
    clear_leftovers,
    folder_of,
    read,
    read_latest,
    read_newest,
    require_same_layout,
    save,
)

CONFIG = "c0ffee"
STATE = {"weight": torch.linspace(-1, 1, 4096).view(64, 64), "step": torch.tensor(7)}


def commit(root: Path, step: int, *, keep: int = 9, state: dict[str, Tensor] = STATE) -> Path:
    extra = {"seconds": 1.5, "log_bytes": 12}
    return save(root, state, step=step, config_sha256=CONFIG, extra=extra, keep=keep)


def same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        (a.dtype, a.shape) == (other[name].dtype, other[name].shape)
        and torch.equal(
            a.contiguous().view(-1).view(torch.uint8),
            other[name].contiguous().view(-1).view(torch.uint8),
        )
        for name, a in one.items()
    )


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


# --- what is saved comes back --------------------------------------------------------------------


def test_every_type_and_shape_comes_back_bit_for_bit(tmp_path: Path) -> None:
    matrix = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    state = {
        "float32": matrix,
        "float64": matrix.double() / 3,
        "bfloat16": matrix.bfloat16(),
        "float16": matrix.half(),
        "int64": torch.tensor([-(2**63), 2**63 - 1]),
        "uint8": torch.arange(256, dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(5e-324, dtype=torch.float64),
        "minus zero": torch.tensor([-0.0, 0.0, 1e-45]),
        "nothing": torch.empty(0, 3),
        "transposed": matrix.t(),
        "part": matrix[1:3, ::2],
        "shared": matrix,
        "trained": torch.nn.Parameter(matrix.clone()),
        "ünï.code/name": torch.ones(1),
    }
    found = read(commit(tmp_path, 3, state=state), config_sha256=CONFIG)
    assert same_bits({name: tensor.detach() for name, tensor in state.items()}, found.tensors)
    assert found.step == 3
    assert found.extra == {"seconds": 1.5, "log_bytes": 12}
    assert found.folder == folder_of(tmp_path, 3) == tmp_path / "step-000000003"


def test_what_was_read_is_a_copy(tmp_path: Path) -> None:
    folder = commit(tmp_path, 1)
    read(folder, config_sha256=CONFIG).tensors["weight"].zero_()
    assert same_bits(read(folder, config_sha256=CONFIG).tensors, STATE)


def test_the_newest_of_several_is_read(tmp_path: Path) -> None:
    for step in (2, 10, 9):
        commit(tmp_path, step)
    found, refused = read_latest(tmp_path, config_sha256=CONFIG)
    assert found is not None and found.step == 10 and not refused


def test_without_any_checkpoint_nothing_is_found(tmp_path: Path) -> None:
    assert read_latest(tmp_path, config_sha256=CONFIG) == (None, [])
    assert read_latest(tmp_path / "missing", config_sha256=CONFIG) == (None, [])


@pytest.mark.parametrize(
    ("keep", "left"), [(1, [5]), (2, [4, 5]), (3, [3, 4, 5]), (9, range(1, 6))]
)
def test_the_last_few_are_kept(tmp_path: Path, keep: int, left: list[int]) -> None:
    for step in range(1, 6):
        commit(tmp_path, step, keep=keep)
    assert names(tmp_path) == [folder_of(tmp_path, step).name for step in left]


def test_the_newest_stays_even_where_none_should_be_kept(tmp_path: Path) -> None:
    commit(tmp_path, 1)
    assert commit(tmp_path, 2, keep=0).is_dir()


def test_a_good_checkpoint_of_the_same_step_is_kept(tmp_path: Path) -> None:
    before = commit(tmp_path, 1).stat().st_ino
    other = {"weight": torch.zeros(1), "step": torch.tensor(8)}
    folder = commit(tmp_path, 1, state=other)
    assert folder.stat().st_ino == before
    assert same_bits(read(folder, config_sha256=CONFIG).tensors, STATE)


def test_a_bad_checkpoint_of_the_same_step_is_moved_aside(tmp_path: Path) -> None:
    folder = commit(tmp_path, 1)
    (folder / TENSORS).write_bytes(b"junk")
    assert commit(tmp_path, 1) == folder
    assert same_bits(read(folder, config_sha256=CONFIG).tensors, STATE)
    [moved] = tmp_path.glob(".bad-step-000000001-*")
    assert (moved / TENSORS).read_bytes() == b"junk"


def test_leftovers_of_an_interrupted_save_are_cleared_and_nothing_else(tmp_path: Path) -> None:
    folder = commit(tmp_path, 1)
    for name in (
        ".tmp-step-000000002-00ff",
        ".del-step-000000000-00ff",
        ".bad-step-000000003-00ff",
    ):
        shutil.copytree(folder, tmp_path / name)
    clear_leftovers(tmp_path)
    assert names(tmp_path) == [".bad-step-000000003-00ff", "step-000000001"]
    clear_leftovers(tmp_path / "missing")


def test_leftovers_are_never_taken_for_checkpoints(tmp_path: Path) -> None:
    folder = commit(tmp_path, 1)
    shutil.copytree(folder, tmp_path / ".tmp-step-000000002-00ff")
    found, refused = read_latest(tmp_path, config_sha256=CONFIG)
    assert found is not None and found.step == 1 and not refused


# --- damage --------------------------------------------------------------------------------------


def edit_manifest(folder: Path, *, rehash: bool = False, **changes: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text()) | changes
    if rehash:
        rest = {key: value for key, value in manifest.items() if key != "self_sha256"}
        manifest["self_sha256"] = hashlib.sha256(canonical_json(rest).encode()).hexdigest()
    (folder / MANIFEST).write_text(canonical_json(manifest))


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def zero_a_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)


def repeat_a_key(folder: Path) -> None:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text('{"schema":1,' + text[1:])


def put_a_link_in_the_place_of(path: Path) -> None:
    elsewhere = path.parent.parent / f"elsewhere-{path.name}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def put_a_folder_in_the_place_of(path: Path) -> None:
    path.unlink()
    path.mkdir()


def empty_the_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def put_a_file_in_the_place_of_the_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "tensors cut by a byte": (lambda f: cut(f / TENSORS, -1), f"{TENSORS} has"),
    "tensors cut in half": (lambda f: cut(f / TENSORS, 8000), f"{TENSORS} has 8000 bytes"),
    "tensors emptied": (lambda f: cut(f / TENSORS, 0), f"{TENSORS} has 0 bytes"),
    "tensors grown": (
        lambda f: (f / TENSORS).write_bytes((f / TENSORS).read_bytes() + b"\0"),
        f"{TENSORS} has",
    ),
    "a page of zeros": (lambda f: zero_a_page(f / TENSORS), f"{TENSORS} is damaged"),
    "manifest cut": (lambda f: cut(f / MANIFEST, -1), f"{MANIFEST} is not a manifest"),
    "manifest emptied": (lambda f: cut(f / MANIFEST, 0), f"{MANIFEST} is not a manifest"),
    "manifest of zeros": (
        lambda f: (f / MANIFEST).write_bytes(bytes(400)),
        f"{MANIFEST} is not a manifest",
    ),
    "manifest a list": (lambda f: (f / MANIFEST).write_text("[]"), f"{MANIFEST} is damaged"),
    "manifest too deep": (
        lambda f: (f / MANIFEST).write_text("[" * 500_000),
        f"{MANIFEST} is not a manifest",
    ),
    "manifest too large": (
        lambda f: (f / MANIFEST).write_bytes(b" " * (LARGEST_MANIFEST + 1)),
        f"{MANIFEST} is larger than {LARGEST_MANIFEST} bytes",
    ),
    "a repeated key": (repeat_a_key, f"{MANIFEST} is not a manifest: duplicate keys"),
    "another step written in": (lambda f: edit_manifest(f, step=9), f"{MANIFEST} is damaged"),
    "another config written in": (
        lambda f: edit_manifest(f, config_sha256="x"),
        f"{MANIFEST} is damaged",
    ),
    "no hash of itself": (lambda f: edit_manifest(f, self_sha256=None), f"{MANIFEST} is damaged"),
    "a future schema": (lambda f: edit_manifest(f, rehash=True, schema=99), "schema 99"),
    "another config": (
        lambda f: edit_manifest(f, rehash=True, config_sha256="x"),
        "was written under other settings",
    ),
    "tensors missing": (lambda f: (f / TENSORS).unlink(), f"must hold {MANIFEST} and {TENSORS}"),
    "manifest missing": (lambda f: (f / MANIFEST).unlink(), f"{MANIFEST} is missing"),
    "a file too many": (lambda f: (f / "extra").touch(), "has ['extra', "),
    "an empty folder": (empty_the_folder, f"{MANIFEST} is missing"),
    "a file, no folder": (put_a_file_in_the_place_of_the_folder, f"{MANIFEST} is missing"),
    "tensors a link": (
        lambda f: put_a_link_in_the_place_of(f / TENSORS),
        f"{TENSORS} is missing or not a regular file",
    ),
    "manifest a link": (
        lambda f: put_a_link_in_the_place_of(f / MANIFEST),
        f"{MANIFEST} is missing or not a regular file",
    ),
    "tensors a folder": (
        lambda f: put_a_folder_in_the_place_of(f / TENSORS),
        f"{TENSORS} is missing or not a regular file",
    ),
    "manifest a folder": (
        lambda f: put_a_folder_in_the_place_of(f / MANIFEST),
        f"{MANIFEST} is missing or not a regular file",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_checkpoint_is_refused_in_one_line_and_the_one_before_is_taken(
    tmp_path: Path, kind: str
) -> None:
    damage, reason = DAMAGE[kind]
    commit(tmp_path, 1)
    folder = commit(tmp_path, 2, state={"weight": torch.ones(9000)})
    damage(folder)
    with pytest.raises(CheckpointError) as refused:
        read(folder, config_sha256=CONFIG)
    message = str(refused.value)
    assert reason in message and str(folder) in message and "\n" not in message
    found, reasons = read_latest(tmp_path, config_sha256=CONFIG)
    assert found is not None and found.step == 1 and same_bits(found.tensors, STATE)
    assert reasons == [message]


def test_an_older_checkpoint_is_not_taken_for_the_newest(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no usable checkpoint in .*: none$"):
        read_newest(tmp_path, config_sha256=CONFIG)
    for step in (1, 2):
        commit(tmp_path, step)
    assert read_newest(tmp_path, config_sha256=CONFIG).step == 2
    cut(folder_of(tmp_path, 2) / TENSORS, 100)
    with pytest.raises(CheckpointError, match="step-000000002.*; remove it to use that of step 1$"):
        read_newest(tmp_path, config_sha256=CONFIG)


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    commit(tmp_path, 1)
    folder = commit(tmp_path, 2)
    chance = random.Random(0)
    for file in [folder / TENSORS, folder / MANIFEST] * 30:
        good = file.read_bytes()
        bad = bytearray(good)
        place = chance.randrange(len(bad))
        bad[place] ^= 1 << chance.randrange(8)
        file.write_bytes(bad)
        with pytest.raises(CheckpointError, match=file.name):
            read(folder, config_sha256=CONFIG)
        found, reasons = read_latest(tmp_path, config_sha256=CONFIG)
        assert found is not None and found.step == 1 and len(reasons) == 1
        file.write_bytes(good)
    assert read(folder, config_sha256=CONFIG).step == 2


def test_where_none_is_good_all_are_reported_the_newest_first(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        (commit(tmp_path, step) / TENSORS).unlink()
    found, reasons = read_latest(tmp_path, config_sha256=CONFIG)
    assert found is None
    assert [f"step-00000000{n}" in reason for n, reason in zip("321", reasons, strict=True)] == [
        True,
        True,
        True,
    ]


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    folder = commit(tmp_path, 1)
    with pytest.raises(CheckpointError, match="step-000000001 was written under other settings"):
        read(folder, config_sha256="another")


# --- the disk ------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_a_save_that_the_disk_refuses_leaves_the_earlier_checkpoint_and_no_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    commit(tmp_path, 1)
    calls = iter(range(1, 9))
    sync = os.fsync

    def full(descriptor: int) -> None:
        if next(calls) == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        commit(tmp_path, 2, keep=1)
    monkeypatch.undo()
    assert same_bits(read(folder_of(tmp_path, 1), config_sha256=CONFIG).tensors, STATE)
    whole = ["step-000000002"] if failing == 4 else []  # the last sync comes after the rename
    assert names(tmp_path) == ["step-000000001", *whole]
    assert same_bits(read(commit(tmp_path, 2), config_sha256=CONFIG).tensors, STATE)


def test_files_are_synced_then_their_folder_then_renamed_then_the_parent_then_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(tmp_path, 1)
    events: list[str] = []
    sizes: dict[str, int] = {}
    sync, rename = os.fsync, Path.rename

    def kind(path: Path) -> str:
        return path.name.split("-step-")[0]

    def recorded_sync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        events.append(f"sync {kind(path)}")
        sizes[path.name] = os.fstat(descriptor).st_size
        sync(descriptor)

    def recorded_rename(self: Path, target: Path) -> Path:
        events.append(f"rename {kind(self)} to {kind(target)}")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(Path, "rename", recorded_rename)
    folder = commit(tmp_path, 2, keep=1)
    assert events == [
        f"sync {TENSORS}",
        f"sync {MANIFEST}",
        "sync .tmp",
        "rename .tmp to step-000000002",
        f"sync {tmp_path.name}",
        "rename step-000000001 to .del",
    ]
    for name in (TENSORS, MANIFEST):  # all bytes had left our buffers when the disk was asked
        assert sizes[name] == (folder / name).stat().st_size > 0
    assert names(tmp_path) == ["step-000000002"]


def test_a_replaced_file_is_wholly_old_where_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "result.json"
    replace_file(file, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(file, b"new")
    monkeypatch.undo()
    assert names(tmp_path) == ["result.json"] and file.read_bytes() == b"old"
    replace_file(file, b"new")
    assert names(tmp_path) == ["result.json"] and file.read_bytes() == b"new"


# --- canonical spelling and layout ---------------------------------------------------------------


def test_the_manifest_is_written_in_the_canonical_spelling(tmp_path: Path) -> None:
    text = (commit(tmp_path, 1) / MANIFEST).read_text()
    assert text == canonical_json(json.loads(text))


def test_canonical_json_has_one_spelling_and_no_infinity() -> None:
    assert canonical_json({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            canonical_json({"a": value})


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"a": torch.ones(2)}, "tensor b is missing from the checkpoint"),
        (
            {"a": torch.ones(2), "b": torch.ones((), dtype=torch.int64), "c": torch.ones(1)},
            "tensor c is unexpected in the checkpoint",
        ),
        (
            {"a": torch.ones(3), "b": torch.ones((), dtype=torch.int64)},
            r"tensor a is torch.float32 \(3,\) in the checkpoint, torch.float32 \(2,\) here",
        ),
        (
            {"a": torch.ones(2), "b": torch.ones(())},
            r"tensor b is torch.float32 \(\) in the checkpoint, torch.int64 \(\) here",
        ),
        (
            {"a": torch.tensor([1, torch.nan]), "b": torch.ones((), dtype=torch.int64)},
            "tensor a of the checkpoint is not finite",
        ),
        (
            {"a": torch.tensor([-torch.inf, 1]), "b": torch.ones((), dtype=torch.int64)},
            "tensor a of the checkpoint is not finite",
        ),
    ],
)
def test_a_state_of_another_layout_or_with_values_not_finite_is_refused(
    found: dict[str, Tensor], reason: str
) -> None:
    expected = {"a": torch.zeros(2), "b": torch.zeros((), dtype=torch.int64)}
    with pytest.raises(CheckpointError, match=reason):
        require_same_layout(found, expected)


def test_a_state_of_the_same_layout_passes() -> None:
    require_same_layout(STATE, {name: torch.zeros_like(tensor) for name, tensor in STATE.items()})


def test_pruning_never_removes_the_checkpoint_just_written(tmp_path: Path) -> None:
    commit(tmp_path, 1)
    folder_of(tmp_path, 9).mkdir()  # damaged, and of a later step
    folder = commit(tmp_path, 2, keep=1)
    assert read(folder, config_sha256=CONFIG).step == 2


def test_a_checkpoint_under_the_name_of_another_step_is_refused(tmp_path: Path) -> None:
    moved = commit(tmp_path, 1).rename(folder_of(tmp_path, 7))
    with pytest.raises(CheckpointError, match="step"):
        read(moved, config_sha256=CONFIG)


def test_an_infinite_number_in_a_manifest_is_refused(tmp_path: Path) -> None:
    folder = commit(tmp_path, 1)
    text = (folder / MANIFEST).read_text().replace("1.5", "1e999")
    (folder / MANIFEST).write_text(text)
    with pytest.raises(CheckpointError, match=MANIFEST):
        read(folder, config_sha256=CONFIG)
