"""How far a figure of N rows would stray with other rows of the same kind.

Efron (1979), "Bootstrap methods": the figure is taken again of N rows drawn from the N with
replacement, many times; the interval lies between two percentiles of what comes out.

A draw holds about 63 % of the rows, some of them several times. Figures that depend on the number
of different rows stray to one side: the Frechet distance upwards, the inception score downwards,
and copies shrink the balls of precision and recall. Such an interval shows a width, not a place.

Paper and released code: not in Salimans et al. (2016).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def bootstrap_interval(
    statistic: Callable[[Tensor], float],
    rows: int,
    *,
    draws: int = 100,
    level: float = 0.95,
    chance: torch.Generator,
) -> tuple[float, float]:
    """Return the percentile interval of a figure.

    Args:
        statistic: the figure of the rows whose indices it is given, (N,) int64 on the device of
            ``chance``.
        rows: N, 1 or more.
        draws: how often, 2 or more.
        level: of the interval, in (0, 1): 0.95 leaves 2.5 % on each side.
        chance: draws the indices.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: if these are no such numbers, or the figure is not finite.

    Example:
        >>> heights, chance = torch.tensor([1.0, 2.0, 3.0]), torch.Generator().manual_seed(0)
        >>> low, high = bootstrap_interval(lambda i: heights[i].mean().item(), 3, chance=chance)
        >>> 1 <= low < 2 < high <= 3
        True
    """
    for name, value, least in (("rows", rows, 1), ("draws", draws, 2)):
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}")
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1, got {level}")
    figures = []
    for draw in range(draws):
        indices = torch.randint(rows, (rows,), generator=chance, device=chance.device)
        figures.append(float(statistic(indices)))
        if not math.isfinite(figures[-1]):
            raise ValueError(f"the figure must be finite, got {figures[-1]} in draw {draw}")
    tail = (1 - level) / 2
    ends = torch.tensor([tail, 1 - tail], dtype=torch.float64)
    low, high = torch.tensor(figures, dtype=torch.float64).quantile(ends).tolist()
    return low, high
