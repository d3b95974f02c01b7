"""Row 7: disks that are full, read-only or broken, for a while or for good."""

import ctypes
import errno
import os
import random
import resource
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from convergan.core.progress import Progress

from .children import code_of
from .modes import Mode, mode_of
from .operations import Operation, Phase, observed
from .rows import Row, Trial
from .training import finished_as, newest, reference, said, train

STEPS = 100
BEGINS, ENDS = 33, 58
"""Steps between which the disk is broken: two or three checkpoints are due."""
STORAGE = 74
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)
NEW_NAMES, NEW_USER, PRIVATE, REMOUNT, READ_ONLY = 0x20000, 0x10000000, 0x44000, 0x20, 0x1
"""Of unshare(2) and mount(2)."""
TMPFS = 8_000_000


def perform(trial: int, place: Path) -> Trial:
    """Break the disk of one run in one of five ways."""
    ways = (_limited, _limited_for_good, _refused, _full, _read_only)
    return ways[trial % len(ways)](random.Random(trial), trial, place)


def _mode(trial: int) -> Mode:
    return mode_of(trial).of_length(STEPS)


def _check(
    mode: Mode,
    folder: Path,
    code: int,
    calm: str,
    codes: tuple[int, ...],
    told: Path | None = None,
) -> str:
    """See that what was committed is there, and that the same command ends as undisturbed."""
    lines = said(told or folder)
    if code not in codes or any("unexpected" in line for line in lines):
        return f"it ended with {code}: {lines[-1:]}"
    if code == STORAGE and not lines:
        return "it stopped without a word"
    if code != 0 and newest(folder) == 0 and any((folder / "checkpoints").glob("step-*")):
        return "no checkpoint verifies"
    if code == 0:
        return finished_as(mode, folder, code, calm)
    return finished_as(mode, folder, code_of(partial(train, mode, folder)), calm)


def _limit(size: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


def _between(begin: Callable[[], None], end: Callable[[], None]) -> Callable[[Progress], None]:
    def watch(event: Progress) -> None:
        if event.step == BEGINS:
            begin()
        if event.step == ENDS:
            end()

    return watch


def _limited(chance: random.Random, trial: int, place: Path) -> Trial:
    """Let files grow to a random size only, for a while."""
    mode, size = _mode(trial), chance.randrange(600, 60_000)
    calm, folder = reference(mode), place / "run"
    watch = _between(partial(_limit, size), partial(_limit, resource.RLIM_INFINITY))
    code = code_of(partial(_without_signal, mode, folder, watch))
    lost = _check(mode, folder, code, calm, (0,))
    if not lost and not any("could not be written" in line for line in said(folder)):
        lost = "nobody was told"
    return Trial(f"files of {size} bytes at most for {ENDS - BEGINS} steps", 1, lost)


def _without_signal(mode: Mode, folder: Path, watch: Callable[[Progress], None]) -> int:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    return train(mode, folder, watch=watch)


def _limited_for_good(chance: random.Random, trial: int, place: Path) -> Trial:
    mode, size = _mode(trial), chance.randrange(600, 60_000)
    calm, folder = reference(mode), place / "run"
    watch = _between(partial(_limit, size), lambda: None)
    code = code_of(partial(_without_signal, mode, folder, watch))
    lost = _check(mode, folder, code, calm, (STORAGE,))
    return Trial(f"files of {size} bytes at most from then on", 1, lost)


def _refused(chance: random.Random, trial: int, place: Path) -> Trial:
    """Let one operation fail, before it or when half is written."""
    mode, at = _mode(trial), chance.randrange(250)
    number, seen = chance.choice(ERRORS), iter(range(10**9))
    calm, folder = reference(mode), place / "run"

    def refuse(operation: Operation, phase: Phase) -> None:
        if phase != "after" and operation.kind != "rmtree" and next(seen) == at:
            raise OSError(number, os.strerror(number), str(operation.path))

    def body() -> int:
        with observed(folder, refuse):
            return train(mode, folder)

    lost = _check(mode, folder, code_of(body), calm, (0, STORAGE))
    return Trial(f"{errno.errorcode[number]} at operation {at}", 1, lost)


def _full(chance: random.Random, trial: int, place: Path) -> Trial:
    """Fill a small disk up to a random number of bytes, for a while or for good."""
    left, for_good = chance.randrange(40_000), trial % 2 == 0

    def fill(disk: Path) -> None:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "ballast").write_bytes(bytes(max(0, free - left)))

    def empty(disk: Path) -> None:
        if not for_good:
            (disk / "ballast").unlink()

    trial_of = partial(_on_small_disk, trial, place, fill, empty)
    codes = (STORAGE,) if for_good else (0,)
    return trial_of(codes, f"a disk with {left} bytes left {'for good' if for_good else ''}")


def _read_only(chance: random.Random, trial: int, place: Path) -> Trial:
    """Mount the disk anew as one to read only."""
    return _on_small_disk(
        trial, place, partial(_mount, REMOUNT | READ_ONLY), lambda _: None, (STORAGE,), "read-only"
    )


def _mount(flags: int, disk: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", bytes(disk), b"tmpfs", flags, b"size=%d" % TMPFS):
        raise OSError(ctypes.get_errno(), "mount")


def _on_small_disk(
    trial: int,
    place: Path,
    begin: Callable[[Path], None],
    end: Callable[[Path], None],
    codes: tuple[int, ...],
    injected: str,
) -> Trial:
    """Train on a disk in memory that only a child sees, and check there."""
    mode, disk = _mode(trial), place / "disk"
    calm, folder = reference(mode), disk / "run"
    disk.mkdir()

    def body() -> int:
        libc = ctypes.CDLL(None, use_errno=True)
        flags = NEW_NAMES if os.geteuid() == 0 else NEW_NAMES | NEW_USER
        if libc.unshare(flags) or libc.mount(None, b"/", None, PRIVATE, None):
            return 77
        _mount(0, disk)
        watch = _between(partial(begin, disk), partial(end, disk))
        words = place / "run"  # what it says goes to another disk

        def told() -> int:
            return train(mode, folder, watch=watch, told=words)

        code = code_of(told)
        _mount(REMOUNT, disk)
        (disk / "ballast").unlink(missing_ok=True)
        (place / "lost").write_text(_check(mode, folder, code, calm, codes, words))
        return 0

    code = code_of(body)
    if code == 77:
        return Trial("no small disk can be made here", 0)
    lost = (place / "lost").read_text() if code == 0 else f"the trial ended with {code}"
    return Trial(injected, 1, lost)


STORES = Row(
    number=7,
    fault="full, limited, read-only and failing disks, for a while or for good",
    holds="committed checkpoints intact; goes on, or stops with 74; then as undisturbed",
    ci=12,
    full=400,
    perform=perform,
)
