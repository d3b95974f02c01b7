"""Arguments by keyword where their order could be mistaken.

Two arguments that a call would take either way round, with another figure for each, are given by
keyword alone. A call by position is told so, and works until version 0.15.
"""

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def by_keyword(*names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Take a call by position as the names say, with a warning.

    Args:
        names: of the arguments that could be given by position, in their order then.

    Returns:
        A decorator of functions whose arguments are keywords alone.

    Example:
        >>> @by_keyword("top", "bottom")
        ... def ratio(*, top: float, bottom: float) -> float:
        ...     return top / bottom
        >>> ratio(top=1, bottom=2)
        0.5
    """

    def decorate(call: Callable[P, R]) -> Callable[P, R]:
        name = call.__name__

        @functools.wraps(call)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            if not args:
                return call(*args, **kwargs)
            if len(args) > len(names):
                raise TypeError(f"{name} takes {', '.join(names)} and keywords, got {len(args)}")
            wanted = ", ".join(f"{keyword}=..." for keyword in names)
            warnings.warn(
                f"{name} by position ends with convergan 0.15, as the order can be mistaken; "
                f"write {name}({wanted})",
                DeprecationWarning,
                stacklevel=2,
            )
            named = dict(zip(names, args, strict=False))
            return call(**named, **kwargs)  # type: ignore[arg-type, call-arg]

        return called

    return decorate
