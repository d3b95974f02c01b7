"""What is looked at before the first step: whether both players and the data go together.

Both networks are called once, on a batch of data and of noise. Nothing of them is changed by it:
buffers are copied, and what is drawn comes from a stream of its own.

A generator's range is compared with that of the data. What fresh weights give says little, as it
lies near zero, so the weights are also scaled up: an end that stays where it is, as both ends of a
tanh and the lower one of a softplus do, is a bound that no training can pass. A generator is
refused where a bound keeps it from the data, or where it reaches as far beyond them as they are
wide. One without bounds, as for points in the plane, fits any data.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..core.chance import derive
from ..data import Dataset, to_unit_range
from ..networks import Critique
from ..training import State
from .recipe import Recipe

SCALES = (10.0, 1000.0)
"""Factors of a generator's weights between which a bound does not move."""
STILL = 0.01
"""By how much of the width a bound may move all the same."""
BEYOND = 0.9
"""Of the data's width: how far a bounded generator may reach beyond the data."""
SHORT = 0.1
"""Of the data's width: how much of it may be out of reach at either end."""
RARE = 0.05
"""Share of the data's values at either end that need not be reached."""
LOOKED_AT = 1_000_000
"""Values of the data whose range is looked at."""


class Range(NamedTuple):
    """Two ends; infinite where there is none."""

    low: float
    high: float

    def __str__(self) -> str:
        """Return both ends, rounded."""
        return f"{self.low:.3g} to {self.high:.3g}"


STREAMED = Range(0.25, 0.75)
"""Between which most levels of photographs are thought to lie, where none is looked at."""


@torch.no_grad()
def require_players_fit(recipe: Recipe, state: State, dataset: Dataset, *, seed: int) -> None:
    """Require that both players take and give what the data and the recipe's step need.

    Args:
        recipe: of the players.
        state: before the first step; unchanged.
        dataset: as the players see it.
        seed: of the run.

    Raises:
        ValueError: if a network gives other shapes, devices or types, or the generator another
            range, than the data have; the message names both.
    """
    factor = recipe.schedule(0.0)
    if not isinstance(factor, int | float):
        raise ValueError(f"schedule must return a number, it returned {factor!r}")
    generator, discriminator = state.generator.network, state.discriminator.network
    device = next(iter(state.generator.parameters.values())).device
    chance = derive(seed, "first look", device=device)
    rows = _first_rows(dataset, recipe.batch_size)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        latent = generator.draw_latent(len(rows), chance)
        if not isinstance(latent, Tensor) or len(latent) != len(rows):
            raise ValueError(
                f"draw_latent({len(rows)}, chance) of the generator must return {len(rows)} rows "
                f"of noise, it returned {_shown(latent)}"
            )
        made = _call("generator", generator, latent)
        _require_rows(made, rows, device)
        judged = _call("discriminator", discriminator, rows.to(device), chance)
        _require_critique(judged, rows, discriminator.rows_together, device)
        if recipe.classifies:
            _require_logits(judged.logits, len(dataset.classes))
        bounds = _bounds(generator, latent)
    if not _is_meant(recipe):
        require_range(bounds, _first_range(made), rows_range(dataset), _core(dataset))


def _first_rows(dataset: Dataset, count: int) -> Tensor:
    """Return rows to judge, as the players get them; of streamed images none is read for it."""
    images = dataset.train.images
    if isinstance(images, Tensor):
        return to_unit_range(images[:count])
    return torch.rand(count, *dataset.row_shape, generator=torch.Generator().manual_seed(0))


def _call(player: str, network: nn.Module, *given: Any) -> Any:
    """Call a network without changing its buffers.

    Raises:
        ValueError: if torch cannot, as the shapes are others.
    """
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        return functional_call(network, buffers, given)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise ValueError(
            f"the {player} cannot take {_shown(given[0])}: {' '.join(str(error).split())}"
        ) from error


def _require_rows(made: Any, rows: Tensor, device: torch.device) -> None:
    wanted = f"the data have rows of shape {tuple(rows.shape[1:])}"
    if not isinstance(made, Tensor) or made.shape != rows.shape:
        raise ValueError(f"the generator made {_shown(made)} of {len(rows)} noises, {wanted}")
    _require_numbers("the generator's rows", made, device)


def _require_critique(judged: Any, rows: Tensor, together: int, device: torch.device) -> None:
    if not isinstance(judged, Critique):
        raise ValueError(
            "the discriminator must return convergan.networks.Critique(logits, features), it "
            f"returned {_shown(judged)}"
        )
    count, logits = len(rows) // together, judged.logits
    if logits.dim() != 2 or len(logits) != count:
        raise ValueError(
            f"the discriminator must return logits of shape ({count}, number of them) for "
            f"{len(rows)} rows, it returned {_shown(logits)}"
        )
    _require_numbers("the discriminator's logits", logits, device)
    if not isinstance(judged.features, Tensor) or judged.features.dim() < 2:
        raise ValueError(
            "the discriminator's features must be a tensor with a row for each row of data, got "
            f"{_shown(judged.features)}"
        )


