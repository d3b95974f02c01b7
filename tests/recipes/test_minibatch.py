"""The scripts with minibatch discrimination have the released numbers."""

from typing import Any

import pytest
from pytest import approx

from convergan.recipes import describe, find_recipe
from tests.recipes.differences import differing

NAMES = ("mnist-minibatch", "svhn-minibatch", "cifar10-minibatch")
every = pytest.mark.parametrize("name", NAMES)


def described(name: str) -> dict[str, Any]:
    found: dict[str, Any] = describe(find_recipe(name))
    return found


@every
def test_the_generator_takes_three_saturating_steps_for_one_of_the_discriminator(name: str) -> None:
    step = described(name)["step"]
    assert step["function"].endswith(".labeled_adversarial_step")
    assert step["arguments"] == {
        "discriminator_loss": "convergan.objectives.minimax_discriminator_loss",
        "generator_loss": "convergan.objectives.saturating_generator_loss",
        "adversarial_weight": 0.5,
        "generator_steps": 3,
    }


@every
def test_the_discriminator_is_wide_noisy_and_sees_its_minibatch(name: str) -> None:
    recipe = described(name)
    arguments = recipe["discriminator"]["arguments"]
    assert (arguments["channels"], arguments["input_noise"]) == (96, 0.2)
    features = arguments["minibatch_features"]
    assert "similarities" in (features if isinstance(features, str) else features["function"])
    assert recipe["batch_size"] == recipe["test_batch"] == 100  # rows are judged together
    for player in ("discriminator", "generator"):
        optimizer = recipe[f"{player}_optimizer"]
        assert optimizer["function"].endswith(".AdamInsideRoot")
        assert optimizer["arguments"] == {"lr": 3e-4, "betas": [0.5, 0.999]}


@pytest.mark.parametrize(
    ("name", "labels", "epochs", "rows"),
    [
        ("mnist-minibatch", 4000, 500, 60_000),
        ("svhn-minibatch", 1000, 900, 73_257),
        ("cifar10-minibatch", 4000, 1200, 50_000),
    ],
)
def test_labels_and_length_are_the_released_ones(
    name: str, labels: int, epochs: int, rows: int
) -> None:
    recipe = find_recipe(name)
    assert (recipe.labels, recipe.steps) == (labels, epochs * (rows // 100))
    assert f"{recipe.steps:,} steps" in recipe.summary


@pytest.mark.parametrize("name", ["svhn", "cifar10"])
def test_what_else_the_scripts_of_the_head_do_is_as_with_feature_matching(name: str) -> None:
    changed = differing(find_recipe(name), find_recipe(f"{name}-minibatch"))
    assert changed == {"discriminator", "step", "test_batch"}


def test_the_lost_script_is_that_of_2016_06_08() -> None:
    recipe = described("mnist-minibatch")
    arguments = recipe["discriminator"]["arguments"]
    assert (arguments["slope"], arguments["output_std"]) == (0.1, 1.0)
    assert arguments["centred"] is recipe["generator"]["arguments"]["centred"] is False
    assert arguments["minibatch_features"]["arguments"] == {"theta_std": 0.1}
    assert arguments["epsilon"] == recipe["generator"]["arguments"]["epsilon"] == 0
    assert recipe["discriminator_start"] == {"rows": 500, "per_channel": False}
    assert recipe["generator_start"] is None
    assert recipe["average"] is None and recipe["generator_average"] is None


def test_the_rate_of_the_lost_script_is_that_of_the_formula() -> None:
    schedule = find_recipe("mnist-minibatch").schedule
    for epoch in range(500):
        assert schedule(epoch / 500) == approx(min(2.5 - epoch / 200, 1))
