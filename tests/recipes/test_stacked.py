"""The plain game on Stacked MNIST."""

from convergan.recipes import find_recipe


def test_stacked_digits_are_judged_in_the_setting_of_pacgan() -> None:
    recipe = find_recipe("stacked")
    assert recipe.data == "stacked-mnist" and recipe.batch_size == 64
    assert recipe.judged_samples == 26_000