def _require_logits(logits: Tensor, classes: int) -> None:
    if logits.shape[1] not in (classes, classes + 1):
        raise ValueError(
            f"the discriminator must return a logit for each of {classes} classes, or one more for "
            f"generated rows; it returned {logits.shape[1]}: it is made by "
            "discriminator(row_shape, logits, chance)"
        )


def _require_numbers(what: str, found: Tensor, device: torch.device) -> None:
    if found.device.type != device.type:
        raise ValueError(
            f"{what} are on {found.device}, the run is on {device}: register what the network "
            "holds as parameters or buffers, which go where it goes"
        )
    if not found.is_floating_point():
        raise ValueError(f"{what} must be floating point, got {found.dtype}")


def _shown(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"{value!r}" if value is None else f"a {type(value).__qualname__}"


# --- ranges --------------------------------------------------------------------------------------


def rows_range(dataset: Dataset) -> Range:
    """Return the range of the data as the players get them: 0 to 1 where they are bytes."""
    rows = dataset.train.images
    if not isinstance(rows, Tensor) or rows.dtype == torch.uint8:
        return Range(0.0, 1.0)
    return Range(float(rows.min()), float(rows.max()))


def _core(dataset: Dataset) -> Range:
    """Return the range of most of the data's values."""
    rows = dataset.train.images
    if not isinstance(rows, Tensor):  # streamed, and not read for this
        return STREAMED
    few = max(1, LOOKED_AT // max(1, rows[:1].numel()))
    values = to_unit_range(rows[:few]).flatten().float()
    low, high = (values.kthvalue(max(1, round(len(values) * q))) for q in (RARE, 1 - RARE))
    return Range(float(low.values), float(high.values))


def _is_meant(recipe: Recipe) -> bool:
    """Whether a recipe says itself that its generator makes other numbers, as one script did."""
    return getattr(recipe.generator, "keywords", {}).get("centred") is False


def _first_range(made: Tensor) -> Range:
    return Range(float(made.min()), float(made.max()))


def _bounds(generator: nn.Module, latent: Tensor) -> Range:
    """Return between which numbers all lies that a generator can make, as far as that is known."""
    ends = []
    for scale in SCALES:
        scaled = {name: scale * p.detach() for name, p in generator.named_parameters()}
        scaled |= {name: buffer.clone() for name, buffer in generator.named_buffers()}
        found = functional_call(generator, scaled, (latent,))
        if not bool(found.isfinite().all()):
            return Range(-torch.inf, torch.inf)
        ends.append(_first_range(found))
    near, far = ends
    still = STILL * (near.high - near.low)
    return Range(
        far.low if abs(far.low - near.low) <= still else -torch.inf,
        far.high if abs(far.high - near.high) <= still else torch.inf,
    )


def require_range(bounds: Range, first: Range, data: Range, core: Range) -> None:
    """Require that a generator can reach the data, and is made for no other range.

    Args:
        bounds: between which all lies that it can make; infinite where there is no bound.
        first: what it makes of fresh weights.
        data: the range of all data.
        core: that of most.

    Raises:
        ValueError: if it cannot, or reaches far beyond them.
    """
    width = max(data.high - data.low, 1e-6)
    made = Range(
        first.low if bounds.low == -torch.inf else bounds.low,
        first.high if bounds.high == torch.inf else bounds.high,
    )
    far = bounds.low <= data.low - BEYOND * width and bounds.low > -torch.inf
    far |= bounds.high >= data.high + BEYOND * width and bounds.high < torch.inf
    short = bounds.low > core.low + SHORT * width or bounds.high < core.high - SHORT * width
    apart = first.low > data.high + width or first.high < data.low - width
    if far or short or apart:
        raise ValueError(
            f"the generator makes numbers from {made}, the data are from {data}: "
            f"{_how_to_map(made, data)}"
        )


def _how_to_map(made: Range, data: Range) -> str:
    if (round(made.low, 2), round(made.high, 2)) == (-1, 1) and data == (0, 1):
        return "let it return (rows + 1) / 2, or end in a sigmoid rather than a tanh"
    width = max(made.high - made.low, 1e-6)
    factor = (data.high - data.low) / width
    return (
        f"let it return {data.low:.3g} + {factor:.3g} * (rows - {made.low:.3g}), or end without a "
        "bound"
    )
