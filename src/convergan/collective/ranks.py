"""The processes of one run: who they are, what they tell each other, and who is missed.

`join` reads what ``torchrun`` puts into the environment. Two groups are formed: a quick one for
what a step exchanges, whose time-out is short, and a patient one for the times between steps, when
one process writes or judges and the others wait.

A process that leaves says so, with its exit code and one line, in the rendezvous' store, so that
all leave with the same code and rank 0 prints the line. If the exchange breaks and nobody has said
so, a process is lost: all who are left answer a roll call, and those who do not answer are named,
with what they were last seen at. What they were seen at is noted from the loop itself, as a thread
beside it would go on noting after the loop hangs.
"""

import json
import os
import platform
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

LOST = 75
PATIENCE = timedelta(hours=2)
ROLL_CALL = 4.0
"""Seconds that those who are left wait for the others' answer."""
GOOD_BYE = 10.0
"""Seconds that one who leaves waits for the others to have heard why."""
NOTED_EVERY = 1.0
"""Seconds between two notes of where a process is."""


class PeerLostError(Exception):
    """A process of the run that is gone or hangs; the message names it.

    Attributes:
        leader: whether rank 0 is among the lost.
    """

    def __init__(self, message: str, *, leader: bool = False) -> None:
        """Keep the message, and who is left to print it."""
        super().__init__(message)
        self.leader = leader


class ToldToLeaveError(Exception):
    """What made another process leave; this one leaves with the same code.

    Attributes:
        code: exit code.
    """

    def __init__(self, code: int, message: str) -> None:
        """Keep the other's code and line."""
        super().__init__(message)
        self.code = code


