"""A recipe without one of its parts, by name: ``mnist-graph-without-game``.

Parts of recipes for few labels:

* ``game``: the unsupervised loss. The classifier still sees the same rows and draws the same
  noise, but learns nothing from generated rows.
* ``graph``: label spreading over neighbors. The averaged weights teach alone, with a strength that
  rises from 0 as those of label spreading would fade.
* ``consistency``: what holds the classifier to a teacher or makes it sure: all that a recipe adds
  to the losses of the paper. Label spreading is such a teacher, so the graph goes with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from ..core.names import look_up
from ..training import (
    interpolation_consistency,
    semi_supervised_joint_step,
    semi_supervised_step,
    teacher_consistency,
)
from .recipe import Recipe

WITHOUT = "-without-"
"""Stands between the name of a recipe and that of each part that is left out."""


class Part(NamedTuple):
    """One part of a recipe.

    Attributes:
        is_in: whether a recipe has it.
        leave_out: from a recipe that has it to the same without.
    """

    is_in: Callable[[Recipe], bool]
    leave_out: Callable[[Recipe], Recipe]


def without(recipe: Recipe, name: str, parts: Sequence[str]) -> Recipe:
    """Return a recipe without some of its parts.

    Args:
        recipe: to change.
        name: of the recipe, for messages.
        parts: some of `PARTS`, at least one.

    Raises:
        ValueError: if a part is unknown, named twice, or not in the recipe.
    """
    changed = recipe
    for part in parts:
        if not look_up("part of a recipe", part, PARTS).is_in(recipe):
            found = ", ".join(each for each in PARTS if PARTS[each].is_in(recipe))
            raise ValueError(
                f"recipe {name} has no {part} to leave out; "
                + (f"it has {found}" if found else "only recipes for few labels have such parts")
            )
        if parts.count(part) > 1:
            raise ValueError(f"recipe {name} can be without its {part} only once")
        changed = PARTS[part].leave_out(changed)
    left_out = " and ".join(f"its {part}" for part in parts)
    return replace(changed, summary=f"{recipe.summary}, without {left_out}")


def name_without(recipe: str, *parts: str) -> str:
    """Return the name of a recipe without parts.

    Args:
        recipe: its name.
        parts: such as ``graph,game``, with commas between them or one after the other.

    Example:
        >>> name_without("digits", "graph,game"), name_without("digits")
        ('digits-without-game-without-graph', 'digits')
    """
    names = sorted(part.strip() for several in parts for part in several.split(","))
    return WITHOUT.join([recipe, *names])


_FEW_LABELS = (semi_supervised_step, semi_supervised_joint_step)


def _has_game(recipe: Recipe) -> bool:
    return bool(_arguments(recipe).get("unsupervised_weight"))


def _without_game(recipe: Recipe) -> Recipe:
    return _with_step(recipe, unsupervised_weight=0.0)


def _has_graph(recipe: Recipe) -> bool:
    return recipe.neighbors is not None


def _without_graph(recipe: Recipe) -> Recipe:
    terms = tuple(map(_taught_by_itself, _arguments(recipe).get("regularizers", ())))
    whole = _with_step(recipe, regularizers=terms) if terms else recipe
    return replace(whole, neighbors=None)


def _has_consistency(recipe: Recipe) -> bool:
    return bool(_arguments(recipe).get("regularizers"))


def _without_consistency(recipe: Recipe) -> Recipe:
    return replace(_with_step(recipe, regularizers=()), neighbors=None)


def _arguments(recipe: Recipe) -> dict[str, Any]:
    """Return the arguments of a step of the algorithm for few labels; of others, none."""
    match recipe.step:
        case partial(func=function, keywords=keywords) if function in _FEW_LABELS:
            return keywords
    return {}


def _with_step(recipe: Recipe, **arguments: Any) -> Recipe:
    step: Callable[..., Any] = recipe.step
    return replace(recipe, step=partial(step, **arguments))


def _taught_by_itself(term: Any) -> Any:
    match term:
        case partial(func=function) if function is teacher_consistency:
            return partial(term, spread_weight=None, spread_share=0.0)
        case partial(func=function) if function is interpolation_consistency:
            return partial(term, spread_weight=None)
    return term


PARTS = {
    "game": Part(_has_game, _without_game),
    "graph": Part(_has_graph, _without_graph),
    "consistency": Part(_has_consistency, _without_consistency),
}
"""By the name that ``--without`` takes."""
