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

import torch
from torch import Tensor


def historical_averaging_penalty(
    parameters: Mapping[str, Tensor], means: Mapping[str, Tensor]
) -> Tensor:
    """Return ``sum_name || theta_name - mean_name ||^2``.

    Args:
        parameters: tensors that receive the gradient ``2 (theta - mean)``, by name.
        means: the mean of each, any floating dtype; constant for the gradient.

    Returns:
        A scalar in the dtype of the parameters.

    Example:
        >>> theta = {"w": torch.tensor([1.0, 2.0])}
        >>> historical_averaging_penalty(theta, {"w": torch.zeros(2)}).item()
        5.0
    """
    terms = [
        (parameter - means[name].to(parameter.dtype)).square().sum()
        for name, parameter in parameters.items()
    ]
    return torch.stack(terms).sum()


class HistoricalAverage:
    """The running mean of named parameters, started at their present values.

    Args:
        parameters: (name, parameter) pairs, read but not kept.
        decay: None for the uniform mean of the paper, else ``rho`` in (0, 1) for
            ``mean = rho mean + (1 - rho) theta``.

    Attributes:
        means: float64 tensor of each parameter.
        count: float64 scalar tensor, the number ``t`` of terms in the mean.

    Raises:
        ValueError: if ``decay`` is not in (0, 1).
    """

    def __init__(
        self, parameters: Iterable[tuple[str, Tensor]], decay: float | None = None
    ) -> None:
        if decay is not None and not 0 < decay < 1:
            raise ValueError(f"decay must be between 0 and 1, got {decay}")
        self.decay = decay
        self.means = {name: p.detach().double().clone() for name, p in parameters}
        self.count = torch.ones((), dtype=torch.float64)

    @torch.no_grad()
    def update(self, parameters: Mapping[str, Tensor]) -> None:
        """Take the present values of all parameters into the mean, after an optimiser step."""
        self.count += 1
        weight = 1 / self.count.item() if self.decay is None else 1 - self.decay
        for name, mean in self.means.items():
            mean.lerp_(parameters[name].double(), weight)

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that a checkpoint must hold, as live tensors."""
        return {"count": self.count} | {f"mean.{name}": m for name, m in self.means.items()}
