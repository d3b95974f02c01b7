"""Layers that compare rows, under a process group that is not ours: a user's own DDP loop."""

import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor

from .ranks import DistributedRanks, GroupRanks
from .sharing import BatchSharing, is_alone, use_sharing


class ComparesRows(Protocol):
    """A layer that compares the rows of a batch.

    Attributes:
        training: as every module has it.
        sync: whether it compares the rows of all processes; None for "no, but say so".
    """

    training: bool
    sync: bool | None


class GroupSharing(BatchSharing):
    """Rows of one call of a layer, any number in each process.

    Args:
        ranks: the processes, who all call the layer at the same place.
        own: rows of this process, at least 1.
        device: where the rows are.
    """

    def __init__(self, ranks: GroupRanks, own: int, device: torch.device) -> None:
        counts = ranks.all_gather(torch.tensor([own], device=device), [1] * ranks.size)
        super().__init__(ranks, int(counts.sum()))
        self.shares = tuple(counts.tolist())


def rows_shared(layer: ComparesRows, x: Tensor) -> AbstractContextManager[None]:
    """Let a layer see the rows of all processes inside the block, where it is to.

    In training, with ``sync=True`` and under a process group of the user's own (DDP, Lightning,
    accelerate), rows are gathered and gradients go back to the process of each row. DDP then takes
    the mean over processes, and so the gradient of the whole batch. With ``sync=False`` a process
    sees its own rows only; with None as well, and a warning says so. Without such a group, and in
    evaluation mode, where processes may judge different numbers of batches, there are only own
    rows. Our own runs in several processes share rows whatever ``sync`` is.

    Args:
        layer: which calls this in its `forward`.
        x: (N, ...), its input.

    Raises:
        RuntimeError: if a layer with ``sync=True`` is compiled for several processes.
    """
    if layer.sync is False or not layer.training or not _formed():
        return nullcontext()
    if torch.compiler.is_compiling():
        if layer.sync:
            raise RuntimeError("sync=True exchanges rows, which cannot be compiled: run it eagerly")
        return nullcontext()
    if not is_alone():
        return nullcontext()
    if layer.sync:
        return use_sharing(GroupSharing(GroupRanks(), len(x), x.device))
    warnings.warn(
        f"{type(layer).__name__} compares the rows of this process only; sync=True compares those "
        "of all processes, sync=False says that this is meant",
        stacklevel=3,
    )
    return nullcontext()


def _formed() -> bool:
    """Whether there are several processes, in a group that is not one of our runs."""
    return (
        dist.is_available()
        and dist.is_initialized()
        and not DistributedRanks.formed
        and dist.get_world_size() > 1
    )
