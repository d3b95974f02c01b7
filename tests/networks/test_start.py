"""The start of a layer is drawn from the chance given alone."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from convergan.networks.start import drawn, normal
from tests.oracles import chance


def linear() -> nn.Linear:
    return drawn(nn.Linear(30, 40, device="meta"), normal(0.2, chance(3)), bias=0.5)


def convolution() -> nn.Conv2d:
    return drawn(nn.Conv2d(8, 16, 3, device="meta"), normal(0.2, chance(3)), bias=0.5)


def transposed() -> nn.ConvTranspose2d:
    return drawn(nn.ConvTranspose2d(8, 16, 3, device="meta"), normal(0.2, chance(3)), bias=0.5)


@pytest.mark.parametrize(
    ("make", "shape"),
    [(linear, (40, 30)), (convolution, (16, 8, 3, 3)), (transposed, (8, 16, 3, 3))],
)
def test_weights_are_normal_of_the_deviation_asked_for_and_biases_constant(
    make: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    before = torch.get_rng_state()
    layer = make()
    assert torch.equal(torch.get_rng_state(), before)
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    assert weight.device.type == "cpu" and weight.requires_grad and bias.requires_grad
    assert torch.equal(weight, torch.empty(shape).normal_(0, 0.2, generator=chance(3)))
    assert set(bias.tolist()) == {0.5}


def test_layers_of_one_chance_differ_and_biases_are_zero_unless_given() -> None:
    source = chance(3)
    one, other = (drawn(nn.Linear(3, 4, device="meta"), normal(0.2, source)) for _ in range(2))
    assert not torch.equal(one.weight, other.weight)
    assert one.bias.tolist() == [0.0] * 4


def test_a_layer_without_biases_gets_none() -> None:
    layer = drawn(nn.Linear(3, 4, bias=False, device="meta"), torch.zero_, bias=1.0)
    assert layer.bias is None and layer(torch.ones(1, 3)).tolist() == [[0.0] * 4]
