"""Numbers of a recipe by name, and a recipe with other ones: ``digits[batch_size=50]``.

A number is named by the way to it: fields and arguments with dots between them, as in
``discriminator_optimizer.lr``. Items of a sequence have their place, from 0, and functions among
them their name as well: ``step.regularizers.teacher_consistency.weight``. What a function takes by
default can be set too, as in ``discriminator.hidden.0``.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from math import isfinite
from typing import Any

from ..core.names import look_up
from .recipe import Recipe

Number = bool | int | float


def numbers(recipe: Recipe) -> dict[str, Number]:
    """Return every number of a recipe by its name.

    Args:
        recipe: any.

    Example:
        >>> from convergan.recipes import find_recipe
        >>> numbers(find_recipe("mnist"))["discriminator_optimizer.lr"]
        0.003
    """
    return dict(_numbers_in(recipe, ""))


def with_numbers(recipe: Recipe, name: str, given: Mapping[str, str]) -> Recipe:
    """Return a recipe with some numbers replaced.

    Args:
        recipe: to change.
        name: of the recipe, for messages.
        given: by the names of `numbers`; a whole number stays one, true or false stay those.

    Raises:
        ValueError: if the recipe has no such number, the message names the nearest; or if what is
            given is no number of the same kind.

    Example:
        >>> from convergan.recipes import find_recipe
        >>> with_numbers(find_recipe("mnist"), "mnist", {"batch_size": "50"}).batch_size
        50
        >>> with_numbers(find_recipe("mnist"), "mnist", {"batch_sise": "50"})
        Traceback (most recent call last):
        ValueError: no number of recipe mnist 'batch_sise'; did you mean batch_size or test_batch?
    """
    known = numbers(recipe)
    for path, text in given.items():
        old = look_up(f"number of recipe {name}", path, known)
        recipe = _replaced(recipe, path.split("."), _read(path, text, old))
    return recipe


def name_with_numbers(recipe: str, given: Sequence[str]) -> str:
    """Return the name of a recipe with numbers set, such as ``digits[batch_size=50]``.

    Args:
        recipe: its name, which may have numbers already.
        given: ``NUMBER=VALUE`` each.

    Raises:
        ValueError: if one is not like that, or a number is set twice.

    Example:
        >>> name_with_numbers("digits", ["steps=100", "batch_size = 50"])
        'digits[batch_size=50,steps=100]'
    """
    if not given:
        return recipe
    whole, known = split_numbers(recipe)
    for each in given:
        path, equals, value = (part.strip() for part in each.partition("="))
        if not (path and equals and value) or set(each) & set("[],"):
            raise ValueError(f"a number is set by NUMBER=VALUE, as in batch_size=50; got {each!r}")
        if path in known:
            raise ValueError(f"{path} is set twice: to {known[path]} and to {value}")
        known[path] = value
    shown = ",".join(f"{path}={value}" for path, value in sorted(known.items()))
    return f"{whole}[{shown}]"


def split_numbers(name: str) -> tuple[str, dict[str, str]]:
    """Return the name of a recipe without the numbers that it sets, and these.

    Args:
        name: as `name_with_numbers` returns it.

    Raises:
        ValueError: if what is in brackets is no list of numbers.

    Example:
        >>> split_numbers("digits[batch_size=50,steps=100]")
        ('digits', {'batch_size': '50', 'steps': '100'})
    """
    if not name.endswith("]"):
        return name, {}
    whole, _, inside = name[:-1].rpartition("[")
    pairs = [each.partition("=") for each in inside.split(",")]
    if not whole or not all(path and value for path, _, value in pairs):
        raise ValueError(f"a recipe with numbers is like digits[batch_size=50], got {name!r}")
    return whole, {path: value for path, _, value in pairs}


def _numbers_in(value: Any, path: str) -> Iterator[tuple[str, Number]]:
    if isinstance(value, bool | int | float):
        yield path, value
    for name, part in _parts(value).items():
        yield from _numbers_in(part, f"{path}.{name}" if path else name)


def _parts(value: Any) -> dict[str, Any]:
    """Return what a value is made of: fields, arguments or items; of anything else, nothing."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, tuple | list):
        return {_item_name(item, place): item for place, item in enumerate(value)}
    if isinstance(value, partial) or inspect.isroutine(value) or inspect.isclass(value):
        return _arguments(value)
    return {}


def _item_name(item: Any, place: int) -> str:
    """Return the name of a function among items, or its place."""
    function = item.func if isinstance(item, partial) else item
    return function.__name__ if inspect.isfunction(function) else str(place)


def _arguments(function: Any) -> dict[str, Any]:
    """Return the arguments of a partial function, and numbers that a function takes by default."""
    given = function.keywords if isinstance(function, partial) else {}
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of some that are written in C
        return given
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.kind in named and isinstance(parameter.default, int | float | tuple)
    } | given
    for name, value in found.items():  # such as ``weight_decay: float = 0``
        annotated = parameters[name].annotation if name in parameters else None
        if type(value) is int and annotated in (float, "float"):
            found[name] = float(value)
    return found


def _replaced(value: Any, path: Sequence[str], new: Number) -> Any:
    """Return a value with the number at the end of a path replaced."""
    if not path:
        return new
    first, *others = path
    changed = _replaced(_parts(value)[first], others, new)
    if isinstance(value, tuple | list):
        names = _parts(value)
        return type(value)(changed if name == first else part for name, part in names.items())
    if isinstance(value, partial) or callable(value) and not is_dataclass(value):
        return partial(value, **{first: changed})
    return replace(value, **{first: changed})


def _read(path: str, text: str, old: Number) -> Number:
    """Return the number in a text, of the kind of the one that it replaces."""
    kinds = {bool: "true or false", int: "a whole number", float: "a number"}
    try:
        if isinstance(old, bool):
            return {"true": True, "false": False}[text.lower()]
        number = type(old)(text)
        if not isfinite(number):
            raise ValueError
        return number
    except (KeyError, ValueError):
        raise ValueError(f"{path} is {kinds[type(old)]}, {old}; got {text!r}") from None
