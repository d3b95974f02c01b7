"""The start of a layer is drawn from the chance given alone."""

import pytest
import torch
from torch import nn

from convergan.networks.start import drawn, normal
from tests.oracles import chance


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(30, 40, device="meta"),
        nn.Conv2d(8, 16, 3, device="meta"),
        nn.ConvTranspose2d(8, 16, 3, device="meta"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_weights_are_normal_of_the_deviation_asked_for_and_biases_constant(
    layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d,
) -> None:
    shape, before = layer.weight.shape, torch.get_rng_state()
    assert drawn(layer, normal(0.2, chance(3)), bias=0.5) is layer
    assert torch.equal(torch.get_rng_state(), before)
    assert layer.weight.device.type == "cpu" and layer.weight.shape == shape
    assert torch.equal(layer.weight, torch.empty(shape).normal_(0, 0.2, generator=chance(3)))
    assert layer.bias is not None and layer.bias.unique().tolist() == [0.5]
    assert layer.weight.requires_grad and layer.bias.requires_grad


def test_layers_of_one_chance_differ_and_biases_are_zero_unless_given() -> None:
    source = chance(3)
    one, other = (drawn(nn.Linear(3, 4, device="meta"), normal(0.2, source)) for _ in range(2))
    assert not torch.equal(one.weight, other.weight)
    assert one.bias.tolist() == [0.0] * 4


def test_a_layer_without_biases_gets_none() -> None:
    layer = drawn(nn.Linear(3, 4, bias=False, device="meta"), torch.zero_, bias=1.0)
    assert layer.bias is None and layer(torch.ones(1, 3)).tolist() == [[0.0] * 4]
