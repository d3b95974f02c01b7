"""Generated rows in another range than the data: seen at the first step, by what it makes anyway.

A generator that ends in tanh makes rows in [-1, 1], and images here are in [0, 1]. Such a game runs
without an error, and its discriminator has won before it begins.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from ..data import Batch
from .state import State


@contextmanager
def warn_of_other_range(state: State, batch: Batch, *, when: bool) -> Iterator[None]:
    """Warn of the generator's rows inside if they are in another range than the batch's.

    Args:
        state: whose generator is watched, which costs it nothing and draws nothing.
        batch: of real rows.
        when: whether to look at all.

    Warns:
        UserWarning: once at most.
    """
    rows = batch.unlabeled if len(batch.unlabeled) else batch.labeled
    made: list[Tensor] = []

    def remember(module: nn.Module, arguments: object, fakes: object) -> None:
        if not made and isinstance(fakes, Tensor):
            made.append(fakes.detach())

    hook = state.generator.network.register_forward_hook(remember) if when else None
    try:
        yield
    finally:
        if hook is not None:
            hook.remove()
    if made and len(rows) and (told := other_range(state.generator.network, made[0], rows)):
        warnings.warn(told, stacklevel=2)


def other_range(generator: nn.Module, fakes: Tensor, rows: Tensor) -> str | None:
    """Say why generated rows cannot be in the range of real ones, or return None.

    Whether one may fall below zero is told from values where it cannot, and from a last layer where
    it does: a linear output may well learn to stay above.
    """
    lowest, least = rows.detach().min().item(), fakes.min().item()
    *_, last = generator.modules()
    if lowest >= 0 and least < 0 and isinstance(last, nn.Tanh):
        return (
            f"the generator ends in tanh and makes rows in [-1, 1], the data begin at {lowest:.3g};"
            " map the data to [-1, 1] by 2 * rows - 1, or what it makes to [0, 1] by (rows + 1) / 2"
        )
    if lowest < 0 <= least and isinstance(last, nn.Sigmoid | nn.ReLU | nn.Softplus):
        return (
            f"the generator ends in {type(last).__name__} and makes no row below 0, the data begin "
            f"at {lowest:.3g}; let it end in Tanh for data in [-1, 1], or map those to [0, 1]"
        )
    return None
