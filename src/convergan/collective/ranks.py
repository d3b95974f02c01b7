"""The processes that train as one: their ranks, their collective operations, and lost peers.

`join` reads what ``torchrun`` puts into the environment. Two process groups are formed: a fast one
for the operations inside a step, whose time-out is short, and a patient one for those between
steps, when one process writes or judges while the others wait.

A process that leaves writes its exit code and one line to the rendezvous' key-value store, so that
all leave with the same code and rank 0 prints the line. If an operation fails and no process has
written that, one is lost: all that are left answer a roll call in the store, and those that do not
answer are named with their last heartbeat. Heartbeats come from the training loop itself, as a
thread beside it would go on sending them after the loop hangs.

The store's keys: ``seen/R``, the last heartbeat of rank R; ``finished/R``, its work is done;
``here/R``, its answer to the roll call; ``left``, why the first process left; ``gone/R``, it has
read that.
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
from typing import Any, ClassVar, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

PATIENCE = timedelta(hours=2)
"""Time-out of operations between steps."""
ROLL_CALL = 4.0
"""Seconds that the remaining processes wait for each other's answers."""
FAREWELL = 10.0
"""Seconds that a leaving process waits until the others have read why it leaves."""
HEARTBEAT = 1.0
"""Seconds between two heartbeats, and between two looks for peers that are gone."""


class PeerLostError(Exception):
    """A process of the run has ended or hangs; the message names it.

    Attributes:
        rank_0: whether rank 0 is among the lost, so that another must print the message.
    """

    def __init__(self, message: str, *, rank_0: bool = False) -> None:
        super().__init__(message)
        self.rank_0 = rank_0


