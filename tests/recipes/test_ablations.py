from typing import Any

import pytest

from convergan.recipes import RECIPES, describe, find_recipe
from convergan.recipes.ablations import ABLATIONS, recipe_name
from convergan.sweeps.studies import STUDIES
from tests.recipes.differences import differing

FAMILIES = ("ablation", "cifar10-ablation")
NAMES = {
    "our methods": "ours",
    "-VBN+BN": "batch-norm",
    "-L+HA": "historical-averaging",
    "-LS": "no-smoothing",
    "-L": "no-labels",
    "-MBF": "no-minibatch-features",
}
CHANGED = {
    "our methods": set(),
    "-VBN+BN": {"generator"},
    "-L+HA": {"labels", "step", "historical_weight"},
    "-LS": {"step"},
    "-L": {"labels", "step"},
    "-MBF": {"discriminator"},
}
families = pytest.mark.parametrize("family", FAMILIES)


def described(family: str, row: str) -> dict[str, Any]:
    found: dict[str, Any] = describe(find_recipe(f"{family}-{NAMES[row]}"))
    return found


def losses(family: str, row: str) -> dict[str, Any]:
    arguments: dict[str, Any] = described(family, row)["step"]["arguments"]
    return arguments


def test_rows_are_those_of_the_table_in_its_order() -> None:
    assert list(ABLATIONS) == list(NAMES) == list(CHANGED)


@families
@pytest.mark.parametrize("row", NAMES)
def test_a_row_has_a_recipe_that_is_named_after_what_it_changes(family: str, row: str) -> None:
    assert recipe_name(family, row) == f"{family}-{NAMES[row]}"
    assert recipe_name(family, row) in RECIPES
    assert find_recipe(recipe_name(family, row)).summary.startswith(f"{row} on ")


@families
@pytest.mark.parametrize("row", NAMES)
def test_a_row_differs_from_all_techniques_in_what_it_names_alone(family: str, row: str) -> None:
    ours = find_recipe(f"{family}-ours")
    assert differing(ours, find_recipe(recipe_name(family, row))) == CHANGED[row]


@families
def test_targets_are_smoothed_as_in_the_imagenet_code_in_every_row_but_one(family: str) -> None:
    smoothed = {
        "discriminator_loss": {
            "function": "convergan.objectives.smoothed_discriminator_loss",
            "arguments": {"real_target": 0.75},
        },
        "generator_loss": {
            "function": "convergan.objectives.smoothed_generator_loss",
            "arguments": {"generator_target": 0.375},
        },
    }
    for row in NAMES.keys() - {"-LS"}:
        assert losses(family, row) == smoothed
    plain = losses(family, "-LS")
    assert plain["discriminator_loss"].endswith(".minimax_discriminator_loss")
    assert plain["generator_loss"].endswith(".non_saturating_generator_loss")


@families
def test_rows_without_labels_play_the_game_without_labels(family: str) -> None:
    for row in NAMES:
        recipe = described(family, row)
        without = row in ("-L", "-L+HA")
        assert recipe["labels"] == (0 if without else 4000)
        step = recipe["step"]["function"].rsplit(".", 1)[-1]
        assert step == ("adversarial_step" if without else "labeled_adversarial_step")
        assert (recipe["historical_weight"] > 0) is (row == "-L+HA")


@families
def test_minibatch_features_are_all_that_a_discriminator_loses(family: str) -> None:
    ours, without = (described(family, row)["discriminator"] for row in ("our methods", "-MBF"))
    features = ours["arguments"].pop("minibatch_features")
    assert features == "convergan.networks.similarities"
    plain = without if isinstance(without, dict) else {"function": without, "arguments": {}}
    assert ours == plain


@families
def test_the_virtual_batch_is_all_that_a_generator_loses(family: str) -> None:
    ours, without = (described(family, row)["generator"] for row in ("our methods", "-VBN+BN"))
    plain = {
        "convergan.networks.virtual_compact_generator": "convergan.networks.compact_generator",
        "convergan.networks.virtual_small_images_generator": (
            "convergan.networks.ConvolutionalGenerator"
        ),
    }
    assert without == plain[ours]


def test_the_table_of_cifar10_has_the_papers_networks_and_number_of_samples() -> None:
    recipe = described("cifar10-ablation", "our methods")
    arguments = recipe["discriminator"]["arguments"]
    assert (arguments["channels"], arguments["input_noise"]) == (96, 0.2)
    assert recipe["data"] == "uoft-cs/cifar10" and recipe["judged_samples"] == 50_000
    small = find_recipe("ablation-ours")
    wide = find_recipe("cifar10-ablation-ours")
    assert differing(small, wide) <= {
        *("data", "discriminator", "generator", "steps"),
        *("judge", "judged_samples", "evaluate_every", "checkpoint_every"),
    }


def test_the_papers_scores_stand_beside_the_rows_on_cifar10_alone() -> None:
    arms = STUDIES["ablations"].arms
    papers = {arm.name: arm.paper for arm in arms if arm.data == "uoft-cs/cifar10"}
    assert {name: tuple(figure) for name, figure in papers.items() if figure} == {
        "our methods": (8.09, 0.07),
        "-VBN+BN": (7.54, 0.07),
        "-L+HA": (6.86, 0.06),
        "-LS": (6.83, 0.06),
        "-L": (4.36, 0.04),
        "-MBF": (3.87, 0.03),
    }
    assert not any(arm.paper for arm in arms if arm.data != "uoft-cs/cifar10")
    for arm in arms:
        assert arm.recipe.startswith("cifar10-") is (arm.data == "uoft-cs/cifar10")
