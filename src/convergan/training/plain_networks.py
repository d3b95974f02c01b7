"""Networks of a user's, as the steps need them.

A step asks a discriminator for a `Critique` and a generator for a latent. Any ``nn.Module`` can be
asked so through the two classes here, which own nothing: the modules inside are the user's, and
what is loaded into them, or moved, or set to evaluation, is seen by both.
"""

import math
import re
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..core.chance import draw_into
from ..core.user_code import why_not_callable
from ..networks import Critique, Discriminator, Generator, PackedDiscriminator

Latent = int | Sequence[int] | Callable[[int], Tensor]
"""Of a generator: the size or shape of a row of Gaussian noise, or from a count to such rows."""


class PlainDiscriminator(Discriminator):
    """Any module that judges rows, as a discriminator of ours.

    Args:
        network: from (N, *row shape), and chance where it takes that too, to logits, (N,), (N, K)
            or (N, K, 1, 1), or to a pair of such logits and features, (N, ...).

    Warns:
        UserWarning: if its last module is a sigmoid, as steps take logits.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.training = network.training
        if isinstance(list(network.modules())[-1], nn.Sigmoid):
            warnings.warn(
                "the discriminator ends in a sigmoid; steps want logits: leave it out",
                stacklevel=3,
            )
        self._takes_chance = not why_not_callable(network.forward, ("rows", "chance"))

    def forward(self, rows: Tensor, chance: torch.Generator | None = None) -> Critique:
        """Judge rows; a module that takes no ``chance`` draws its noise itself.

        Raises:
            ValueError: if the rows do not fit the network, or what it returns is no judgment.
        """
        chances = (chance,) if self._takes_chance else ()
        found = _call("discriminator", self.network, rows, *chances)
        logits: object = found
        features: object = rows.new_empty(len(rows), 0)
        if isinstance(found, tuple | list) and len(found) == 2:
            logits, features = found
        if not isinstance(logits, Tensor) or not isinstance(features, Tensor):
            raise ValueError(
                "the discriminator must return logits, or (logits, features), all tensors; got "
                f"{_shown(found)}"
            )
        fits = logits.dim() > 0 and logits.shape[2:].numel() == 1
        if not fits or len(logits) != len(rows) or len(features) != len(rows):
            raise ValueError(
                f"of {len(rows)} rows the discriminator must return logits of shape "
                f"({len(rows)},), ({len(rows)}, K) or ({len(rows)}, K, 1, 1), and features of as "
                f"many rows; got {_shown(found)}"
            )
        return Critique(logits.reshape(len(rows), -1), features.flatten(1))


class PlainGenerator(Generator):
    """Any module that makes rows from noise, as a generator of ours.

    Args:
        network: from latents to rows.
        latent: see `Latent`.
    """

    def __init__(self, network: nn.Module, latent: Latent) -> None:
        shape = () if callable(latent) else (latent,) if isinstance(latent, int) else tuple(latent)
        super().__init__(math.prod(shape))
        self.network = network
        self.training = network.training
        self._shape = shape
        self._draw = latent if callable(latent) else None

    def draw_latent(self, count: int, chance: torch.Generator) -> Tensor:
        """Draw ``count`` latents, on the device of ``chance``, or ask the user's function for them.

        Raises:
            ValueError: if that returns something else than so many rows there.
        """
        if self._draw is None:
            empty = torch.empty(count, *self._shape, device=chance.device)
            return draw_into(empty, lambda latent: latent.normal_(generator=chance))
        latent = self._draw(count)
        if not isinstance(latent, Tensor) or len(latent) != count:
            raise ValueError(f"latent({count}) must return {count} rows, got {_shown(latent)}")
        if latent.device.type != chance.device.type:
            raise ValueError(
                f"latent({count}) is on {latent.device}, the networks on {chance.device}"
            )
        return latent

    def forward(self, latent: Tensor) -> Tensor:
        """Make rows.

        Raises:
            ValueError: if the latents do not fit the network, or it does not return as many rows.
        """
        rows = _call("generator", self.network, latent)
        if not isinstance(rows, Tensor) or len(rows) != len(latent):
            raise ValueError(
                f"of {len(latent)} latents the generator must return as many rows, a tensor; got "
                f"{_shown(rows)}"
            )
        return rows


def as_discriminator(network: nn.Module) -> Discriminator:
    """Return a network as the steps call it, one of ours as it is."""
    _refuse_parallel("discriminator", network)
    if isinstance(network, PackedDiscriminator):
        return PackedDiscriminator(as_discriminator(network.discriminator), network.m)
    return network if isinstance(network, Discriminator) else PlainDiscriminator(network)


def as_generator(network: nn.Module, latent: Latent | None) -> Generator:
    """Return a network as the steps call it, one of ours as it is.

    Raises:
        ValueError: if there is no latent for a plain module, or one for a generator of ours.
    """
    _refuse_parallel("generator", network)
    ours = isinstance(network, Generator)
    if ours and latent is not None:
        raise ValueError(f"{type(network).__name__} draws its own latents; leave latent out")
    if isinstance(network, Generator):
        return network
    if latent is None:
        raise ValueError(
            "what does the generator make rows from? latent=100 for Gaussian noise of shape "
            "(N, 100), latent=(100, 1, 1) for (N, 100, 1, 1), or a function from N to latents"
        )
    return PlainGenerator(network, latent)


def _refuse_parallel(player: str, network: nn.Module) -> None:
    if isinstance(network, DistributedDataParallel):
        raise ValueError(
            f"the {player} is in DistributedDataParallel, which averages the gradients of "
            "backward() alone, and steps do not call it; take convergan.objectives and backward()"
        )


def _call(
    player: str, network: nn.Module, rows: Tensor, *chances: torch.Generator | None
) -> object:
    """Call a network, and say in one line which shape did not fit."""
    try:
        found: object = network(rows, *chances)
    except RuntimeError as error:
        line = str(error).strip().partition("\n")[0]
        memory = isinstance(error, torch.OutOfMemoryError)
        if memory or not re.search("shape|size|channel|dimension", line):
            raise
        shape = tuple(rows.shape)
        raise ValueError(f"the {player} does not take rows of shape {shape}: {line}") from error
    return found


def _shown(value: object) -> str:
    """Describe what a network returned."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_shown, value))})"
    return type(value).__name__
