"""What every field of a recipe must be, so that a mistake is told before data are read."""

from typing import Any, NamedTuple

from torch import nn
from torch.optim import Optimizer

from ..core.user_code import why_not_callable
from ..data import KINDS
from .description import describe
from .recipe import Recipe


class _Call(NamedTuple):
    """How a function of a recipe is called.

    Attributes:
        arguments: by position.
        optional: whether there may be None in its place.
    """

    arguments: tuple[str, ...]
    optional: bool = False


CALLS = {
    "discriminator": _Call(("row_shape", "logits", "chance")),
    "generator": _Call(("row_shape", "chance")),
    "discriminator_optimizer": _Call(("parameters",)),
    "generator_optimizer": _Call(("parameters",)),
    "step": _Call(("state", "batch", "chance")),
    "schedule": _Call(("progress",)),
    "average": _Call(("parameters",), optional=True),
    "generator_average": _Call(("parameters",), optional=True),
    "discriminator_start": _Call(("network", "forward"), optional=True),
    "generator_start": _Call(("network", "forward"), optional=True),
    "descriptor": _Call(("rows",), optional=True),
    "neighbors": _Call(("rows",), optional=True),
    "label_spreading": _Call(("neighbors", "rows", "labels", "classes")),
    "judge": _Call(("samples", "dataset"), optional=True),
}
LEAST = {
    "labels": 0,
    "steps": 1,
    "batch_size": 1,
    "test_batch": 0,
    "judged_samples": 1,
    "evaluate_every": 1,
    "checkpoint_every": 1,
}
"""Fields that are whole numbers, and the least that each may be."""


def require_fields(recipe: Recipe) -> None:
    """Require that every field is what `Recipe` says, as far as that is seen without data.

    Args:
        recipe: any, as its function returned it.

    Raises:
        ValueError: if one is not; the message names the field and what would be right.
    """
    for name, least in LEAST.items():
        _require_whole(name, getattr(recipe, name), least)
    if recipe.side is not None:
        _require_whole("side", recipe.side, 1)
    for name in ("summary", "data"):
        if not isinstance(getattr(recipe, name), str):
            raise ValueError(f"{name} must be a text, got {getattr(recipe, name)!r}")
    unknown = [kind for kind in recipe.takes if kind not in KINDS]
    if isinstance(recipe.takes, str) or unknown or not recipe.takes:
        raise ValueError(f"takes must be some of {KINDS}, got {recipe.takes!r}")
    for name, call in CALLS.items():
        value = getattr(recipe, name)
        if not (value is None and call.optional):
            require_call(name, value, call.arguments)
    describe(recipe)


def _require_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def require_call(name: str, value: Any, arguments: tuple[str, ...]) -> None:
    """Require a function that can be called with so many arguments by position.

    Args:
        name: of the field.
        value: what is in it.
        arguments: what each is called in messages.

    Raises:
        ValueError: if it cannot be called so.
    """
    wanted = f"{name}({', '.join(arguments)})"
    if isinstance(value, nn.Module | Optimizer):
        raise ValueError(
            f"{name} must be a function, {wanted}, that makes a new one; got a "
            f"{type(value).__qualname__} that is made already"
        )
    if not callable(value):
        raise ValueError(f"{name} must be a function, {wanted}; got {value!r}")
    if problem := why_not_callable(value, arguments):
        raise ValueError(
            f"{name} is called as {wanted}, which {_spelled(value)} does not take: {problem}"
        )


def _spelled(function: Any) -> str:
    named = getattr(function, "func", function)
    return str(getattr(named, "__qualname__", type(named).__qualname__))
