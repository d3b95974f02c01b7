"""A residual pair for 32x32 images without any normalisation.

Huang et al. (2024), "The GAN is dead; long live the GAN!" (R3GAN), section 4: both networks have
the same residual blocks of the same width at sides 4, 8, 16 and 32. A block adds to its input

``1x1 to 2w -> leaky ReLU -> 3x3 in groups -> leaky ReLU -> 1x1 to w``

(an inverted bottleneck, slope 0.2). The generator starts from a learned map of side 4, each channel
times a linear function of 64 normal noise inputs, and doubles the side between its stages; its last
layer is a linear 1x1 convolution. The discriminator runs the other way and ends in a 4x4 depthwise
convolution, which gives the features, and a dense layer.

The start keeps the second moment: weights are ``N(0, gain^2 / inputs)``, with ``gain^2`` of
``2 / (1 + 0.2^2)`` under a leaky ReLU and else 1. As in Fixup (Zhang et al. 2019, "Residual
Learning Without Normalization via Better Initialization") the last convolution of each block starts
at zero and the other two are smaller by ``L^(-1/4)`` for ``L`` blocks, so at the start a block adds
nothing.

Paper and public code: written from the papers' descriptions and compared with the public code. Its
filter ``[1, 3, 3, 1] / 8`` along each axis, with zeros beyond the edge, doubles and halves sides
here as well, see `double_side` and `halve_side`: of a constant map 3/4 are left along the edges of
the doubled and 7/8 of the halved one, and 0.31 of the deviation of white noise is left by halving,
where the mean of two by two (convergan 0.8) leaves 0.50. The only biases are those before the two
activations of a block. As in the paper nothing bounds the output of the generator.

Ours: there are no labels, which the public code gives to both networks as learned vectors, and no
bfloat16, in which it computes from side 8 on. Its networks see and make [-1, 1]; images are in
[0, 1] here and mapped on their way in and out. Images of side 28 get two black pixels at each edge
on their way in and lose them on their way out.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad

from ..core.chance import draw_into
from .critique import Critique
from .guidance_decoder import GuidanceDecoder
from .guided import EncodingDiscriminator, GuidedDiscriminator, MappingGenerator
from .start import Layer, drawn, normal

SIDES = (4, 8, 16, 32)
LATENT_DIM = 64
SLOPE = 0.2
EXPANSION = 2
"""Width inside a block, in widths outside."""
LEAKY_GAIN = (2 / (1 + SLOPE**2)) ** 0.5
"""Factor of deviations under a leaky ReLU."""


def _scaled(layer: Layer, chance: torch.Generator, gain: float = 1.0) -> Layer:
    """Start a layer with weights from N(0, gain / sqrt(inputs)) and biases 0."""
    return drawn(layer, normal(gain * layer.weight[0].numel() ** -0.5, chance))


class ResidualBlock(nn.Module):
    """An inverted bottleneck that is added to its input.

    Args:
        width: channels of input and output.
        cardinality: groups of the 3x3 convolution; a divisor of twice the width.
        gain: factor of the starting deviation of the first two convolutions.
        chance: draws the initial weights.
    """

    def __init__(
        self, width: int, *, cardinality: int, gain: float, chance: torch.Generator
    ) -> None:
        super().__init__()
        inner = EXPANSION * width
        mix = nn.Conv2d(inner, inner, 3, padding=1, groups=cardinality, device="meta")
        narrow = nn.Conv2d(inner, width, 1, bias=False, device="meta")
        self.widen = _scaled(nn.Conv2d(width, inner, 1, device="meta"), chance, gain)
        self.mix = _scaled(mix, chance, gain)
        self.narrow = _scaled(narrow, chance, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, width, side, side)."""
        h = leaky_relu(self.widen(x), SLOPE)
        difference: Tensor = self.narrow(leaky_relu(self.mix(h), SLOPE))
        return x + difference


def _stages(width: int, *, blocks: int, cardinality: int, chance: torch.Generator) -> nn.ModuleList:
    gain = LEAKY_GAIN * (len(SIDES) * blocks) ** -0.25
    return nn.ModuleList(
        nn.Sequential(
            *(
                ResidualBlock(width, cardinality=cardinality, gain=gain, chance=chance)
                for _ in range(blocks)
            )
        )
        for _ in SIDES
    )


