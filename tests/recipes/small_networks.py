"""Networks as a user writes them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from convergan.networks import Critique, Discriminator, Generator


class Judge(Discriminator):
    """Judges rows by one layer, with a normalisation that has buffers."""

    def __init__(self, row_shape: Sequence[int], logits: int, chance: torch.Generator) -> None:
        super().__init__()
        numbers = torch.Size(row_shape).numel()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(numbers, 8), nn.BatchNorm1d(8))
        self.head = nn.Linear(8, logits)

    def forward(self, images: Tensor, chance: torch.Generator | None = None) -> Critique:
        features = self.body(images)
        return Critique(self.head(features), features)


class Painter(Generator):
    """Makes rows by two layers, with a function at the end."""

    def __init__(
        self,
        row_shape: Sequence[int],
        chance: torch.Generator,
        *,
        end: Callable[[Tensor], Tensor],
    ) -> None:
        super().__init__(latent_dim=4)
        self.row_shape, self.end = tuple(row_shape), end
        numbers = torch.Size(row_shape).numel()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, numbers))

    def forward(self, latent: Tensor) -> Tensor:
        made: Tensor = self.end(self.body(latent)).view(-1, *self.row_shape)
        return made
