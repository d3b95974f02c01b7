import json
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.small import SHAPES, narrow
from convergan.data import (
    Dataset,
    load,
    nearest_neighbors,
    oriented_gradients,
    spread_labels,
    upright,
)
from convergan.data.sources import Rows
from convergan.networks import digits_discriminator, toy_discriminator, toy_generator
from convergan.recipes import RECIPES, Recipe, StartFromData, describe, find_recipe
from convergan.recipes.judges import mixture_modes
from convergan.recipes.schedules import constant, linear_after
from convergan.training import (
    AdamInsideRoot,
    WeightAverage,
    constant_rate,
    supervised_step,
    warm_up,
)

SLOW_ADAM = partial(torch.optim.Adam, lr=1e-5)

CHANGES: dict[str, Any] = {
    "summary": "another",
    "data": "another",
    "labels": 70,
    "side": 7,
    "discriminator": toy_discriminator,
    "generator": toy_generator,
    "discriminator_optimizer": SLOW_ADAM,
    "generator_optimizer": SLOW_ADAM,
    "step": supervised_step,
    "steps": 7,
    "schedule": constant,
    "batch_size": 7,
    "average": None,
    "generator_average": partial(WeightAverage, rate=warm_up(0.9)),
    "discriminator_start": None,
    "generator_start": StartFromData(),
    "descriptor": oriented_gradients,
    "neighbors": partial(nearest_neighbors, count=7),
    "label_spreading": partial(spread_labels, alpha=0.7),
    "historical_weight": 0.5,
    "test_batch": 7,
    "judge": mixture_modes,
    "judged_samples": 7,
    "evaluate_every": 7,
    "checkpoint_every": 7,
    "takes": ("labeled",),
}


def spelled(value: Any) -> str:
    return json.dumps(describe(value), sort_keys=True, allow_nan=False)


# --- descriptions --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_a_description_survives_json_and_is_the_same_every_time(name: str) -> None:
    description = describe(find_recipe(name))
    assert json.loads(json.dumps(description, allow_nan=False)) == description
    assert spelled(find_recipe(name)) == spelled(find_recipe(name))
    assert "0x" not in spelled(find_recipe(name))  # no address of an object


def test_no_two_recipes_share_a_description() -> None:
    assert len({spelled(make()) for make in RECIPES.values()}) == len(RECIPES)


def test_the_changes_cover_every_field() -> None:
    assert CHANGES.keys() == {field.name for field in fields(Recipe)}


@pytest.mark.parametrize("field", CHANGES)
def test_changing_any_field_changes_the_description(field: str) -> None:
    recipe = RECIPES["digits"]()
    changed = replace(recipe, **{field: CHANGES[field]})
    assert spelled(changed) != spelled(recipe)
    before, after = describe(recipe), describe(changed)
    assert [name for name in before if before[name] != after[name]] == [field]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SLOW_ADAM, partial(torch.optim.Adam, lr=2e-5)),
        (SLOW_ADAM, partial(AdamInsideRoot, lr=1e-5)),
        (SLOW_ADAM, torch.optim.Adam),
        (partial(linear_after, flat=0.5), partial(linear_after, flat=0.25)),
        (partial(WeightAverage, rate=warm_up(0.9)), partial(WeightAverage, rate=warm_up(0.99))),
        (warm_up(0.5), constant_rate(0.5)),
        (StartFromData(), StartFromData(rows=100)),
        (StartFromData(), StartFromData(per_channel=False)),
        (partial(round, 1), partial(round, 2)),
        ((1, 2), (2, 1)),
    ],
)
def test_parts_that_differ_deep_inside_have_other_descriptions(one: Any, other: Any) -> None:
    assert spelled(one) != spelled(other)


def test_functions_are_described_by_where_they_are() -> None:
    assert describe(digits_discriminator) == "convergan.networks.digits_discriminator"
    assert describe(partial(linear_after, flat=0.5)) == {
        "function": "convergan.recipes.linear_after",
        "arguments": {"flat": 0.5},
    }


# --- the built-in ones ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_started_and_judges_and_makes_rows_of_its_data(name: str) -> None:
    recipe = narrow(find_recipe(name))
    shape = SHAPES[recipe.data]
    images = torch.rand(40, *shape, generator=torch.Generator().manual_seed(0))
    state = recipe.start(images, 10, seed=0, device=torch.device("cpu"))
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        generator = state.generator.network
        fakes = generator(generator.draw_latent(recipe.batch_size, chance))
        logits = state.discriminator.network(images[:8], chance).logits
    assert fakes.shape == (recipe.batch_size, *shape)
    rows, classes = logits.shape
    assert 8 % rows == 0 and classes in ((10, 11) if recipe.labels else (1,))
    assert bool(logits.isfinite().all()) and bool(fakes.isfinite().all())


@pytest.mark.parametrize("name", RECIPES)
def test_a_schedule_starts_at_one_and_never_rises_nor_turns(name: str) -> None:
    schedule = find_recipe(name).schedule
    factors = [schedule(progress / 1000) for progress in range(1000)]
    assert factors[0] == 1
    assert factors == sorted(factors, reverse=True) and factors[-1] > 0


