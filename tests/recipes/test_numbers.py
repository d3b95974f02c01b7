"""Numbers of recipes: named, set, part of a name and of what a run is."""

from pathlib import Path

import pytest

from convergan.recipes import RECIPES, code_of, describe, find_recipe, name_with_numbers, numbers
from convergan.recipes.numbers import split_numbers, with_numbers


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_setting_a_number_changes_that_number_alone(name: str) -> None:
    recipe = find_recipe(name)
    before = numbers(recipe)
    for path, old in before.items():
        new = not old if isinstance(old, bool) else old + 1
        after = numbers(with_numbers(recipe, name, {path: str(new)}))
        assert after == before | {path: new}, path


def test_a_number_reaches_the_function_that_takes_it() -> None:
    recipe = find_recipe("mnist-vectors[step.regularizers.teacher_adversarial.radius=2]")
    changed = describe(recipe)["step"]["arguments"]["regularizers"][0]["arguments"]
    assert changed == {"weight": 1.0, "radius": 2.0, "rising": [100, 400]}


def test_what_a_function_takes_by_default_can_be_set() -> None:
    name = "mnist-pixels[discriminator.hidden.1=7,discriminator_optimizer.weight_decay=0.1]"
    changed = describe(find_recipe(name))
    assert changed["discriminator"]["arguments"] == {"hidden": [1000, 7, 250, 250, 250]}
    assert changed["discriminator_optimizer"]["arguments"]["weight_decay"] == 0.1


def test_numbers_go_with_parts_left_out_and_with_files_of_users(tmp_path: Path) -> None:
    name = name_with_numbers("digits", ["batch_size=50"]) + "-without-game"
    recipe = find_recipe(name)
    assert recipe.batch_size == 50
    assert numbers(recipe)["step.unsupervised_weight"] == 0.0
    file = tmp_path / "mine.py"
    file.write_text("from convergan.recipes.digits import digits as mine\n")
    mine = name_with_numbers(f"{file}:mine", ["steps=9"])
    assert find_recipe(mine).steps == 9
    assert code_of(mine) == code_of(f"{file}:mine") != {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("digits[batch_sise=5]", "no number of recipe digits 'batch_sise'; did you mean batch_"),
        ("digits[batch_size=0.5]", "batch_size is a whole number, 100; got '0.5'"),
        ("digits[discriminator_optimizer.lr=fast]", "lr is a number, 0.003; got 'fast'"),
        ("digits[discriminator_optimizer.lr=inf]", "lr is a number, 0.003; got 'inf'"),
        ("digits[average.lagging=1]", "average.lagging is true or false, False; got '1'"),
        ("digits[summary=x]", "no number of recipe digits 'summary'"),
        ("digits[batch_size]", "a recipe with numbers is like digits[batch_size=50], got 'digits["),
        ("digits[]", "a recipe with numbers is like"),
    ],
)
def test_what_is_no_number_of_the_recipe_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError) as refused:
        find_recipe(name)
    assert text in str(refused.value)


@pytest.mark.parametrize("given", ["batch_size", "=5", "batch_size=", "a[0]=1", "a=1,b=2"])
def test_a_setting_of_another_form_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="a number is set by NUMBER=VALUE"):
        name_with_numbers("digits", [given])


def test_a_number_is_set_once() -> None:
    with pytest.raises(ValueError, match="batch_size is set twice: to 5 and to 6"):
        name_with_numbers("digits[batch_size=5]", ["batch_size=6"])
    assert name_with_numbers("digits", []) == "digits"
    assert split_numbers(name_with_numbers("digits[steps=3]", ["labels=20"])) == (
        "digits",
        {"labels": "20", "steps": "3"},
    )
