"""Networks of the user's as players: what they lack is put in, or named.

A discriminator may be any `torch.nn.Module`. If it takes no ``chance`` it gets none, and a tensor
that it returns is its logits. Hooks do that, so that the names of its weights are its own.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..networks import Critique, Discriminator, Generator

_OTHER_STREAM = {"discriminator": 1, "generator": 2}
"""So that both networks do not start from the same numbers of torch's own generator."""


class LogitsAlone(Critique):
    """The judgment of a discriminator that returns no features."""

    @property
    def features(self) -> Tensor:
        """Refuse.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "this step needs features of the discriminator, which returns logits alone: let it "
            "return convergan.networks.Critique(logits, features)"
        )


def make_network(player: str, make: Callable[[], Any], chance: torch.Generator) -> nn.Module:
    """Call what makes a network; torch's layers draw their first weights from the run's seed.

    Args:
        player: ``discriminator`` or ``generator``, for messages.
        make: what to call.
        chance: of the run's start; nothing is drawn from it here.

    Raises:
        ValueError: if it makes no network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(chance.initial_seed() ^ _OTHER_STREAM[player])
        network = make()
    if not isinstance(network, nn.Module):
        raise ValueError(
            f"{player} of a recipe must return a network, a torch.nn.Module; it returned "
            f"{_kind(network)}"
        )
    return network


def as_discriminator(network: nn.Module) -> Discriminator:
    """Make sure that a network can be called and read as a `Discriminator`; changed in place.

    Raises:
        ValueError: when it is called, if it returns neither a `Critique` nor logits.
    """
    if type(network).__module__.split(".")[0] == "convergan":
        return cast(Discriminator, network)
    if not hasattr(network, "rows_together"):
        network.rows_together = 1  # type: ignore[assignment]
    if why_not_callable(network.forward, ("rows", "chance")):
        network.register_forward_pre_hook(_rows_alone)
    network.register_forward_hook(_as_critique)
    return cast(Discriminator, network)


def _rows_alone(network: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    return given[:1]


def _as_critique(network: nn.Module, given: tuple[Any, ...], found: Any) -> Critique:
    if isinstance(found, Critique):
        return found
    if isinstance(found, Tensor):
        logits = found.reshape(len(found), -1) if found.dim() else found
        return LogitsAlone(logits, logits.new_empty(len(logits) if logits.dim() else 0, 0))
    if (
        isinstance(found, Sequence)
        and len(found) == 2
        and all(isinstance(t, Tensor) for t in found)
    ):
        return Critique(*found)
    raise ValueError(
        f"the discriminator {_kind(network)} must return convergan.networks.Critique(logits, "
        f"features), or logits alone as a tensor; it returned {_kind(found)}"
    )


def as_generator(network: nn.Module) -> Generator:
    """Make sure that a network has what a `Generator` has.

    Raises:
        ValueError: if it has not.
    """
    draw = getattr(network, "draw_latent", None)
    if not callable(draw) or why_not_callable(draw, ("count", "chance")):
        lacks = "has no draw_latent" if draw is None else "has another draw_latent"
        raise ValueError(
            f"a generator must draw its own noise, by draw_latent(count, chance), and "
            f"{_kind(network)} {lacks}: derive it from convergan.networks.Generator and call "
            "super().__init__(latent_dim), whose noise is uniform on [0, 1)"
        )
    if problem := why_not_callable(network.forward, ("latent",)):
        raise ValueError(
            f"a generator is called with the noise alone, which forward of {_kind(network)} does "
            f"not take: {problem}"
        )
    return cast(Generator, network)


def why_not_callable(function: Callable[..., Any], arguments: tuple[object, ...]) -> str:
    """Say why a function cannot be called with so many arguments; nothing if it can, or may.

    Args:
        function: anything.
        arguments: the names of what it would be given by position.

    Example:
        >>> why_not_callable(len, ("rows", "chance"))
        'too many positional arguments'
        >>> why_not_callable(print, ("rows", "chance"))
        ''
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions that are not written in Python have none
        return ""
    try:
        signature.bind(*arguments)
    except TypeError as error:
        return str(error)
    return ""


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__qualname__
