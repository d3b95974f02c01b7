"""How sharp a minimum is: the largest rise of a loss in a small box around its weights.

Keskar et al. (2017), *On large-batch training for deep learning: generalization gap and sharp
minima*, metric 2.1 with a random subspace: with A an n x p matrix of normal numbers,

    100 (max f(x + A z) - f(x)) / (1 + f(x))   over   |z_i| <= epsilon (|(A^+ x)_i| + 1).

Paper and ours: they maximise by ten iterations of L-BFGS-B, we by ten steps of projected ascent.
The box is a unit cube for that, and a step moves a coordinate of mean slope by a half.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .tensor_like import TensorLike, as_tensor

STEP = 0.5
"""Of the ascent: what a coordinate of mean slope moves, of the half width of the box."""


def sharpness(
    loss: Callable[[Tensor], Tensor],
    weights: TensorLike,
    *,
    epsilon: float,
    dimensions: int = 100,
    steps: int = 10,
    chance: torch.Generator,
) -> float:
    """Return the sharpness of ``loss`` at ``weights``, in percent of ``1 + loss``.

    Args:
        loss: from weights, (n,), to a scalar that is not negative.
        weights: (n,), floating point; those of a minimum.
        epsilon: size of the box, above 0; 1e-3 and 5e-4 in the paper.
        dimensions: p, of the random subspace, from 1 to n.
        steps: of the ascent.
        chance: draws the subspace.

    Returns:
        At least 0, as the middle of the box is in it.

    Raises:
        ValueError: if ``epsilon`` or ``dimensions`` is out of range.
    """
    weights = as_tensor(weights, "weights")
    if not epsilon > 0:
        raise ValueError(f"epsilon must be above 0, got {epsilon}")
    if not 1 <= dimensions <= len(weights):
        raise ValueError(f"dimensions must be from 1 to {len(weights)}, got {dimensions}")
    basis = torch.randn(len(weights), dimensions, generator=chance).to(weights)
    half_width = epsilon * (_pseudo_inverse_times(basis, weights).abs() + 1)
    place = torch.zeros_like(half_width)
    first = highest = float(loss(weights).detach())
    for _ in range(steps):
        place.requires_grad_()
        height = loss(weights + basis @ (half_width * place))
        [slope] = torch.autograd.grad(height, place)
        typical = slope.abs().mean().clamp(min=torch.finfo(slope.dtype).tiny)
        place = (place.detach() + STEP * slope / typical).clamp(-1, 1)
        highest = max(highest, float(loss(weights + basis @ (half_width * place)).detach()))
    return 100 * (highest - first) / (1 + first)


def _pseudo_inverse_times(basis: Tensor, weights: Tensor) -> Tensor:
    """Return ``A^+ x`` by the normal equations: normal columns, far fewer than rows."""
    wide = basis.double()
    found: Tensor = torch.linalg.solve(wide.T @ wide, wide.T @ weights.double())
    return found.to(weights)
