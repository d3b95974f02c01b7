"""Networks of the user's as players: what they lack is put in, or named.

A discriminator may be any `torch.nn.Module`, see `convergan.training.PlainDiscriminator`.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn

from ..core.user_code import why_not_callable
from ..networks import Discriminator, Generator
from ..training.plain_networks import as_discriminator as adapted

_OTHER_STREAM = {"discriminator": 1, "generator": 2}
"""So that both networks do not start from the same numbers of torch's own generator."""


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
    """Return a network as the steps call it; one that has ``rows_together`` may be of no class."""
    if hasattr(network, "rows_together") and not isinstance(network, Discriminator):
        return cast(Discriminator, network)
    return adapted(network)


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


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__qualname__