class PeerLeftError(Exception):
    """Another process has left; the message is its own, and this process leaves with its code.

    Attributes:
        code: exit code.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Ranks:
    """One process alone: collective operations return what they are given.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
    """

    rank = 0
    size = 1

    @property
    def leads(self) -> bool:
        """Whether this is rank 0, which alone writes files and prints."""
        return self.rank == 0

    def report_progress(self, *, step: int | None = None, phase: str) -> None:
        """Send a heartbeat: the step and phase that the others name if this process is lost."""

    def require_same(self, facts: Mapping[str, str], hint: str) -> None:
        """Require that all processes have the same facts.

        Args:
            facts: by name.
            hint: end of the message.

        Raises:
            ValueError: in every process, naming the first fact that differs, and the rank.
        """

    def broadcast(self, value: Any) -> Any:
        """Return rank 0's value, which JSON can hold, in every process."""
        return value

    def broadcast_tensor(self, tensor: Tensor) -> Tensor:
        """Return rank 0's tensor in every process; each passes one of this shape and dtype."""
        return tensor

    def first_message(self, message: str) -> str:
        """Return the first message that is not empty, in the order of ranks, in every process."""
        return message

    def shard(self, count: int) -> slice:
        """Return which of ``count`` pieces of work this process does, consecutive ones.

        Example:
            >>> "abcde"[ALONE.shard(5)]  # alone it does them all
            'abcde'
        """
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def gather_shards(self, pieces: Sequence[Tensor], *, to_all: bool = True) -> Tensor:
        """Return the results of all processes' `shard`, as one tensor, in the order of the work.

        Args:
            pieces: this process's results, (n, *shape) each; none where its shard was empty.
            to_all: return all rows in every process; otherwise in rank 0, and none in the others.
        """
        return torch.cat(list(pieces))

    def gather_objects(self, value: Any) -> list[Any]:
        """Return the values of all processes, which JSON can hold, in the order of ranks."""
        return [value]

    def check_peers(self) -> None:
        """Check that no other process has left or was killed, at most once a second.

        For long work without collective operations, which would notice.

        Raises:
            PeerLeftError: if one has left.
            PeerLostError: if one on this machine has ended without saying why.
        """

    def barrier(self) -> None:
        """Wait until all processes are here, up to `PATIENCE`."""

    def all_gather(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """Return the rows of all processes; each has ``counts[rank]``."""
        return rows

    def all_reduce(self, value: Tensor) -> Tensor:
        """Return the sum of ``value`` over processes."""
        return value

    def all_reduce_in_place(self, value: Tensor) -> None:
        """Replace ``value`` by its sum over processes."""

    def finish(self) -> None:
        """Tell the others that this process has finished; rank 0 waits until all have."""

    def leave(self, code: int, message: str) -> bool:
        """Tell the others that this process leaves, and why, and wait until they have read it.

        Returns:
            Whether this process should print the message: it is the first to leave.
        """
        return True


ALONE = Ranks()


class GroupRanks(Ranks):
    """The processes of torch's default group, whoever has formed it."""

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def all_gather(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """Gather rows, padded to the same number, as gloo requires."""
        most = max(counts)
        padded = rows.contiguous()
        if len(rows) < most:
            padded = torch.cat([rows, rows.new_zeros(most - len(rows), *rows.shape[1:])])
        received = rows.new_empty(self.size, most, *rows.shape[1:])
        dist.all_gather(list(received), padded)
        return torch.cat([part[:count] for part, count in zip(received, counts, strict=True)])

    def all_reduce(self, value: Tensor) -> Tensor:
        """Sum a contiguous copy of ``value``."""
        summed = value.detach().clone(memory_format=torch.contiguous_format)
        self.all_reduce_in_place(summed)
        return summed

    def all_reduce_in_place(self, value: Tensor) -> None:
        """Sum in place."""
        dist.all_reduce(value)


class DistributedRanks(GroupRanks):
    """One of several processes that train as one. Made by `join`.

    Args:
        store: of the rendezvous.
        rank: number of this process.
        size: number of processes.
        backend: ``gloo``, or ``nccl`` where each process has a GPU.
        seconds: time-out of an operation inside a step.

    Attributes:
        sent: ``bytes`` that this process passed to operations inside steps, and ``calls`` of them.
        formed: whether torch's default group is that of one of our runs.
    """

    formed: ClassVar[bool] = False

    def __init__(self, store: Store, rank: int, size: int, *, backend: str, seconds: float) -> None:
        self.rank, self.size = rank, size
        self._store = PrefixStore("convergan", store)
        self._store.set_timeout(timedelta(seconds=seconds))
        self._seen = {"host": platform.node(), "process": os.getpid(), "step": 0, "phase": "start"}
        self._last_heartbeat = self._last_check = float("-inf")
        self._missing: list[int] = []
        self._device = torch.device("cuda" if backend == "nccl" else "cpu")
        self.sent = {"bytes": 0, "calls": 0}
        self.report_progress(phase="start")
        limit = timedelta(seconds=seconds)
        with self._noticing_loss():
            dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=limit)
            DistributedRanks.formed = True
            self._patient: dist.ProcessGroup | None = dist.new_group(
                backend="gloo", timeout=PATIENCE
            )

    # --- inside a step ----------------------------------------------------

    def all_gather(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """Gather rows."""
        self._count_sent(max(counts) * rows[:1].nbytes)
        with self._noticing_loss():
            return super().all_gather(rows, counts)

    def all_reduce_in_place(self, value: Tensor) -> None:
        """Sum in place."""
        self._count_sent(value.nbytes)
        with self._noticing_loss():
            super().all_reduce_in_place(value)

    def first_message(self, message: str) -> str:
        """Sum how many processes have a message, and gather messages only if one has.

        Every step calls this, so the usual case is one reduction of a single number.
        """
        senders = torch.tensor(float(bool(message)), device=self._device)
        self.all_reduce_in_place(senders)
        return next(filter(None, self.gather_objects(message))) if senders.item() else ""

    def _count_sent(self, size: int) -> None:
        self.sent["bytes"] += size
        self.sent["calls"] += 1

    # --- between steps ----------------------------------------------------

    def report_progress(self, *, step: int | None = None, phase: str) -> None:
        """Note step and phase, and write them to the store at most once a second."""
        self._seen["phase"] = phase
        if step is not None:
            self._seen["step"] = step
        now = time.time()
        if now - self._last_heartbeat > HEARTBEAT:
            self._last_heartbeat = now
            with suppress(RuntimeError):  # the next collective operation reports a lost store
                self._store.set(f"seen/{self.rank}", json.dumps({**self._seen, "time": now}))

    def require_same(self, facts: Mapping[str, str], hint: str) -> None:
        """Gather the facts and compare them with those of rank 0."""
        everyone: list[Mapping[str, str]] = self.gather_objects(dict(facts))
        for name in {name: None for found in everyone for name in found}:
            for rank, found in enumerate(everyone):
                if found.get(name) != everyone[0].get(name):
                    raise ValueError(f"{name} is not the same in process 0 and {rank}: {hint}")

    def broadcast(self, value: Any) -> Any:
        """Gather values and take that of rank 0."""
        return self.gather_objects(value if self.leads else None)[0]

    def broadcast_tensor(self, tensor: Tensor) -> Tensor:
        """Broadcast a copy from rank 0."""
        copy = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        with self._noticing_loss():
            dist.broadcast(copy, 0, group=self._patient)
        return copy.to(tensor.device)

    def gather_shards(self, pieces: Sequence[Tensor], *, to_all: bool = True) -> Tensor:
        """Let each process broadcast its results, as their numbers differ and one may be 0."""
        own = torch.cat(list(pieces)).detach() if pieces else None
        mine = own is not None and [str(own.dtype).removeprefix("torch."), *own.shape]
        facts = self.gather_objects(mine)
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
                with self._noticing_loss():
                    dist.broadcast(part, rank, group=self._patient)
            first += count
        return merged if own is None else merged.to(own.device)

    def check_peers(self) -> None:
        """Read the store, and look for ended processes on this machine."""
        now = time.monotonic()
        if now - self._last_check > HEARTBEAT:
            self._last_check = now
            with self._noticing_loss():
                self._require_nobody_left()
                if any(map(self._has_ended, range(self.size))):
                    raise RuntimeError("a process has ended")

    def barrier(self) -> None:
        """Wait in the patient group."""
        with self._noticing_loss():
            dist.barrier(group=self._patient)

    def gather_objects(self, value: Any) -> list[Any]:
        """Send values as JSON, padded to the same number of bytes."""
        data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        sizes = torch.zeros(self.size, dtype=torch.int64)
        sizes[self.rank] = len(data)
        with self._noticing_loss():
            dist.all_reduce(sizes, group=self._patient)
            padded = torch.cat([data, data.new_zeros(int(sizes.max()) - len(data))])
            received = [torch.empty_like(padded) for _ in range(self.size)]
            dist.all_gather(received, padded, group=self._patient)
        return [
            json.loads(part[:size].numpy().tobytes())
            for part, size in zip(received, sizes.tolist(), strict=True)
        ]

    # --- lost peers ----------------------------------------------------

    @contextmanager
    def _noticing_loss(self) -> Iterator[None]:
        """Turn a failed operation into an error that says which process is missing."""
        try:
            yield
        except RuntimeError as error:  # gloo has no exception of its own
            self._raise_cause(error)

    def _raise_cause(self, error: RuntimeError) -> NoReturn:
        """Raise why an operation failed.

        Raises:
            PeerLeftError: if a process has written that it leaves.
            PeerLostError: if not; the message names those that do not answer the roll call.
        """
        _ignore_sigterm()
        # The frames hold the process group, and so its connections. Without them it is destroyed
        # for good, and peers that still wait for this process fail at once and join the roll call,
        # rather than at the end of their time-out.
        traceback.clear_frames(error.__traceback__)
        try:
            self._disconnect()
            self._store.set(f"here/{self.rank}", "")
            until = time.monotonic() + ROLL_CALL
            missing = list(range(self.size))
            while missing and time.monotonic() < until:
                # In every round, as the process that broke the connection may still be on its way
                # from closing it to writing why.
                self._require_nobody_left()
                missing = [r for r in missing if not self._has_set(r, "here", "finished")]
                if ended := [r for r in missing if self._has_ended(r)]:
                    # Those are the lost. The others may only be busy, between two operations, for
                    # longer than a roll call.
                    missing = ended
                    break
                time.sleep(0.02)
            self._missing = missing
            names = "; ".join(map(self._describe, missing))
        except RuntimeError:  # the store lives in rank 0, or in its launcher
            missing, names = [0], "that of the rendezvous, which does not answer"
        if not names:
            names = f"none, but an exchange failed: {' '.join(str(error).split())}"
        raise PeerLostError(
            f"lost process {names}; start the same command again",
            rank_0=0 in missing,
        )

    def _require_nobody_left(self) -> None:
        if self._store.check(["left"]):
            left = json.loads(self._store.get("left"))
            self._missing = left["missing"]
            raise PeerLeftError(left["code"], left["message"])

    def _has_set(self, rank: int, *keys: str) -> bool:
        return any(self._store.check([f"{key}/{rank}"]) for key in keys)

    def _has_ended(self, rank: int) -> bool:
        """Whether a process has ended before it finished."""
        # In this order: asked the other way round, a process that finishes and ends between the two
        # questions would count as lost.
        return _has_ended(self._last_seen(rank)) and not self._has_set(rank, "finished")

    def _last_seen(self, rank: int) -> dict[str, Any] | None:
        if not self._store.check([f"seen/{rank}"]):
            return None
        seen: dict[str, Any] = json.loads(self._store.get(f"seen/{rank}"))
        return seen

    def _describe(self, rank: int) -> str:
        seen = self._last_seen(rank)
        if seen is None:
            return f"{rank} of {self.size}, which was never seen"
        ago = time.time() - seen["time"]
        return (
            f"{rank} of {self.size}, {seen['process']} on {seen['host']}, last seen {ago:.0f} s "
            f"ago at step {seen['step']}, {seen['phase']}"
        )

    def _disconnect(self) -> None:
        """Close the connections: operations of the others that wait for this process then fail."""
        self._patient = None
        if dist.is_initialized():
            dist.destroy_process_group()
            DistributedRanks.formed = False

    def finish(self) -> None:
        """Write it to the store; rank 0, which may hold the store, waits until nobody needs it."""
        with suppress(RuntimeError):
            self._store.set(f"finished/{self.rank}", "")
            others, until = range(1, self.size) if self.leads else (), time.monotonic() + FAREWELL
            while time.monotonic() < until and not all(map(self._needs_no_store, others)):
                time.sleep(0.02)

    def _needs_no_store(self, rank: int) -> bool:
        return self._has_set(rank, "finished", "gone") or self._has_ended(rank)

    def leave(self, code: int, message: str) -> bool:
        """Write why to the store, close the connections and wait for the others."""
        _ignore_sigterm()
        with suppress(RuntimeError):
            first = self._store.add("leaving", 1) == 1  # atomic: of several, one counts as first
            if first:
                # Before the connections close: who fails because of that must find the reason.
                left = {"code": code, "message": message, "missing": self._missing}
                self._store.set("left", json.dumps(left))
            self._disconnect()
            self._store.set(f"gone/{self.rank}", "")
            everyone = [f"gone/{r}" for r in range(self.size) if r not in self._missing]
            until = time.monotonic() + FAREWELL
            while time.monotonic() < until and not self._store.check(everyone):
                time.sleep(0.02)
            if self.leads:  # the store may be in this process, and its last answers on their way
                time.sleep(0.1)
            return first
        return self.rank == 1  # the store is gone, and with it rank 0, which would have printed


def join(device: str, *, seconds: float | None = None) -> Ranks:
    """Return the processes that a launcher such as torchrun started together, or `ALONE`.

    Args:
        device: ``cpu`` or ``cuda``; of several GPUs this process takes the one of its local rank.
        seconds: time-out of an operation inside a step; by default
            ``$CONVERGAN_PEER_SECONDS`` or 60.

    Raises:
        ValueError: if the environment is not that of a launcher, or there are too few GPUs.
        PeerLostError: if the others do not come.
    """
    size = _environment_number("WORLD_SIZE", 1)
    if size == 1:
        return ALONE
    if seconds is None:
        seconds = float(os.environ.get("CONVERGAN_PEER_SECONDS", "60"))
    backend = "gloo"
    if device == "cuda":
        backend, here = "nccl", _environment_number("LOCAL_RANK")
        if here >= torch.cuda.device_count():
            raise ValueError(
                f"every process needs a GPU of its own: this one is number {here} on its machine, "
                f"which has {torch.cuda.device_count()}; start fewer, or use --device cpu"
            )
        torch.cuda.set_device(here)
        os.environ.setdefault("TORCH_NCCL_BLOCKING_WAIT", "1")  # a time-out then raises here
    rank, place = _environment_number("RANK"), os.environ.get("MASTER_ADDR")
    if place is None:
        raise ValueError("WORLD_SIZE is set but MASTER_ADDR is not: start with torchrun")
    try:
        store, _, _ = next(
            iter(rendezvous("env://", rank, size, timeout=timedelta(seconds=seconds)))
        )
    except RuntimeError as error:
        line = " ".join(str(error).split()).split(". ")[0]
        raise PeerLostError(f"no rendezvous with the others at {place}: {line}") from None
    return DistributedRanks(store, rank, size, backend=backend, seconds=seconds)


def _has_ended(seen: Mapping[str, Any] | None) -> bool:
    """Whether a process is on this machine and has ended, by its heartbeat and ``/proc``."""
    processes = Path("/proc")
    if seen is None or seen["host"] != platform.node() or not (processes / "self").exists():
        return False
    try:
        state = (processes / str(seen["process"]) / "stat").read_text().rpartition(")")[2]
    except OSError:
        return True
    return state.split()[0] in ("Z", "X")  # a zombie, whose launcher has not waited for it yet


def _ignore_sigterm() -> None:
    """Ignore a launcher's SIGTERM to the others of a failed process: this one leaves anyhow."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _environment_number(name: str, default: int | None = None) -> int:
    text = os.environ.get(name, default)
    if text is None:
        raise ValueError(f"WORLD_SIZE is set but {name} is not: start with torchrun")
    return int(text)
