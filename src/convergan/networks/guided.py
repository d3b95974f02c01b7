"""What guidance of a discriminator needs of the networks: maps beside a critique, and beside rows.

Lee et al. (2022), "Generator Knows What Discriminator Should Learn in Unconditional GANs" (GGDR):
the discriminator predicts, from the maps of its encoder, a map of the generator. `forward` returns
what every network returns; each kind of network has one method more that returns maps as well.

Paper and public code: written from the paper's description; see
`convergan.objectives.guidance_loss`.
"""

import torch
from torch import Tensor

from .critique import Critique, Discriminator
from .generator import Generator
from .guidance_decoder import GuidanceDecoder


class EncodingDiscriminator(Discriminator):
    """A discriminator that can show the maps it judges by. Subclasses define `encode`."""

    def encode(
        self, images: Tensor, chance: torch.Generator | None = None
    ) -> tuple[Critique, tuple[Tensor, ...]]:
        """Judge ``images``; return the critique and maps, smallest first, each twice the last."""
        raise NotImplementedError

    def forward(self, images: Tensor, chance: torch.Generator | None = None) -> Critique:
        """Judge ``images`` of shape (N, *image_shape); noise as `Discriminator` says."""
        critique, _ = self.encode(images, chance)
        return critique


class MappingGenerator(Generator):
    """A generator that can show one of the maps it makes rows by. Subclasses define `make`."""

    def make(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Turn noise of shape (N, latent_dim) into rows and the map, (N, C_r, r, r), they had."""
        raise NotImplementedError

    def forward(self, latent: Tensor) -> Tensor:
        """Turn noise of shape (N, latent_dim) into rows of shape (N, *image_shape)."""
        rows, _ = self.make(latent)
        return rows


class GuidedDiscriminator(Discriminator):
    """A discriminator with a decoder behind its encoder; it judges as the one it wraps.

    Args:
        discriminator: whose smallest maps are decoded.
        decoder: from as many maps as it has stages to a map of the generator's shape.
    """

    def __init__(self, discriminator: EncodingDiscriminator, decoder: GuidanceDecoder) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.decoder = decoder

    def forward(self, images: Tensor, chance: torch.Generator | None = None) -> Critique:
        """Judge ``images`` of shape (N, *image_shape); noise as `Discriminator` says."""
        return self.discriminator(images, chance)

    def decode(
        self, images: Tensor, chance: torch.Generator | None = None
    ) -> tuple[Critique, Tensor]:
        """Judge ``images``; return the critique and the map, (N, C_r, r, r), seen in them."""
        critique, maps = self.discriminator.encode(images, chance)
        decoded = self.decoder(maps[: len(self.decoder.stages)])
        return critique, decoded.to(images.dtype)
