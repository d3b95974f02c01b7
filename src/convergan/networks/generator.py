"""What every generator is."""

import torch
from torch import Tensor, nn

from ..core.chance import draw_into


class Generator(nn.Module):
    """A network that makes rows from noise. Subclasses define `forward`.

    Args:
        latent_dim: number of noise inputs, all of them: what `forward` makes of its latent is
            deterministic.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def draw_latent(self, count: int, chance: torch.Generator) -> Tensor:
        """Draw ``count`` noise vectors, (count, latent_dim), on the device of ``chance``.

        Uniform on [0, 1) as in the scripts for small images; a subclass may draw otherwise.
        """
        empty = torch.empty(count, self.latent_dim, device=chance.device)
        return draw_into(empty, lambda latent: latent.uniform_(generator=chance))

    def __call__(self, latent: Tensor) -> Tensor:
        """Turn noise of shape (N, latent_dim) into rows of shape (N, *row shape)."""
        rows: Tensor = super().__call__(latent)
        return rows
