"""The recipe of the demo is `mnist_pixels` at a smaller size."""

from convergan.recipes import describe, find_recipe
from tests.recipes.differences import differing


def test_it_differs_in_data_labels_networks_and_length_alone() -> None:
    pixels, digits = find_recipe("mnist-pixels"), find_recipe("digits")
    changed = {"data", "labels", "discriminator", "generator", "step", "steps"}
    assert differing(pixels, digits) == changed
    assert (digits.data, digits.labels, digits.steps) == ("digits", 50, 4000)


def test_spread_labels_teach_for_the_same_share_of_the_steps() -> None:
    pixels, digits = find_recipe("mnist-pixels"), find_recipe("digits")
    steps = [describe(recipe.step)["arguments"] for recipe in (pixels, digits)]
    until = [step["regularizers"][0]["arguments"].pop("spread_until") for step in steps]
    assert steps[0] == steps[1]
    assert until[0] / pixels.steps == until[1] / digits.steps == 0.4