def double_side(maps: Tensor) -> Tensor:
    """Double the side of (N, C, H, W): zeros between the places, then the filter times 4.

    A new place is 3/4 of the old one it lies in and 1/4 of the next along each axis; beyond the
    edge are zeros. Spelled out because torch's own has a gradient that CUDA does not compute the
    same way twice.

    Example:
        >>> double_side(torch.tensor([[4.0, 8.0], [4.0, 8.0]]).view(1, 1, 2, 2))[0, 0, 1].tolist()
        [3.0, 5.0, 7.0, 6.0]
    """
    return _double(_double(maps, 2), 3)


def halve_side(maps: Tensor) -> Tensor:
    """Halve the even sides of (N, C, H, W): every second place after the filter.

    A new place is 3/8 of each of the two old ones in it and 1/8 of their outer neighbors along each
    axis; beyond the edge are zeros. It is the transpose of `double_side`, divided by 4.

    Example:
        >>> halve_side(torch.full((1, 1, 8, 8), 64.0))[0, 0, 0].tolist()
        [49.0, 56.0, 56.0, 49.0]
    """
    return _halve(_halve(maps, 2), 3)


def _double(maps: Tensor, dim: int) -> Tensor:
    before, after = _neighbors(maps, maps, dim)
    near = 0.75 * maps
    return torch.stack([near + 0.25 * before, near + 0.25 * after], dim + 1).flatten(dim, dim + 1)


def _halve(maps: Tensor, dim: int) -> Tensor:
    shape = maps.shape
    first, second = maps.reshape(*shape[:dim], -1, 2, *shape[dim + 1 :]).unbind(dim + 1)
    before, after = _neighbors(second, first, dim)
    halved: Tensor = 0.375 * (first + second) + 0.125 * (before + after)
    return halved


def _neighbors(one: Tensor, other: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return what stands before each place in ``one`` and after it in ``other``, 0 at the edge."""
    last = one.shape[dim] - 1
    edge = torch.zeros_like(one.narrow(dim, 0, 1))
    before = torch.cat([edge, one.narrow(dim, 0, last)], dim)
    return before, torch.cat([other.narrow(dim, 1, last), edge], dim)


class ResidualGenerator(MappingGenerator):
    """Residual blocks from a learned map of side 4 to images.

    R3GAN's for CIFAR-10 has ``width`` 768 and ``cardinality`` 96.

    Args:
        image_shape: (1 or 3, 32, 32), or the same with side 28.
        chance: draws the initial weights.
        width: channels at every side.
        blocks: at every side.
        cardinality: groups of the 3x3 convolutions; a divisor of twice the width.
        map_side: of the map that `make` shows, 4, 8, 16 or 32; GGDR's is 8 for CIFAR-10.

    Raises:
        ValueError: for images of another shape, or sizes that do not fit.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        chance: torch.Generator,
        *,
        width: int = 256,
        blocks: int = 2,
        cardinality: int = 32,
        map_side: int = 8,
    ) -> None:
        margin = _margin(image_shape)
        _require_sizes(width, blocks, cardinality)
        _require_map_side(map_side)
        super().__init__(LATENT_DIM)
        self.margin = margin
        self.map_side = map_side
        self.basis = nn.Parameter(torch.randn(width, SIDES[0], SIDES[0], generator=chance))
        modulation = nn.Linear(LATENT_DIM, width, bias=False, device="meta")
        self.modulation = _scaled(modulation, chance)
        self.stages = _stages(width, blocks=blocks, cardinality=cardinality, chance=chance)
        output = nn.Conv2d(width, image_shape[0], 1, bias=False, device="meta")
        self.output = _scaled(output, chance)

    def draw_latent(self, count: int, chance: torch.Generator) -> Tensor:
        """Draw ``count`` noise vectors, (count, 64), each number N(0, 1)."""
        empty = torch.empty(count, self.latent_dim, device=chance.device)
        return draw_into(empty, lambda latent: latent.normal_(generator=chance))

    def make(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Turn noise of shape (N, 64) into images and their map of side ``map_side``.

        Returns:
            images: (N, *image_shape), for [0, 1] but not bound to it.
            shown: (N, width, map_side, map_side), after the blocks of that side.
        """
        first, *others = self.stages
        maps = [first(self.modulation(latent)[:, :, None, None] * self.basis)]
        for stage in others:
            maps.append(stage(double_side(maps[-1])))
        images = (self.output(maps[-1]) + 1) / 2
        shown = maps[SIDES.index(self.map_side)]
        return pad(images, [-self.margin] * 4).to(latent.dtype), shown.to(latent.dtype)


class ResidualDiscriminator(EncodingDiscriminator):
    """Residual blocks from images to side 4, a depthwise convolution and a dense layer.

    Args:
        image_shape: (1 or 3, 32, 32), or the same with side 28.
        num_classes: number of logits.
        chance: draws the initial weights.
        width: channels at every side.
        blocks: at every side.
        cardinality: groups of the 3x3 convolutions; a divisor of twice the width.

    Raises:
        ValueError: for images of another shape, or sizes that do not fit.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_classes: int,
        chance: torch.Generator,
        *,
        width: int = 256,
        blocks: int = 2,
        cardinality: int = 32,
    ) -> None:
        margin = _margin(image_shape)
        _require_sizes(width, blocks, cardinality)
        super().__init__()
        self.margin = margin
        first = nn.Conv2d(image_shape[0], width, 1, bias=False, device="meta")
        self.input = _scaled(first, chance)
        self.stages = _stages(width, blocks=blocks, cardinality=cardinality, chance=chance)
        gather = nn.Conv2d(width, width, SIDES[0], groups=width, bias=False, device="meta")
        self.gather = _scaled(gather, chance)
        output = nn.Linear(width, num_classes, bias=False, device="meta")
        self.output = _scaled(output, chance)

    def encode(
        self, images: Tensor, chance: torch.Generator | None = None
    ) -> tuple[Critique, tuple[Tensor, ...]]:
        """Judge ``images`` of shape (N, *image_shape), for [0, 1]; there is no noise.

        Returns:
            critique: whose features are (N, width), what the dense layer sees.
            maps: four, (N, width, side, side) of side 4 to 32, after the blocks of each side.
        """
        first, *others = self.stages
        maps = [first(self.input(2 * pad(images, [self.margin] * 4) - 1))]
        for stage in others:
            maps.append(stage(halve_side(maps[-1])))
        features = self.gather(maps[-1]).flatten(1)
        logits = self.output(features)
        critique = Critique(logits.to(images.dtype), features.to(images.dtype))
        return critique, tuple(each.to(images.dtype) for each in reversed(maps))


