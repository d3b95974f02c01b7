"""Virtual adversarial training: the prediction stays where a small change would move it most.

Miyato et al. (2018), "Virtual Adversarial Training": with ``KL(d) = KL(p(x) || p(x + d))``, the
loss is ``KL(r)`` with ``r`` the worst change of length ``radius``, found by one step of power
iteration: from a random direction ``u``, ``r = radius g / ||g||`` with ``g`` the gradient of
``KL`` at ``probe u``.

Paper and released code: not in Salimans et al. (2016). Random noise, which the paper adds, changes
a prediction about as much in every direction; this takes the one that matters.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from ..collective import draw_like


def virtual_adversarial_loss(
    classify: Callable[[Tensor], Tensor],
    rows: Tensor,
    *,
    radius: float,
    probe: float,
    chance: torch.Generator,
) -> Tensor:
    """Return the mean divergence between predictions at ``rows`` and at their worst neighbors.

    Args:
        classify: from rows to (N, K) logits, without noise; parameters that it depends on receive
            the gradient, through the changed rows alone.
        rows: (N, *row shape); detached.
        radius: length of the change, in the units of the rows; not negative.
        probe: length at which the direction is searched, more than 0.
        chance: draws the first directions, on the device of the rows.

    Returns:
        A scalar in nats, not negative.

    Raises:
        ValueError: if ``radius`` is negative or ``probe`` is not more than 0.

    Example:
        >>> rows, chance = torch.zeros(2, 3), torch.Generator().manual_seed(0)
        >>> virtual_adversarial_loss(torch.sin, rows, radius=0.0, probe=1.0, chance=chance).item()
        0.0
    """
    if radius < 0 or probe <= 0:
        raise ValueError(f"radius must be >= 0 and probe > 0, got {radius} and {probe}")
    rows = rows.detach()
    with torch.no_grad():
        log_p = classify(rows).log_softmax(dim=1)
    drawn = draw_like(rows, lambda empty: empty.normal_(generator=chance))
    change = (probe * _unit(drawn)).requires_grad_()
    found = prediction_divergence(log_p, classify(rows + change))
    return prediction_divergence(log_p, classify(rows + worst_change(found, change, radius=radius)))


def worst_change(divergence: Tensor, rows: Tensor, *, radius: float) -> Tensor:
    """Return the change of each row, of length ``radius``, along which a loss rises fastest.

    Args:
        divergence: a scalar that depends on ``rows``; its graph is kept.
        rows: (N, *row shape), which require gradients.
        radius: length of a change, in the units of the rows; a row without a slope stays.

    Returns:
        Changes in the shape of ``rows``, detached.

    Example:
        >>> rows = torch.zeros(1, 2, requires_grad=True)
        >>> worst_change(3 * rows[0, 1], rows, radius=2.0).tolist()
        [[0.0, 2.0]]
    """
    [slope] = torch.autograd.grad(divergence, rows, retain_graph=True)
    return radius * _unit(slope)


def prediction_divergence(log_p: Tensor, logits: Tensor) -> Tensor:
    """Return the mean of ``KL(p || softmax(l))`` over rows, in nats.

    Args:
        log_p: (N, K), logarithms of class probabilities; detached by whoever calls.
        logits: (N, K), receive the gradient.
    """
    return kl_div(logits.log_softmax(dim=1), log_p, log_target=True, reduction="batchmean")


def _unit(directions: Tensor) -> Tensor:
    """Scale each row to length 1; rows of zeros stay."""
    lengths = torch.linalg.vector_norm(directions.flatten(1), dim=1).clamp(min=1e-30)
    shaped: Tensor = lengths.view(-1, *[1] * (directions.dim() - 1))
    return directions / shaped
