"""Ranges of values, checked in one way and refused in one sentence."""

from collections.abc import Mapping

SHOWN = 80
"""Most letters of a value in a message."""
Rule = tuple[bool, str, str]
"""Whether a value is right, its name, and what it must be."""


def check(values: Mapping[str, object], *rules: Rule) -> None:
    """Refuse the first value that breaks a rule.

    Raises:
        ValueError: naming the value and what it must be.

    Example:
        >>> a, b = 1, 7
        >>> check({"a": a, "b": b}, (a > 0, "a", "above 0"), (0 <= b <= 1, "b", "from 0 to 1"))
        Traceback (most recent call last):
        ValueError: b must be from 0 to 1, got 7
    """
    for right, name, wanted in rules:
        if not right:
            shown = repr(values[name])
            shown = shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 3]}..."
            raise ValueError(f"{name} must be {wanted}, got {shown}")