class Ranks:
    """One process alone: all that it would tell others goes nowhere.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
    """

    rank = 0
    size = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    def mark(self, *, step: int | None = None, phase: str) -> None:
        """Note where this process is, for the others to say if it is lost."""

    def require_same(self, facts: Mapping[str, str], hint: str) -> None:
        """See that all processes have the same facts.

        Args:
            facts: by name.
            hint: end of the message.

        Raises:
            ValueError: in every process, naming the first fact that differs, and where.
        """

    def tell(self, value: Any) -> Any:
        """Return rank 0's plain value to all."""
        return value

    def tell_tensor(self, tensor: Tensor) -> Tensor:
        """Return rank 0's tensor to all, of whom each has one of this shape and type."""
        return tensor

    def first_word(self, word: str) -> str:
        """Return to all the first word that is said in any process; nothing if none is."""
        return word

    def turns(self, count: int) -> slice:
        """Return which of ``count`` pieces of work this process does: a run of neighbours.

        Example:
            >>> "abcde"[ALONE.turns(5)]  # alone it does them all
            'abcde'
        """
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def merge(self, pieces: Sequence[Tensor], *, to_all: bool = True) -> Tensor:
        """Return what all processes did in their `turns`, as one tensor, in the order of the work.

        Args:
            pieces: what this one did, (n, *shape) each; none where it had no turn.
            to_all: give it to all; otherwise to rank 0, and to the others no rows.
        """
        return torch.cat(list(pieces))

    def gather_plain(self, value: Any) -> list[Any]:
        """Return the plain values of all processes, in their order, to all."""
        return [value]

    def heed(self) -> None:
        """Look whether another process has left or was killed, where the next exchange is far.

        Raises:
            ToldToLeaveError: if one has left.
            PeerLostError: if one of this machine has ended without a word.
        """

    def wait(self) -> None:
        """Wait, patiently, until all are here."""

    def all_gather(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """Return the rows of all processes, of which each has ``counts[rank]``."""
        return rows

    def all_reduce(self, value: Tensor) -> Tensor:
        """Return the sum of ``value`` over processes."""
        return value

    def add_up(self, value: Tensor) -> None:
        """Put the sum of ``value`` over processes in its place."""

    def finish(self) -> None:
        """Tell the others that this process has done its part; rank 0 stays until all have."""

    def leave(self, code: int, message: str) -> bool:
        """Tell the others that this process leaves, and why, and wait until they have heard.

        Returns:
            Whether it is the first to leave.
        """
        return True


ALONE = Ranks()


class Joined(Ranks):
    """Several processes that train as one. Made by `join`.

    Args:
        store: of the rendezvous.
        rank: number of this process.
        size: number of processes.
        backend: ``gloo``, or ``nccl`` where each process has a GPU.
        seconds: time-out of what a step exchanges.

    Attributes:
        given: bytes that this process gave to exchanges of steps, and how many there were.
    """

    def __init__(self, store: Store, rank: int, size: int, *, backend: str, seconds: float) -> None:
        """Form both groups."""
        self.rank, self.size = rank, size
        self._store = PrefixStore("convergan", store)
        self._store.set_timeout(timedelta(seconds=seconds))
        self._seen = {"host": platform.node(), "process": os.getpid(), "step": 0, "phase": "start"}
        self._noted = self._heeded = float("-inf")
        self._missing: list[int] = []
        self._device = torch.device("cuda" if backend == "nccl" else "cpu")
        self.given = {"bytes": 0, "calls": 0}
        self.mark(phase="start")
        limit = timedelta(seconds=seconds)
        with self._exchanging():
            dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=limit)
            self._patient: dist.ProcessGroup | None = dist.new_group(
                backend="gloo", timeout=PATIENCE
            )

    # --- what a step exchanges ----------------------------------------------------

    def all_gather(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """Gather rows, padded to the same number on their way."""
        most = max(counts)
        padded = rows.contiguous()
        if len(rows) < most:
            padded = torch.cat([rows, rows.new_zeros(most - len(rows), *rows.shape[1:])])
        received = rows.new_empty(self.size, most, *rows.shape[1:])
        self._count(padded)
        with self._exchanging():
            dist.all_gather(list(received), padded)
        return torch.cat([part[:count] for part, count in zip(received, counts, strict=True)])

    def all_reduce(self, value: Tensor) -> Tensor:
        """Add up a copy of ``value``."""
        summed = value.detach().clone(memory_format=torch.contiguous_format)
        self.add_up(summed)
        return summed

    def add_up(self, value: Tensor) -> None:
        """Add up in place."""
        self._count(value)
        with self._exchanging():
            dist.all_reduce(value)

    def first_word(self, word: str) -> str:
        """Add up who has something to say, and gather the words if anybody has."""
        speakers = torch.tensor(float(bool(word)), device=self._device)
        self.add_up(speakers)
        return next(filter(None, self.gather_plain(word))) if speakers.item() else ""

    def _count(self, given: Tensor) -> None:
        self.given["bytes"] += given.numel() * given.element_size()
        self.given["calls"] += 1

    # --- between steps ----------------------------------------------------

    def mark(self, *, step: int | None = None, phase: str) -> None:
        """Note a step or phase, in the store at most once a second."""
        self._seen["phase"] = phase
        if step is not None:
            self._seen["step"] = step
        now = time.time()
        if now - self._noted > NOTED_EVERY:
            self._noted = now
            with suppress(RuntimeError):  # that the store is gone comes out where it matters
                self._store.set(f"seen/{self.rank}", json.dumps({**self._seen, "time": now}))

    def require_same(self, facts: Mapping[str, str], hint: str) -> None:
        """Compare the facts of all processes."""
        everyone: list[Mapping[str, str]] = self.gather_plain(dict(facts))
        for name in {name: None for found in everyone for name in found}:
            for rank, found in enumerate(everyone):
                if found.get(name) != everyone[0].get(name):
                    raise ValueError(f"{name} is not the same in process 0 and {rank}: {hint}")

    def tell(self, value: Any) -> Any:
        """Gather plain values and take that of rank 0."""
        return self.gather_plain(value if self.leads else None)[0]

    def tell_tensor(self, tensor: Tensor) -> Tensor:
        """Broadcast a copy from rank 0."""
        copy = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        with self._exchanging():
            dist.broadcast(copy, 0, group=self._patient)
        return copy.to(tensor.device)

    def merge(self, pieces: Sequence[Tensor], *, to_all: bool = True) -> Tensor:
        """Let each process broadcast what it did."""
        own = torch.cat(list(pieces)).detach() if pieces else None
        mine = own is not None and [str(own.dtype).removeprefix("torch."), *own.shape]
        facts = self.gather_plain(mine)
        name, _, *shape = next(fact for fact in facts if fact)
        counts = [fact[1] if fact else 0 for fact in facts]
        kept = self.leads or to_all
        merged = torch.empty(sum(counts) if kept else 0, *shape, dtype=getattr(torch, name))
        first = 0
        for rank, count in enumerate(counts):
            part = merged[first : first + count] if kept else merged.new_empty(count, *shape)
            if own is not None and rank == self.rank:
                part.copy_(own)
            if count:
                with self._exchanging():
                    dist.broadcast(part, rank, group=self._patient)
            first += count
        return merged if own is None else merged.to(own.device)

    def heed(self) -> None:
        """Look into the store, at most once a second."""
        now = time.monotonic()
        if now - self._heeded > NOTED_EVERY:
            self._heeded = now
            with self._exchanging():
                self._require_nobody_left()
                if any(map(self._has_ended, range(self.size))):
                    raise RuntimeError("a process has ended")

    def wait(self) -> None:
        """Wait at a barrier of the patient group."""
        with self._exchanging():
            dist.barrier(group=self._patient)

    def gather_plain(self, value: Any) -> list[Any]:
        """Send values as JSON, padded to the same number of bytes on their way."""
        data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        sizes = torch.zeros(self.size, dtype=torch.int64)
        sizes[self.rank] = len(data)
        with self._exchanging():
            dist.all_reduce(sizes, group=self._patient)
            padded = torch.cat([data, data.new_zeros(int(sizes.max()) - len(data))])
            received = [torch.empty_like(padded) for _ in range(self.size)]
            dist.all_gather(received, padded, group=self._patient)
        return [
            json.loads(part[:size].numpy().tobytes())
            for part, size in zip(received, sizes.tolist(), strict=True)
        ]

    # --- when somebody is missing ----------------------------------------------------

    @contextmanager
    def _exchanging(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # gloo has no exception of its own
            self._find_out_why(error)

    def _find_out_why(self, error: RuntimeError) -> NoReturn:
        """Raise what made the exchange break.

        Raises:
            ToldToLeaveError: if a process has said that it leaves.
            PeerLostError: if not, naming those who do not answer.
        """
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a launcher's, as we leave anyhow
        traceback.clear_frames(error.__traceback__)  # which hold the group, and so its connections
        try:
            self._disconnect()
            self._store.set(f"here/{self.rank}", "")
            until = time.monotonic() + ROLL_CALL
            missing = list(range(self.size))
            while missing and time.monotonic() < until:
                self._require_nobody_left()
                missing = [r for r in missing if not self._has_said(r, "here", "finished")]
                ended = [r for r in missing if self._has_ended(r)]
                if ended:  # the others may be busy with something longer than a roll call
                    missing = ended
                    break
                time.sleep(0.02)
            self._missing = missing
            names = "; ".join(map(self._describe, missing))
        except RuntimeError:
            missing, names = [0], "that of the rendezvous, which does not answer"
        if not names:
            names = f"none, but an exchange failed: {' '.join(str(error).split())}"
        raise PeerLostError(
            f"lost process {names}; start the same command again",
            leader=0 in missing,
        )

    def _require_nobody_left(self) -> None:
        if self._store.check(["left"]):
            left = json.loads(self._store.get("left"))
            self._missing = left["missing"]
            raise ToldToLeaveError(left["code"], left["message"])

    def _has_said(self, rank: int, *words: str) -> bool:
        return any(self._store.check([f"{word}/{rank}"]) for word in words)

    def _has_ended(self, rank: int) -> bool:
        """Whether a process has ended before its part was done."""
        # In this order, as one may finish and end between the two questions.
        return _has_ended(self._seen_of(rank)) and not self._has_said(rank, "finished")

    def _seen_of(self, rank: int) -> dict[str, Any] | None:
        if not self._store.check([f"seen/{rank}"]):
            return None
        seen: dict[str, Any] = json.loads(self._store.get(f"seen/{rank}"))
        return seen

    def _describe(self, rank: int) -> str:
        seen = self._seen_of(rank)
        if seen is None:
            return f"{rank} of {self.size}, which was never seen"
        ago = time.time() - seen["time"]
        return (
            f"{rank} of {self.size}, {seen['process']} on {seen['host']}, last seen {ago:.0f} s "
            f"ago at step {seen['step']}, {seen['phase']}"
        )

    def _disconnect(self) -> None:
        """Close the connections, at which the others notice."""
        self._patient = None
        if dist.is_initialized():
            dist.destroy_process_group()

    def finish(self) -> None:
        """Say so in the store, which may be in rank 0 and is needed until all have left."""
        with suppress(RuntimeError):
            self._store.set(f"finished/{self.rank}", "")
            others, until = range(1, self.size) if self.leads else (), time.monotonic() + GOOD_BYE
            while time.monotonic() < until and not all(map(self._is_done, others)):
                time.sleep(0.02)

    def _is_done(self, rank: int) -> bool:
        return self._has_said(rank, "finished", "gone") or self._has_ended(rank)

    def leave(self, code: int, message: str) -> bool:
        """Say so in the store, close the connections and wait for the others."""
        first = False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with suppress(RuntimeError):
            first = self._store.add("leaving", 1) == 1
            if first:
                left = {"code": code, "message": message, "missing": self._missing}
                self._store.set("left", json.dumps(left))
            self._disconnect()
            self._store.set(f"gone/{self.rank}", "")
            everyone = [f"gone/{r}" for r in range(self.size) if r not in self._missing]
            until = time.monotonic() + GOOD_BYE
            while time.monotonic() < until and not self._store.check(everyone):
                time.sleep(0.02)
            if self.leads:  # the store may be in this process, and the others are still reading
                time.sleep(0.1)
            return first
        return self.rank == 1  # the store is gone, and rank 0 with it


def join(device: str, *, seconds: float | None = None) -> Ranks:
    """Return the processes that a launcher started this one among, or `ALONE`.

    Args:
        device: ``cpu`` or ``cuda``; on a GPU this process takes that of its number on its machine.
        seconds: time-out of what a step exchanges; by default ``$CONVERGAN_PEER_SECONDS`` or 60.

    Raises:
        ValueError: if the environment is not that of a launcher, or there are too few GPUs.
        PeerLostError: if the others do not come.
    """
    size = _number("WORLD_SIZE", 1)
    if size == 1:
        return ALONE
    if seconds is None:
        seconds = float(os.environ.get("CONVERGAN_PEER_SECONDS", "60"))
    backend = "gloo"
    if device == "cuda":
        backend, here = "nccl", _number("LOCAL_RANK")
        if here >= torch.cuda.device_count():
            raise ValueError(
                f"every process needs a GPU of its own: this one is number {here} on its machine, "
                f"which has {torch.cuda.device_count()}; start fewer, or use --device cpu"
            )
        torch.cuda.set_device(here)
        os.environ.setdefault("TORCH_NCCL_BLOCKING_WAIT", "1")  # so that a time-out can be told
    rank, place = _number("RANK"), os.environ.get("MASTER_ADDR")
    if place is None:
        raise ValueError("WORLD_SIZE is set but MASTER_ADDR is not: start with torchrun")
    try:
        store, _, _ = next(
            iter(rendezvous("env://", rank, size, timeout=timedelta(seconds=seconds)))
        )
    except RuntimeError as error:
        line = " ".join(str(error).split()).split(". ")[0]
        raise PeerLostError(f"no rendezvous with the others at {place}: {line}") from None
    return Joined(store, rank, size, backend=backend, seconds=seconds)


def _has_ended(seen: Mapping[str, Any] | None) -> bool:
    """Whether a process is on this machine and has ended, as far as Linux can tell."""
    processes = Path("/proc")
    if seen is None or seen["host"] != platform.node() or not (processes / "self").exists():
        return False
    try:
        state = (processes / str(seen["process"]) / "stat").read_text().rpartition(")")[2]
    except OSError:
        return True
    return state.split()[0] in ("Z", "X")  # ended, and its launcher has not asked how yet


def _number(name: str, default: int | None = None) -> int:
    text = os.environ.get(name, default)
    if text is None:
        raise ValueError(f"WORLD_SIZE is set but {name} is not: start with torchrun")
    return int(text)
