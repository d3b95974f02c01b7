"""Descriptions of recipes: named by package, and those of version 0.9.0 in today's terms."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from convergan.recipes import RECIPES, describe, describe_training, find_recipe
from convergan.recipes.description import from_schema_1

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "descriptions_0_9_0.json").read_text()
)
"""What ``describe_training`` of 0.9.0 said of its recipes, files of functions included."""


def names_in(description: Any) -> set[str]:
    if isinstance(description, dict):
        return set().union(*map(names_in, description.values()))
    if isinstance(description, list):
        return set().union(*map(names_in, description))
    found = isinstance(description, str) and description.startswith("convergan.")
    return {description} if found else set()


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_what_0_9_0_said_of_a_recipe_is_what_is_said_today_once_translated(name: str) -> None:
    assert from_schema_1(RECORDED[name]) == describe_training(find_recipe(name))


def test_a_description_of_today_is_its_own_translation() -> None:
    for name in RECIPES:
        description = describe_training(find_recipe(name))
        assert from_schema_1(description) == description


def test_a_text_that_names_no_function_of_ours_stays() -> None:
    for text in ("", "ring", "ylecun/mnist", "a.b.c.d.e", "torch.optim.adam.Adam", "convergan"):
        assert from_schema_1({"data": [text]}) == {"data": [text]}


def test_a_name_without_its_file_means_one_thing() -> None:
    """Two functions of one name in two files of a package would make two recipes look alike."""
    for name in set().union(*(names_in(describe(find_recipe(recipe))) for recipe in RECIPES)):
        _, package, function = name.split(".")
        folder = Path(str(import_module(f"convergan.{package}").__file__)).parent
        modules = [
            import_module(f"convergan.{package}.{file.stem}")
            for file in folder.glob("*.py")
            if file.stem != "__init__"
        ]
        defined = {
            id(value)
            for module in modules
            if (value := vars(module).get(function)) is not None
            and value.__module__.startswith(f"convergan.{package}.")
        }
        assert len(defined) == 1, name
