"""A recipe as plain values, which are part of what a run is, and those of earlier versions.

A function of this package is described by the package that it is in and its name, so that its file
may be renamed, split or merged without making another run of every run.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
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
        ValueError: if a function has no name.
    """
    if isinstance(value, partial):
        arguments = {f"{n}": describe(v) for n, v in enumerate(value.args)}
        arguments |= {name: describe(v) for name, v in value.keywords.items()}
        return {"function": describe(value.func), "arguments": arguments}
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: describe(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [describe(item) for item in value]
    if callable(value):
        name = getattr(value, "__qualname__", "")
        if not name or "<" in name:
            raise ValueError(
                f"a recipe holds named functions and partials of them, so that a run can say what "
                f"it is; got {value!r}"
            )
        return _without_file(f"{value.__module__}.{name}")
    return value


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