@pytest.mark.parametrize("name", [name for name in RECIPES if RECIPES[name]().labels])
def test_labels_of_a_recipe_fit_ten_classes_and_its_length_the_evaluations(name: str) -> None:
    recipe = find_recipe(name)
    assert recipe.labels % 10 == 0 or recipe.labels > 1_000_000  # every label
    assert recipe.steps % recipe.evaluate_every == recipe.steps % recipe.checkpoint_every == 0


def test_the_released_scripts_are_named_by_the_day_of_their_last_change() -> None:
    for name in ("mnist", "svhn", "cifar10"):
        assert "by the script of 2016-06-14" in find_recipe(name).summary
        assert "by the script of 2016-06-08" in find_recipe(f"{name}-2016").summary


# --- descriptors ---------------------------------------------------------------------------------


def test_players_of_a_recipe_without_a_descriptor_see_the_rows() -> None:
    dataset = load("digits")
    assert find_recipe("mnist-pixels").descriptor is None
    assert find_recipe("mnist-pixels").as_players_see(dataset) is dataset


def test_players_of_a_recipe_with_a_descriptor_see_descriptors_of_both_splits() -> None:
    images = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels, names = torch.tensor([0, 1, -1]), ("a.png", "b.png", "c.png")
    test = Rows(images[3:], torch.tensor([1, 0]))
    dataset = Dataset("mine", ("one", "two"), Rows(images[:3], labels, names), test)
    seen = find_recipe("mnist-graph").as_players_see(dataset)
    assert seen.train.images[:].equal(oriented_gradients(upright(images[:3])))
    assert seen.test.images[:].equal(oriented_gradients(upright(images[3:])))
    assert seen.row_shape == (8,)
    assert seen.train.labels is labels and seen.train.names == names
    assert seen.test.labels is dataset.test.labels
    assert (seen.source, seen.classes) == ("mine", ("one", "two"))
    assert dataset.train.images.shape == (3, 1, 8, 8)


def test_descriptors_need_no_test_rows() -> None:
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    nothing = Rows(images[:0], torch.zeros(0, dtype=torch.int64))
    dataset = Dataset("mine", ("one",), Rows(images, torch.zeros(3, dtype=torch.int64)), nothing)
    assert find_recipe("mnist-graph").as_players_see(dataset).test.images.shape == (0, 8)


# --- finding -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("digit", "digits"), ("mnits", "mnist"), ("mnist2016", "mnist-2016"), ("toi", "toy")],
)
def test_an_unknown_name_is_answered_with_the_nearest_first(name: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=rf"no recipe '{name}'; did you mean {nearest}\b"):
        find_recipe(name)


def test_a_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(ValueError) as refused:
        find_recipe("zzz")
    assert all(name in str(refused.value) for name in RECIPES)


MINE = """
from dataclasses import replace

from convergan.recipes import RECIPES

number = 3


def short_digits():
    return replace(RECIPES["digits"](), summary="mine", steps=number)


def no_recipe():
    return number
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "my_file.py"
    file.write_text(MINE)
    return file


def test_a_recipe_comes_from_a_function_of_a_file(mine: Path) -> None:
    recipe = find_recipe(f"{mine}:short_digits")
    assert recipe.summary == "mine" and recipe.steps == 3
    assert spelled(replace(recipe, summary="", steps=1)) == spelled(
        replace(RECIPES["digits"](), summary="", steps=1)
    )


def test_a_file_is_found_from_where_one_stands(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine.parent)
    assert find_recipe("my_file.py:short_digits").steps == 3


def test_a_changed_file_is_read_anew(mine: Path) -> None:
    assert find_recipe(f"{mine}:short_digits").steps == 3
    mine.write_text(MINE.replace("number = 3", "number = 4444"))
    assert find_recipe(f"{mine}:short_digits").steps == 4444


@pytest.mark.parametrize(
    ("spelling", "reason"),
    [
        (lambda file: f"{file}:lost", r"has no function 'lost'; it has .*short_digits"),
        (lambda file: f"{file}:number", r"has no function 'number'; it has .*short_digits"),
        (
            lambda file: f"{file}:no_recipe",
            r"my_file\.py:no_recipe must return a Recipe, got .*int",
        ),
        (lambda file: f"{file.parent}/lost.py:f", r"no file .*lost\.py to take the recipe f from"),
    ],
)
def test_a_file_without_the_recipe_is_refused_with_the_reason(
    mine: Path, spelling: Callable[[Path], str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        find_recipe(spelling(mine))


def test_a_file_with_postponed_annotations_may_hold_a_dataclass(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    text += "from convergan.recipes import RECIPES\n\n@dataclass\nclass A:\n    x: int = 1\n\n"
    file.write_text(text + "def f():\n    return RECIPES['digits']()\n")
    assert find_recipe(f"{file}:f").data == "digits"
