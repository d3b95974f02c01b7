"""The same function in several real processes."""

import multiprocessing
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed import FileStore  # type: ignore[attr-defined]

from convergan.collective.ranks import DistributedRanks

Work = Callable[[DistributedRanks, dict[str, Tensor]], None]
"""What each process does; it puts what it found into the second argument."""


def in_processes(
    work: Work, size: int, folder: Path, *, seconds: float = 60.0
) -> list[dict[str, Tensor]]:
    """Run ``work`` in ``size`` processes and return what each of them found.

    They are forked from one that has loaded torch and the recipes, and has done nothing with them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "convergan.recipes", "convergan.runs.run"])
    started = [
        context.Process(target=_run, args=(work, rank, size, folder, seconds))
        for rank in range(size)
    ]
    for process in started:
        process.start()
    for rank, process in enumerate(started):
        process.join()
        failed = folder / f"failed-{rank}.txt"
        assert not failed.exists(), failed.read_text()
        assert process.exitcode == 0
    return [load_file(folder / f"found-{rank}.safetensors") for rank in range(size)]


def _run(work: Work, rank: int, size: int, folder: Path, seconds: float) -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    found: dict[str, Tensor] = {}
    try:
        store = FileStore(str(folder / "store"), size)
        ranks = DistributedRanks(store, rank, size, backend="gloo", seconds=seconds)
        work(ranks, found)
        save_file(found, folder / f"found-{rank}.safetensors")
        ranks.finish()
    except BaseException:
        (folder / f"failed-{rank}.txt").write_text(traceback.format_exc())
        raise
