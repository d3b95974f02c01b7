"""A recipe as plain values, which are part of what a run is, and those of earlier versions.

A function of this package is described by the package that it is in and its name, so that its file
may be renamed, split or merged without making another run of every run.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import partial
from math import isfinite
from typing import Any

from .recipe import Recipe

SCHEMA = 2
"""Of descriptions. Those of schema 1, up to version 0.9.0, named the files of functions as well."""
RENAMED = {
    "residual_discriminator": "ResidualDiscriminator",
    "residual_generator": "ResidualGenerator",
    "small_images_discriminator": "ConvolutionalDiscriminator",
    "small_images_generator": "ConvolutionalGenerator",
}
"""What descriptions of schema 1 call by another name in `convergan.networks`."""


def describe(value: Any) -> Any:
    """Return a recipe, or any part of one, as plain values that JSON can hold.

    Functions become ``module.name``, those of this package ``convergan.package.name``, partial
    functions their function and arguments. Two recipes with the same description train alike.

    Args:
        value: a recipe, a function, a number, a text, or a collection of such.

    Raises:
        ValueError: if a function has no name, or a value is none that JSON can hold; the message
            says where in the recipe it is.
    """
    return _describe(value, ())


def _describe(value: Any, place: tuple[str, ...]) -> Any:
    """Describe a value at a place in a recipe: fields and arguments, the outermost first."""
    if isinstance(value, partial):
        given = {f"{number}": each for number, each in enumerate(value.args)} | value.keywords
        arguments = {name: _describe(each, (*place, name)) for name, each in given.items()}
        return {"function": _describe(value.func, place), "arguments": arguments}
    if isinstance(value, type):
        return _name(value, place)
    if is_dataclass(value):
        names = [field.name for field in fields(value)]
        return {name: _describe(getattr(value, name), (*place, name)) for name in names}
    if isinstance(value, tuple | list):
        return [_describe(item, (*place, f"item {n}")) for n, item in enumerate(value)]
    if callable(value):
        return _name(value, place)
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _describe(item, (*place, name)) for name, item in value.items()}
    if (
        value is None
        or isinstance(value, str | int)
        or (isinstance(value, float) and isfinite(value))
    ):
        return value
    shown = " ".join(repr(value).split())
    raise ValueError(
        f"{_spelled(place)} is {shown[:60]}, which cannot be written down; a recipe holds numbers, "
        "texts, tuples, named functions and functools.partial of them, so that a run can say what "
        "it is"
    )


def _name(function: Callable[..., Any], place: tuple[str, ...]) -> str:
    name = getattr(function, "__qualname__", "")
    if name and "<" not in name:
        return _without_file(f"{function.__module__}.{name}")
    code = getattr(function, "__code__", None)
    there = f" (line {code.co_firstlineno} of {code.co_filename})" if code else ""
    found = f"an object of {type(function).__qualname__}, which has no name"
    if name:
        found = "a lambda" if name.endswith("<lambda>") else f"{name}, made inside a function"
    raise ValueError(
        f"{_spelled(place)} is {found}{there}; so that a run can say what it is, make it a "
        "function of its own (def) at the left edge of the file, or functools.partial of one"
    )


def _spelled(place: tuple[str, ...]) -> str:
    """Return what a place in a recipe is called.

    Example:
        >>> _spelled(("step", "generator_loss"))
        'generator_loss of step'
    """
    return " of ".join(reversed(place)) or "it"


def describe_training(recipe: Recipe) -> Any:
    """Return the description of a recipe but for its summary, which changes no bit.

    Args:
        recipe: any.
    """
    return describe(replace(recipe, summary=""))


def from_schema_1(description: Any) -> Any:
    """Return what `describe` returns today for what it described by files."""
    if isinstance(description, Mapping):
        return {name: from_schema_1(value) for name, value in description.items()}
    if isinstance(description, list):
        return [from_schema_1(item) for item in description]
    if not isinstance(description, str):
        return description
    place, _, name = _without_file(description).rpartition(".")
    if place == "convergan.networks":
        name = RENAMED.get(name, name)
    return f"{place}.{name}" if place else name


def _without_file(name: str) -> str:
    """Return the name of a function without the file within its package of ours.

    Example:
        >>> _without_file("convergan.training.weight_average.warm_up")
        'convergan.training.warm_up'
        >>> _without_file("torch.optim.adam.Adam")
        'torch.optim.adam.Adam'
    """
    parts = name.split(".")
    if parts[0] == "convergan" and len(parts) > 3:
        del parts[2]
    return ".".join(parts)
