"""Each sync of the writers has its reason: without it, some crash loses what was promised."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

from convergan.core.files import replace_file
from convergan.training.checkpoint import clear_leftovers, read_latest, save
from faults.crashes import Folder, disks_after_a_crash, disks_at_the_end, write_folder
from faults.operations import Operation, recorded

pytestmark = pytest.mark.slow

CONFIG = "c0ffee"


def commit(root: Path, step: int) -> None:
    tensors = {"step": torch.tensor(step), "weight": torch.full((64,), float(step))}
    save(root, tensors, step=step, config_sha256=CONFIG, extra={}, keep=1)


def operations_of_a_save(place: Path) -> tuple[Path, list[Operation]]:
    """Commit step 2 after step 1, in ``place``; return how it was before, and what was done."""
    root, before = place / "root", place / "before"
    commit(root, 1)
    shutil.copytree(root, before)
    done = recorded(root, lambda: commit(root, 2))
    moved = [
        operation._replace(
            path=before / operation.path.relative_to(root),
            target=operation.target and before / operation.target.relative_to(root),
        )
        for operation in done
    ]
    return before, moved


def steps_found(disks: Iterator[Folder], place: Path) -> Iterator[int]:
    """Yield the step of the checkpoint that each disk has, 0 for none."""
    for disk in disks:
        shutil.rmtree(place, ignore_errors=True)
        write_folder(disk, place)
        clear_leftovers(place)
        found, _ = read_latest(place, config_sha256=CONFIG)
        yield int(found.tensors["weight"][0]) if found else 0


def test_a_save_writes_syncs_renames_syncs_and_only_then_prunes(tmp_path: Path) -> None:
    before, operations = operations_of_a_save(tmp_path)
    spelled = [
        f"{operation.kind} {operation.path.relative_to(before).as_posix().split('-')[0]}"
        + operation.path.suffix * (operation.path.suffix in (".json", ".safetensors"))
        for operation in operations
    ]
    assert spelled == [
        "mkdir .tmp",
        "create .tmp.safetensors",
        "write .tmp.safetensors",
        "flush .tmp.safetensors",
        "fsync .tmp.safetensors",
        "flush .tmp.safetensors",  # of closing
        "create .tmp.json",
        "write .tmp.json",
        "flush .tmp.json",
        "fsync .tmp.json",
        "flush .tmp.json",
        "fsync .tmp",
        "rename .tmp",
        "fsync .",
        "rename step",
        "rmtree .del",
    ]


def test_after_a_crash_at_any_point_the_new_or_the_old_checkpoint_is_whole(tmp_path: Path) -> None:
    before, operations = operations_of_a_save(tmp_path)
    found = list(steps_found(disks_after_a_crash(before, operations), tmp_path / "disk"))
    assert set(found) == {1, 2} and len(found) > 60
    assert set(steps_found(disks_at_the_end(before, operations), tmp_path / "disk")) == {2}


def syncs(operations: Sequence[Operation]) -> list[int]:
    return [place for place, operation in enumerate(operations) if operation.kind == "fsync"]


@pytest.mark.parametrize("number", range(4))
def test_without_any_one_sync_some_crash_leaves_no_checkpoint(tmp_path: Path, number: int) -> None:
    before, operations = operations_of_a_save(tmp_path)
    del operations[syncs(operations)[number]]
    assert len(syncs(operations)) == 3
    found = steps_found(disks_after_a_crash(before, operations), tmp_path / "disk")
    assert 0 in found


def replaced(place: Path, leave_out: Callable[[Operation], bool]) -> tuple[set[bytes], set[bytes]]:
    """Replace a file; return what it may hold after a crash on the way, and at the end."""
    root, before = place / "root", place / "before"
    root.mkdir()
    (root / "result.json").write_bytes(b"old")
    shutil.copytree(root, before)
    done = recorded(root, lambda: replace_file(root / "result.json", b"a new one"))
    operations = [
        operation._replace(
            path=before / operation.path.relative_to(root),
            target=operation.target and before / operation.target.relative_to(root),
        )
        for operation in done
        if not leave_out(operation)
    ]

    def held(disks: Iterator[Folder]) -> set[bytes]:
        return {node.kept for disk in disks if (node := disk.kept["result.json"])}  # type: ignore

    return held(disks_after_a_crash(before, operations)), held(disks_at_the_end(before, operations))


def test_after_a_crash_a_replaced_file_is_wholly_old_or_new(tmp_path: Path) -> None:
    on_the_way, at_the_end = replaced(tmp_path, lambda operation: False)
    assert on_the_way == {b"old", b"a new one"} and at_the_end == {b"a new one"}


def test_without_its_sync_a_replaced_file_may_be_empty(tmp_path: Path) -> None:
    _, at_the_end = replaced(
        tmp_path, lambda operation: operation.kind == "fsync" and operation.path.suffix != ""
    )
    assert b"" in at_the_end


def test_without_that_of_its_folder_a_replaced_file_may_be_the_old_one(tmp_path: Path) -> None:
    _, at_the_end = replaced(
        tmp_path, lambda operation: operation.kind == "fsync" and operation.path.suffix == ""
    )
    assert at_the_end == {b"old", b"a new one"}
