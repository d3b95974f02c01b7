"""The decoder by which a discriminator predicts a feature map of the generator.

Lee et al. (2022), "Generator Knows What Discriminator Should Learn in Unconditional GANs" (GGDR):
from the smallest map of the discriminator's encoder, stage by stage, a linear 1x1 convolution and a
doubling of the side; from the second stage on, the input is the previous output beside the
encoder's map of that side. Maps of side 4, 8, ..., r/2 make one of side ``r``.

Paper and public code: written from the paper's description. Ours: every stage has the width of the
last, which a linear decoder loses nothing by; sides are doubled by repetition, whose gradient CUDA
computes the same way each time; weights start from ``N(0, 1/inputs)``. The loss is
`convergan.objectives.guidance_loss`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .start import drawn, normal


class GuidanceDecoder(nn.Module):
    """Linear 1x1 convolutions from the maps of an encoder to one map of twice the largest side.

    Args:
        encoder_channels: of each map of the encoder, smallest first.
        channels: of the result, those of the generator's map.
        chance: draws the initial weights.

    Raises:
        ValueError: if there is no map.
    """

    def __init__(
        self, encoder_channels: Sequence[int], channels: int, *, chance: torch.Generator
    ) -> None:
        super().__init__()
        if not encoder_channels:
            raise ValueError("a decoder needs at least one map of the encoder")
        self.stages = nn.ModuleList()
        previous = 0
        for width in encoder_channels:
            inputs = previous + width
            stage = nn.Conv2d(inputs, channels, 1, device="meta")
            self.stages.append(drawn(stage, normal(inputs**-0.5, chance)))
            previous = channels

    def __call__(self, maps: Sequence[Tensor]) -> Tensor:
        """Decode maps of shapes (N, C_i, side_i, side_i), smallest first, each twice the last."""
        decoded: Tensor = super().__call__(maps)
        return decoded

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return (N, channels, r, r) with ``r`` twice the side of the last map.

        Raises:
            ValueError: if the number of maps is not that of the stages, or a side not twice the
                one before.
        """
        sides = [tuple(each.shape[2:]) for each in maps]
        doubled = [(2 * height, 2 * width) for height, width in sides]
        if len(maps) != len(self.stages) or sides[1:] != doubled[:-1]:
            raise ValueError(
                f"expected {len(self.stages)} maps, smallest first, each of twice the side of the "
                f"one before, got {sides}"
            )
        joined = maps[0]
        for stage, beside in zip(self.stages, [*maps[1:], None], strict=True):
            decoded = interpolate(stage(joined), scale_factor=2, mode="nearest")
            joined = decoded if beside is None else torch.cat([decoded, beside], dim=1)
        return joined
