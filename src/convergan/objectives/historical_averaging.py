"""Historical averaging: each player is drawn to the mean of its own past.

Salimans et al. (2016), section 3.3: each player's cost gets
``|| theta - (1/t) sum_{i=1..t} theta[i] ||^2``, as in fictitious play.

Paper and released code: never released. Our definition: ``theta[1]`` are the initial parameters,
one term enters the mean after each step of that player, the mean is constant for the gradient, and
the penalty, times a weight that the paper does not state, joins the player's loss before its one
backward pass. A separate optimiser step, as elsewhere, makes the weight act hardly at all under
Adam. The mean is kept in float64: in float32 the increment ``(theta - mean)/t`` drops below half a
unit in the last place after some 10^5 steps and the mean freezes.
"""

from collections.abc import Iterable, Mapping
from typing import Self

import torch
from torch import Tensor, nn

Parameters = nn.Module | Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]
"""A network, of which its trainable parameters are meant; or tensors by name; or such pairs."""


def named(parameters: Parameters) -> dict[str, Tensor]:
    """Return tensors by name, of a module its trainable parameters.

    Raises:
        ValueError: if they are tensors without names.

    Example:
        >>> list(named(nn.Linear(2, 1)))
        ['weight', 'bias']
    """
    if isinstance(parameters, nn.Module):
        return {name: p for name, p in parameters.named_parameters() if p.requires_grad}
    pairs = list(parameters.items() if isinstance(parameters, Mapping) else parameters)
    if not all(isinstance(pair, tuple | list) and isinstance(pair[0], str) for pair in pairs):
        raise ValueError(
            "historical averaging: parameters need names; pass the network itself, or "
            "named_parameters() rather than parameters()"
        )
    return dict(pairs)


def historical_averaging_penalty(parameters: Parameters, means: Mapping[str, Tensor]) -> Tensor:
    """Return ``sum_name || theta_name - mean_name ||^2``.

    Args:
        parameters: tensors that receive the gradient ``2 (theta - mean)``, see `Parameters`.
        means: the mean of each, any floating dtype; constant for the gradient.

    Returns:
        A scalar in the dtype of the parameters.

    Raises:
        ValueError: if a parameter has no mean, or one on another device or of another shape, or
            there are no parameters.

    Example:
        >>> theta = {"w": torch.tensor([1.0, 2.0])}
        >>> historical_averaging_penalty(theta, {"w": torch.zeros(2)}).item()
        5.0
    """
    found = named(parameters)
    if not found:
        raise ValueError("historical averaging: there are no trainable parameters; are all frozen?")
    _require_alike(found, means)
    terms = [
        (parameter - means[name].to(parameter.dtype)).square().sum()
        for name, parameter in found.items()
    ]
    return torch.stack(terms).sum()


class HistoricalAverage:
    """The running mean of named parameters, started at their present values.

    Args:
        parameters: see `Parameters`; read but not kept. `update` and `penalty` take any of the
            three kinds as well.
        decay: None for the uniform mean of the paper, else ``rho`` in (0, 1) for
            ``mean = rho mean + (1 - rho) theta``.

    Attributes:
        means: float64 tensor of each parameter.
        count: float64 scalar tensor on the CPU, the number ``t`` of terms in the mean.

    Raises:
        ValueError: if ``decay`` is not in (0, 1).

    Example:
        >>> network = nn.Linear(2, 1)
        >>> average = HistoricalAverage(network)
        >>> loss = network(torch.ones(3, 2)).mean() + 0.01 * average.penalty(network)
        >>> average.update(network)  # after each step of the optimizer
    """

    def __init__(self, parameters: Parameters, decay: float | None = None) -> None:
        if decay is not None and not 0 < decay < 1:
            raise ValueError(f"decay must be between 0 and 1, got {decay}")
        self.decay = decay
        self.means = {name: p.detach().double().clone() for name, p in named(parameters).items()}
        self.count = torch.ones((), dtype=torch.float64)

    def penalty(self, parameters: Parameters) -> Tensor:
        """Return `historical_averaging_penalty` of present values, to be added to a loss."""
        return historical_averaging_penalty(parameters, self.means)

    @torch.no_grad()
    def update(self, parameters: Parameters) -> None:
        """Take the present values of all parameters into the mean, after an optimiser step.

        Raises:
            ValueError: if one is missing, on another device than its mean or of another shape.
        """
        found = named(parameters)
        _require_alike(self.means, found)
        self.count += 1
        weight = 1 / self.count.item() if self.decay is None else 1 - self.decay
        for name, mean in self.means.items():
            mean.lerp_(found[name].double(), weight)

    def to(self, device: torch.device | str) -> Self:
        """Move the means to where the parameters are, and return this average."""
        self.means = {name: mean.to(device) for name, mean in self.means.items()}
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Return what `load_state_dict` takes: ``count``, ``mean.NAME``, and ``decay``, 0 for None.

        The first two are live tensors.
        """
        return self.tensors() | {"decay": torch.tensor(self.decay or 0.0, dtype=torch.float64)}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state_dict` returned, from any device; the means stay where they are.

        Raises:
            ValueError: if the names or shapes are not those of this average, or it is of another
                decay, which states of before 0.15 do not tell; nothing is changed.
        """
        own = self.state_dict()
        state = {"decay": own["decay"], **state}
        if state.keys() != own.keys():
            different = sorted(state.keys() ^ own.keys())
            raise ValueError(f"not the state of this average: {different[0]} is in one alone")
        for name, tensor in own.items():
            if tensor.shape != state[name].shape:
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}, in the state to load "
                    f"{tuple(state[name].shape)}"
                )
        if (decay := state["decay"].item() or None) != self.decay:
            raise ValueError(f"this average has decay {self.decay}, the state to load {decay}")
        for name, tensor in self.tensors().items():
            tensor.copy_(state[name])

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that a checkpoint must hold, as live tensors."""
        return {"count": self.count} | {f"mean.{name}": m for name, m in self.means.items()}


def _require_alike(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    """Require a tensor of the same shape and device for each that is wanted."""
    for name, tensor in wanted.items():
        if name not in given:
            raise ValueError(f"historical averaging: there is no {name} among {sorted(given)[:5]}")
        other = given[name]
        if other.shape != tensor.shape:
            raise ValueError(
                f"historical averaging: {name} has shape {tuple(tensor.shape)} and "
                f"{tuple(other.shape)}"
            )
        if other.device != tensor.device:
            raise ValueError(
                f"historical averaging: {name} is on {tensor.device} and {other.device}; move the "
                "average to its network by .to(device)"
            )
