"""Factors of the learning rate as functions of progress in [0, 1)."""


def constant(progress: float) -> float:
    """Return 1."""
    return 1.0


def linear_after(progress: float, flat: float) -> float:
    """Return 1 up to progress ``flat``, then a straight line to 0 at the end.

    Example:
        >>> linear_after(0.5, flat=0.5), linear_after(0.75, flat=0.5)
        (1.0, 0.5)
    """
    return min(1.0, (1.0 - progress) / (1.0 - flat))
