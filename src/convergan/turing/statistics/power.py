"""How many annotators a study needs.

``A = z^2 / (4 h^2) (1 + (m - 1) rho) / m`` for a half-width h of the 95 % interval of an error near
1/2. More votes of the same people help less and less: without bound on m it still takes
``z^2 rho / (4 h^2)`` people.
"""

import math
from collections.abc import Sequence

from ..checks import check
from .intervals import Z, design_effect


def annotators_needed(half_width: float, votes_each: float, rho: float) -> int:
    """Return the number of annotators for a half-width.

    Args:
        half_width: of the 95 % interval, a share above 0.
        votes_each: votes of an annotator, 1 or more; may be infinite.
        rho: correlation of two votes of the same annotator, 0 to 1.

    Raises:
        ValueError: if a value is out of its range.

    Example:
        >>> [annotators_needed(half, 100, 0.05) for half in (0.05, 0.03, 0.02)]
        [23, 64, 143]
        >>> [annotators_needed(half, math.inf, 0.05) for half in (0.05, 0.03, 0.02)]
        [20, 54, 121]
    """
    check(
        {"half-width": half_width, "votes of an annotator": votes_each, "rho": rho},
        (0 < half_width < 0.5, "half-width", "above 0 and below 0.5"),
        (votes_each >= 1, "votes of an annotator", "at least 1"),
        (0 <= rho <= 1, "rho", "from 0 to 1"),
    )
    spread = rho if math.isinf(votes_each) else design_effect(votes_each, rho) / votes_each
    return max(1, math.ceil(Z**2 / (4 * half_width**2) * spread))


def power_table(
    half_widths: Sequence[float], votes_each: Sequence[float], rho: float
) -> list[tuple[float, list[int]]]:
    """Return the annotators needed: a row for each number of votes, a column for each half-width.

    Example:
        >>> power_table([0.05, 0.02], [100, math.inf], 0.05)
        [(100, [23, 143]), (inf, [20, 121])]
    """
    return [(m, [annotators_needed(h, m, rho) for h in half_widths]) for m in votes_each]


def power_text(half_widths: Sequence[float], votes_each: Sequence[float], rho: float) -> str:
    """Return how many annotators a study needs, as lines of text.

    Args:
        half_widths: of the 95 % interval, shares; a column each.
        votes_each: votes of an annotator; a line each; may be infinite.
        rho: correlation of two votes of the same annotator.

    Raises:
        ValueError: if a value is out of its range.

    Example:
        >>> print(power_text([0.05, 0.02], [100, math.inf], 0.05))
        votes of an annotator   ± 5   ± 2 points
                          100    23   143
                     no bound    20   121
    """
    heads = [f"± {100 * half:g}" for half in half_widths]
    lines = [f"votes of an annotator  {'  '.join(f'{head:>4}' for head in heads)} points"]
    for votes, needed in power_table(half_widths, votes_each, rho):
        name = "no bound" if math.isinf(votes) else f"{votes:,.0f}"
        widths = [max(4, len(head)) for head in heads]
        cells = (f"{count:>{wide}}" for count, wide in zip(needed, widths, strict=True))
        lines.append(f"{name:>21}  {'  '.join(cells)}")
    return "\n".join(lines)
