"""The scripts for SVHN and CIFAR-10 have the released numbers."""

import pytest
from pytest import approx

from convergan.recipes import describe, find_recipe


def test_the_convolutional_scripts_have_the_papers_numbers() -> None:
    for name, channels, labels, epochs, old_epochs, rows in (
        ("svhn", 64, 1000, 900, 501, 73_257),
        ("cifar10", 96, 4000, 1200, 1001, 50_000),
    ):
        head, first = describe(find_recipe(name)), describe(find_recipe(f"{name}-2016"))
        assert (head["steps"], first["steps"]) == (
            epochs * (rows // 100),
            old_epochs * (rows // 100),
        )
        for recipe in (head, first):
            assert recipe["labels"] == labels and recipe["batch_size"] == 100
            assert recipe["discriminator"]["arguments"]["channels"] == channels
            assert recipe["step"]["arguments"]["feature_matching"].endswith(
                ".absolute_feature_matching"
            )
            for player in ("discriminator", "generator"):
                optimizer = recipe[f"{player}_optimizer"]
                assert optimizer["arguments"] == {"lr": 3e-4, "betas": [0.5, 0.999]}
                assert optimizer["function"].endswith(".AdamInsideRoot")
                assert recipe[f"{player}_start"]["per_channel"] is (recipe is head)
        assert head["average"]["arguments"]["rate"]["arguments"] == {"0": 1e-4}
        assert head["average"]["arguments"]["from_zero"] is True
        assert first["average"]["arguments"]["rate"]["arguments"] == {"0": 1e-3}
        assert "from_zero" not in first["average"]["arguments"]
        for recipe in (head, first):
            assert recipe["average"]["arguments"]["lagging"] is True
        for player in ("discriminator", "generator"):
            assert first[player]["arguments"]["epsilon"] == 0


def test_the_narrow_pairs_differ_from_the_scripts_in_widths_batch_rate_and_schedule() -> None:
    for name, thin in (
        ("cifar10", "cifar10-narrow"),
        ("cifar10-minibatch", "cifar10-narrow-minibatch"),
    ):
        script, ours = describe(find_recipe(name)), describe(find_recipe(thin))
        assert ours["step"] == script["step"] and ours["takes"] == script["takes"]
        assert ours["discriminator_start"] == script["discriminator_start"]
        assert ours["generator_start"] == script["generator_start"]
        for player, width in (("discriminator", 32), ("generator", 128)):
            here, there = ours[player], script[player]
            assert here["arguments"]["channels"] == width
            there = there if isinstance(there, dict) else {"function": there, "arguments": {}}
            assert here["function"] == there["function"]
            assert here["arguments"] | {"channels": 0} == there["arguments"] | {"channels": 0}
            assert ours[f"{player}_optimizer"]["arguments"] == {"lr": 1e-3, "betas": [0.5, 0.999]}


@pytest.mark.parametrize(("name", "epochs"), [("svhn", 900), ("cifar10", 1200)])
def test_the_rate_of_the_convolutional_scripts_is_that_of_the_formula(
    name: str, epochs: int
) -> None:
    schedule = find_recipe(name).schedule
    for epoch in range(epochs):
        assert schedule(epoch / epochs) == approx(min(3 - epoch / (epochs / 3), 1))