def guided_residual_discriminator(
    image_shape: Sequence[int],
    num_classes: int,
    chance: torch.Generator,
    *,
    width: int = 256,
    blocks: int = 2,
    cardinality: int = 32,
    map_side: int = 8,
) -> GuidedDiscriminator:
    """Build the discriminator and a decoder for the map of a generator of the same width.

    Args:
        image_shape: (1 or 3, 32, 32), or the same with side 28.
        num_classes: number of logits.
        chance: draws the initial weights.
        width: channels at every side, and of the generator's map.
        blocks: at every side.
        cardinality: groups of the 3x3 convolutions; a divisor of twice the width.
        map_side: of the generator's map, 8, 16 or 32: the decoder starts at side 4 and doubles it
            at least once.

    Raises:
        ValueError: for images of another shape, or sizes that do not fit.
    """
    _require_map_side(map_side)
    if map_side == SIDES[0]:
        raise ValueError(f"a decoder makes maps of side 8, 16 or 32, got map_side {map_side}")
    discriminator = ResidualDiscriminator(
        image_shape, num_classes, chance, width=width, blocks=blocks, cardinality=cardinality
    )
    encoder_widths = [width] * SIDES.index(map_side)
    return GuidedDiscriminator(discriminator, GuidanceDecoder(encoder_widths, width, chance=chance))


def _margin(image_shape: Sequence[int]) -> int:
    """Return how many pixels at each edge are missing to side 32."""
    channels, *sides = image_shape
    if channels not in (1, 3) or sides not in ([28, 28], [32, 32]):
        raise ValueError(
            f"these blocks go from side 4 to 32 and back, so rows must be images of 1 or 3 "
            f"channels and side 32 or 28, got {tuple(image_shape)}"
        )
    return (SIDES[-1] - sides[0]) // 2


def _require_sizes(width: int, blocks: int, cardinality: int) -> None:
    if width < 1 or blocks < 1:
        raise ValueError(f"width and blocks must be at least 1, got {width} and {blocks}")
    if cardinality < 1 or EXPANSION * width % cardinality:
        raise ValueError(
            f"cardinality must divide twice the width, {EXPANSION * width}, got {cardinality}"
        )


def _require_map_side(side: int) -> None:
    if side not in SIDES:
        raise ValueError(f"map_side must be one of {SIDES}, got {side}")
