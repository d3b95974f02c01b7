"""What of the released scripts no recorded file has, by formula: the generation of 2016-06-08."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from pytest import approx
from torch import Tensor, nn

from bench.small import SHAPES, narrow
from convergan.recipes import Recipe, find_recipe
from tests.oracles import chance, draw

CPU = torch.device("cpu")
DIRECTION = "parametrizations.weight.original1"


def of_the_first_scripts() -> Recipe:
    """`mnist-2016` at small widths."""
    recipe = find_recipe("mnist-2016")
    judging: dict[str, Any] = {"hidden": (12, 7)}
    making: dict[str, Any] = {"hidden": (6, 5)}
    return replace(
        recipe,
        discriminator=partial(recipe.discriminator, **judging),
        generator=partial(recipe.generator, **making),
    )


def outputs_of(network: nn.Module, call: Any) -> list[Tensor]:
    """What each dense layer gives during one call."""
    seen: list[Tensor] = []
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    hooks = [
        layer.register_forward_hook(lambda _, __, output: seen.append(output.detach()))
        for layer in layers
    ]
    call()
    for hook in hooks:
        hook.remove()
    return seen


def test_the_first_mnist_discriminator_starts_every_unit_from_deviation_one() -> None:
    recipe = of_the_first_scripts()
    network = recipe.discriminator((1, 6, 6), 10, chance()).double()
    rows = draw(40, 1, 6, 6).sigmoid()
    assert recipe.discriminator_start is not None
    recipe.discriminator_start(network, lambda: network(rows, chance(1)))
    for output in outputs_of(network, lambda: network(rows, chance(1))):
        assert output.std(dim=0, correction=0).tolist() == approx([1.0] * output.shape[1])
        assert output.mean(dim=0).tolist() == approx([0.0] * output.shape[1], abs=1e-12)


def test_the_first_mnist_generator_starts_its_pixels_from_one_deviation_on_100_rows() -> None:
    recipe = of_the_first_scripts()
    network = recipe.generator((1, 6, 6), chance()).double()
    assert recipe.generator_start is not None and recipe.generator_start.rows == 100
    latent = network.draw_latent(100, chance(1)).double()
    before = outputs_of(network, lambda: network(latent))[-1].var(dim=0, correction=0)
    recipe.generator_start(network, lambda: network(latent))
    pixels = outputs_of(network, lambda: network(latent))[-1]
    after = pixels.var(dim=0, correction=0)
    assert after.mean().item() == approx(1)
    assert (after / before).tolist() == approx([1 / before.mean().item()] * 36)
    assert after.std().item() > 0.1  # they are not all of deviation 1
    assert pixels.mean(dim=0).tolist() == approx([0.0] * 36, abs=1e-12)


@pytest.mark.parametrize("first", ["cifar10-2016", "svhn-2016", "mnist-minibatch", "mnist-2016"])
def test_the_first_scripts_have_no_epsilon_in_weight_normalisation(first: str) -> None:
    """So a weight does not depend on the length of its direction, be it ever so short."""
    head = "mnist" if first == "mnist-2016" else "cifar10"
    lengths = {first: True, head: False}
    for name, indifferent in lengths.items():
        recipe = find_recipe(name) if name.startswith("mnist") else narrow(find_recipe(name))
        shape = SHAPES[recipe.data]
        networks = [recipe.generator(shape, chance())]
        if "mnist-2016" != first:
            networks.append(narrow(recipe).discriminator(shape, 10, chance()))  # type: ignore[arg-type]
        for network in networks:
            output = network.get_submodule("output").double()
            before = output.get_parameter(DIRECTION).detach().clone()
            weight = output.weight.detach().clone()  # type: ignore[operator]
            output.get_parameter(DIRECTION).data.copy_(1e-4 * before)
            same = torch.allclose(output.weight, weight, rtol=1e-9, atol=0)  # type: ignore[arg-type]
            assert same is indifferent, name
