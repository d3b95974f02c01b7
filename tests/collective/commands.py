"""The command line in several processes, as a launcher starts them."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.commands import Command

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


class Launched:
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
            Command(
                *command,
                *arguments,
                folder=folder,
                environment={**launched, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            )
            for rank in range(size)
        ]

    def codes_and_lines(self) -> tuple[list[int], list[str]]:
        """Wait for all; return their exit codes, and what they printed that is no progress."""
        ended = [process.result() for process in self.processes]
        lines = [
            f"{rank}: {line}"
            for rank, (_, _, printed) in enumerate(ended)
            for line in printed.splitlines()
            if not line.startswith("GAN ")
        ]
        return [code for code, _, _ in ended], lines


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
