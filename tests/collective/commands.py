"""The command line in several processes, as a launcher starts them."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

RECIPES = """
import os
import resource
from dataclasses import replace
from convergan.data import DataError
from convergan.recipes.toy import toy

def tiny():
    return replace(toy().recipe, batch_size=2, judge=None)

def apart():
    return replace(toy().recipe, batch_size=8 + int(os.environ.get("RANK", 0)), judge=None)

def long():
    return replace(toy().recipe, batch_size=8, judge=None, steps=1_000_000, checkpoint_every=10)

def lose_file(state, batch, chance):
    if state.step == 4 and os.environ["RANK"] == "1":
        raise DataError("7.png cannot be read any more")
    return long().step(state, batch, chance)

def fill_disk(state, batch, chance):
    if state.step == 4 and os.environ["RANK"] == "0":
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    return long().step(state, batch, chance)

def gone():
    return replace(long(), step=lose_file, checkpoint_every=2)

def full():
    return replace(long(), step=fill_disk, checkpoint_every=2)
"""
SECONDS = 20
TRAIN = ("train", "--device", "cpu", "--threads", "1", "--no-baselines", "--out", "run")


class Command:
    """A command in several processes.

    Args:
        size: how many.
        arguments: of the command.
        folder: where it is called.
        environment: beside that of a launcher.
        command: its name and first options.
    """

    def __init__(
        self,
        size: int,
        *arguments: str,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = TRAIN,
    ) -> None:
        (folder / "mine.py").write_text(RECIPES)
        launched = {
            "WORLD_SIZE": str(size),
            "LOCAL_WORLD_SIZE": str(size),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
            "CONVERGAN_PEER_SECONDS": str(SECONDS),
            **(environment or {}),
        }
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-m", "convergan", *command, *arguments],
                cwd=folder,
                env={**os.environ, **launched, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(size)
        ]

    def codes_and_lines(self) -> tuple[list[int], list[str]]:
        """Wait for all; return their exit codes, and what they printed that is no progress."""
        printed = [process.communicate(timeout=180)[1] for process in self.processes]
        lines = [
            f"{rank}: {line}"
            for rank, text in enumerate(printed)
            for line in text.splitlines()
            if not line.startswith("GAN ")
        ]
        return [process.returncode for process in self.processes], lines


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
