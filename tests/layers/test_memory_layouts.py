"""What a layer or a discriminator makes of its input does not depend on how that lies in memory."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convergan.layers import (
    BatchStatisticsNorm,
    CrossBatchNorm,
    Dropout,
    GaussianNoise,
    MinibatchStddev,
    VirtualBatchNorm,
    initialise_from_batch,
    weight_norm,
)
from convergan.networks import ConvolutionalDiscriminator, ResidualDiscriminator
from tests.oracles import draw

LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "backwards": lambda x: x.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0),
    "with gaps": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
}


def chance() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def started(rows: Tensor) -> Tensor:
    """A weight-normalised convolution after its data-dependent start."""
    layer = weight_norm(nn.Conv2d(4, 5, 3))
    nn.init.normal_(layer.get_parameter("parametrizations.weight.original1"), generator=chance())
    layer.double()
    initialise_from_batch(layer, lambda: layer(rows))
    made: Tensor = layer(rows)
    return made


def judged(make: Callable[..., nn.Module], **widths: Any) -> Callable[[Tensor], Tensor]:
    """The logits of a narrow discriminator under its noise, for maps of three of four channels."""

    def logits(rows: Tensor) -> Tensor:
        network = make((3, 32, 32), 2, chance(), **widths).double()
        found: Tensor = network(rows[:, :3].repeat(1, 1, 4, 4), chance()).logits
        return found

    return logits


LAYERS: dict[str, Callable[[Tensor], Tensor]] = {
    "virtual batch norm": VirtualBatchNorm(4, num_reference=3, chance=chance()).double(),
    "cross batch norm": CrossBatchNorm(4, chance=chance()).double(),
    "batch norm": BatchStatisticsNorm(4).double(),
    "minibatch stddev": MinibatchStddev(4),
    "noise": lambda x: GaussianNoise(0.5)(x, chance()),
    "dropout": lambda x: Dropout(0.5)(x, chance()),
    "weight norm": started,
    "small images": judged(ConvolutionalDiscriminator, channels=4),
    "residual": judged(ResidualDiscriminator, width=8, cardinality=2, blocks=1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("layer", LAYERS)
def test_strides_of_the_input_change_nothing(layer: str, layout: str) -> None:
    x = draw(8, 4, 8, 8)
    strided = LAYOUTS[layout](x)
    assert torch.equal(strided, x) and strided.stride() != x.stride()
    torch.testing.assert_close(LAYERS[layer](strided), LAYERS[layer](x), rtol=1e-10, atol=1e-12)
