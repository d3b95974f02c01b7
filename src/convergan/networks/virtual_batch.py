"""A generator whose batch normalisation is virtual.

Salimans et al. (2016), section 3.5: every sample is normalised by itself and by a reference batch
that is chosen once. For a generator the reference batch is noise, drawn before training.

Paper and released code: the paper speaks of a reference batch of examples; in the ImageNet code it
is 16 rows of noise, stored with the weights, and so here.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ..layers import VirtualBatchNorm, hold_reference
from ..layers.virtual_batch_norm import Mode
from .generator import Generator

MakeNorm = Callable[[int], nn.Module]
"""From a number of channels to a layer that normalises them."""


class VirtualBatchGenerator(Generator):
    """A generator with reference noise of its own, which is saved with its weights.

    Args:
        make: from the normalisation to use to a generator that uses it.
        num_reference: rows of reference noise, at least 1.
        mode: see `convergan.layers.virtual_batch_norm`.
        chance: draws the scales of the normalisation while ``make`` runs, then the reference noise.

    Raises:
        ValueError: if ``num_reference`` is below 1.
    """

    def __init__(
        self,
        make: Callable[[MakeNorm], Generator],
        *,
        num_reference: int,
        mode: Mode = "per_example",
        chance: torch.Generator,
    ) -> None:
        if num_reference < 1:
            raise ValueError(f"num_reference must be at least 1, got {num_reference}")
        network = make(partial(VirtualBatchNorm, mode=mode, chance=chance))
        super().__init__(network.latent_dim)
        self.network = hold_reference(network, network.draw_latent(num_reference, chance))

    def draw_latent(self, count: int, chance: torch.Generator) -> Tensor:
        """Draw ``count`` noise vectors as the network inside wants them."""
        return self.network.draw_latent(count, chance)

    def forward(self, latent: Tensor) -> Tensor:
        """Turn noise of shape (N, latent_dim) into N rows; N may be 0.

        Raises:
            ValueError: if ``latent`` is not of the shape of the reference noise.
        """
        rows: Tensor = self.network(latent)
        return rows
