"""What steps have in common: they check what they are given, ask both players, and are counted."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol

import torch
from torch import Tensor

from ..collective import own, whole_count
from ..data import Batch
from ..networks import Critique, Discriminator, Generator
from .state import State

Losses = dict[str, Tensor]
Step = Callable[[State, Batch, torch.Generator], Losses]
Options = ParamSpec("Options")
Wanted = Callable[Concatenate[State, Batch, torch.Generator, Options], Losses]

WANTED = {
    "labeled": "labelled rows: Batch(labeled=rows, labels=classes, ...)",
    "unlabeled": "unlabelled rows: Batch(unlabeled=rows, ...)",
    "matching": "rows to match: Batch(unlabeled=rows, matching=other_rows)",
}
"""What to say where a kind of rows is missing."""


class StepFunction(Protocol[Options]):
    """A step as it is called: by `convergan.training.train`, or in a loop of one's own."""

    def __call__(
        self,
        state: State,
        batch: Batch | Tensor,
        chance: torch.Generator | None = None,
        *args: Options.args,
        **kwargs: Options.kwargs,
    ) -> Losses:
        """Take one step; a tensor is a batch of unlabelled rows, no chance is torch's own."""
        ...


def step_function(*needs: str) -> Callable[[Wanted[Options]], StepFunction[Options]]:
    """Make a step of an algorithm box: check the batch, fill in chance, and count the step.

    Args:
        needs: the kinds of rows that it cannot do without, of `WANTED`.
    """

    def decorate(take: Wanted[Options]) -> StepFunction[Options]:
        @wraps(take)
        def taken(
            state: State,
            batch: Batch | Tensor,
            chance: torch.Generator | None = None,
            *args: Options.args,
            **kwargs: Options.kwargs,
        ) -> Losses:
            batch = as_batch(batch)
            _require_players(state)
            for kind in needs:
                if not len(getattr(batch, kind)):
                    raise ValueError(f"{take.__name__} needs {WANTED[kind]}")
            _require_one_device(state, batch, chance)
            if chance is None:
                chance = global_generator(batch.unlabeled.device)
            losses = take(state, batch, chance, *args, **kwargs)
            state.count()
            return losses

        return taken

    return decorate


def as_batch(batch: Batch | Tensor) -> Batch:
    """Return a batch, of a tensor one whose unlabelled rows are these.

    Raises:
        ValueError: if it is something else.
    """
    if isinstance(batch, Batch):
        return batch
    if isinstance(batch, Tensor):
        return Batch(unlabeled=batch)
    raise ValueError(
        "a step takes a tensor of rows or a convergan.data.Batch, such as "
        f"Batch(labeled=rows, labels=classes, unlabeled=more_rows); got {type(batch).__name__}"
    )


def global_generator(device: torch.device) -> torch.Generator:
    """Return the generator that torch draws from on a device where none is named.

    Raises:
        ValueError: if torch has none there that can be handed on.
    """
    if device.type == "cpu":
        return torch.default_generator
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        index = torch.cuda.current_device() if device.index is None else device.index
        return torch.cuda.default_generators[index]
    raise ValueError(f"on {device} a step needs chance=torch.Generator('{device.type}')")


def criticise_fakes(state: State, batch: Batch, chance: torch.Generator) -> Critique:
    """Judge new samples, with gradients to the generator."""
    return state.discriminator.network(draw_fakes(state, batch, chance), chance)


def features_of(critique: Critique) -> Tensor:
    """Return features to match.

    Raises:
        ValueError: if there are none.
    """
    if not critique.features.numel():
        raise ValueError(
            "the discriminator returns no features to match; let it return (logits, features), "
            "where features are (N, ...) from a layer between the rows and the logits"
        )
    return critique.features


def draw_fakes(state: State, batch: Batch, chance: torch.Generator) -> Tensor:
    """Make a row for each unlabelled one.

    Raises:
        ValueError: if they are of another shape.
    """
    generator = state.generator.network
    fakes = generator(draw_latent(generator, len(batch.unlabeled), chance))
    if fakes.shape[1:] != batch.unlabeled.shape[1:]:
        raise ValueError(
            f"the generator makes rows of shape {tuple(fakes.shape[1:])}, those of the batch have "
            f"{tuple(batch.unlabeled.shape[1:])}"
        )
    return fakes


def draw_latent(generator: Generator, count: int, chance: torch.Generator) -> Tensor:
    """Draw noise for ``count`` rows of this process: its share of that for the whole batch."""
    return own(generator.draw_latent(whole_count(count), chance))


def _require_players(state: State) -> None:
    """Require networks that can be asked as a step asks them."""
    for player, attribute, kind in (
        (state.discriminator, "rows_together", Discriminator),
        (state.generator, "draw_latent", Generator),
    ):
        if not hasattr(player.network, attribute):
            raise ValueError(
                f"the {player.name} is a {type(player.network).__name__} and no "
                f"convergan.networks.{kind.__name__}; subclass that, or make the state by "
                "State.of, which takes any nn.Module"
            )


def _require_one_device(state: State, batch: Batch, chance: torch.Generator | None) -> None:
    device = state.discriminator.device
    for kind, rows in zip(batch._fields, batch, strict=True):
        if len(rows) and device not in (None, rows.device):
            raise ValueError(
                f"the networks are on {device}, the batch's {kind} on {rows.device}; "
                f"move it there by .to({str(device)!r})"
            )
    if device is not None and chance is not None and chance.device.type != device.type:
        raise ValueError(
            f"the networks are on {device}, the generator of random numbers on {chance.device}; "
            f"take chance=torch.Generator({device.type!r})"
        )
