"""Runs in fresh processes, several at a time: on this machine, or on a Dask or Ray cluster.

Joblib hands the tasks out, but for Ray, whose backend of joblib gives nothing back before all is
done. A cluster's workers must see the same folders under the same paths. What the starting process
has to say to a run it says through a file, since it may be elsewhere.
"""

import importlib.util
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from joblib import Parallel, delayed, parallel_config

from ..runs.folder import is_locked

POLL = 0.5
"""Seconds between looks at whether a run is to stop."""
ANSWER = 10
"""Seconds that a scheduler has to answer."""
NEW_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""On Windows, what a new session is elsewhere."""


class Task(NamedTuple):
    """One command to run.

    Attributes:
        arguments: of ``convergan``.
        folder: that it writes to.
        stop: once this file exists, the command gets the signal whose number is in it.
        place: where it runs.
        threads: that it may use.
    """

    arguments: tuple[str, ...]
    folder: Path
    stop: Path
    place: Path
    threads: int


class Outcome(NamedTuple):
    """How a task ended.

    Attributes:
        folder: of the task.
        code: the process's exit code, negative for a signal as in `subprocess`.
        reason: why, in one line, where the code is not 0.
    """

    folder: Path
    code: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Workers:
    """How many runs go on at once, where, and with how many threads each.

    Attributes:
        jobs: runs at a time; a cluster with an address has its own number.
        threads: of each run.
        gpus: that Ray is asked for for each run, and Dask if any of its workers declares some.
        cluster: None for processes of this machine, ``local`` for a Dask cluster of ``jobs``
            workers in this process, the address of a Dask scheduler, or ``ray`` or its address.

    Raises:
        ValueError: if a value is out of range, or the cluster's library is not installed.
    """

    jobs: int
    threads: int
    gpus: int = 0
    cluster: str | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ValueError(f"jobs must be at least 1, got {self.jobs}")
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, got {self.threads}")
        if self.cluster is None:
            return
        if self._is_ray:
            require("ray", self.cluster)
        elif self.cluster == "local" or "://" in self.cluster:
            require("distributed", self.cluster)
        else:
            raise ValueError(
                "cluster must be local, a Dask scheduler's address such as tcp://host:8786, "
                f"or ray, got {self.cluster!r}"
            )

    @property
    def _is_ray(self) -> bool:
        return self.cluster is not None and self.cluster.startswith("ray")

    def perform(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Run all tasks, started in their order; yield each outcome as it comes."""
        if self._is_ray:
            yield from self._perform_on_ray(tasks)
            return
        with ExitStack() as stack:
            self._enter_cluster(stack)
            parallel = Parallel(self.jobs, batch_size=1, return_as="generator_unordered")
            yield from parallel(delayed(perform)(task) for task in tasks)

    def _perform_on_ray(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        import ray

        here = self.cluster == "ray"
        settings = {"worker_niceness": 0} if here else None  # 15 by default: last of all
        address = None if here else self.cluster
        with ray.init(
            address, log_to_driver=False, logging_level=logging.ERROR, _system_config=settings
        ):
            require_room(self, [node["Resources"] for node in ray.nodes()])
            remote = ray.remote(num_cpus=self.threads, num_gpus=self.gpus)(perform)
            waiting = [remote.remote(task) for task in tasks]
            while waiting:
                [ready], waiting = ray.wait(waiting)
                yield ray.get(ready)

    def _enter_cluster(self, stack: ExitStack) -> None:
        if self.cluster is None:
            stack.enter_context(parallel_config("threading"))
            return
        from distributed import Client, LocalCluster

        address = self.cluster
        if address == "local":
            cluster = LocalCluster(
                n_workers=self.jobs,
                threads_per_worker=1,
                processes=False,
                dashboard_address=None,
            )
            address = stack.enter_context(cluster).scheduler_address
        try:
            client = stack.enter_context(Client(address, timeout=ANSWER))
        except (OSError, ValueError) as error:
            raise ValueError(f"no Dask scheduler answers at {address}: {error}") from None
        declared = [w["resources"] for w in client.scheduler_info()["workers"].values()]
        ask = {"GPU": self.gpus} if self.gpus and any("GPU" in have for have in declared) else None
        stack.enter_context(parallel_config("dask", client=client, resources=ask))


def require(module: str, cluster: str) -> None:
    """See that the library of a cluster is installed.

    Raises:
        ValueError: if it is not.
    """
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"--cluster {cluster} needs {module}: pip install 'convergan[cluster]'")


def require_room(workers: Workers, nodes: Sequence[Mapping[str, float]]) -> None:
    """See that a run fits one of Ray's nodes, as one that fits none would wait for ever.

    Raises:
        ValueError: if it does not.
    """
    room = [(node.get("CPU", 0), node.get("GPU", 0)) for node in nodes]
    if not any(cores >= workers.threads and gpus >= workers.gpus for cores, gpus in room):
        wanted = f"{workers.threads} threads" + (f" and {workers.gpus} GPU" * (workers.gpus > 0))
        have = ", ".join(f"{cores:g} and {gpus:g}" for cores, gpus in sorted(set(room)))
        raise ValueError(
            f"a run of {wanted} fits no worker of {workers.cluster}, which have so many cores and "
            f"GPUs: {have}"
        )


def perform(task: Task) -> Outcome:
    """Run one task in a process of its own and wait for it.

    A folder that another process holds is waited for: that process may be what a killed sweep has
    left behind, and finish the run itself. The task's process has its own session, so that Ctrl-C
    in a terminal reaches it once, through ``task.stop``.
    """
    while is_locked(task.folder) and not task.stop.exists():
        time.sleep(POLL)
    if task.stop.exists():
        return Outcome(task.folder, -_wanted_signal(task.stop), "not started")
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "convergan", *task.arguments],
            cwd=task.place,
            env=os.environ | {"OMP_NUM_THREADS": str(task.threads)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            creationflags=NEW_GROUP,
        )
        code = _wait_or_stop(process, task.stop)
        return Outcome(task.folder, code, _reason(code, stderr))


def _wait_or_stop(process: "subprocess.Popen[bytes]", stop: Path) -> int:
    told = False
    while True:
        try:
            return process.wait(POLL)
        except subprocess.TimeoutExpired:
            if not told and stop.exists():
                process.send_signal(_sent_for(_wanted_signal(stop)))
                told = True


def _sent_for(number: int) -> int:
    """Return what a process is sent for a signal: Ctrl-Break on Windows, which can send no other.

    A run takes it as SIGTERM.
    """
    return getattr(signal, "CTRL_BREAK_EVENT", number)


def _wanted_signal(stop: Path) -> int:
    return int(stop.read_text(encoding="utf-8"))


def _reason(code: int, stderr: IO[str]) -> str:
    """Return the line by which a failed process said why, else its last, or what killed it."""
    if code == 0:
        return ""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    stderr.seek(0)
    lines = [line.strip() for line in stderr.read().split("\n") if line.strip()]
    said = [line for line in lines if line.startswith("convergan: ")] or lines or ["nothing said"]
    return f"exit code {code}: {said[-1].removeprefix('convergan: ')}"
