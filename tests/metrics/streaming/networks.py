"""A small network of images, as a user would hand it to a metric, and what it says of them."""

import torch
from torch import Tensor, nn

from tests import oracles


class SmallNetwork(nn.Module):
    """Two convolutions; batch normalisation and dropout would show a network in training mode."""

    num_features = 12

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layers = nn.Sequential(
                nn.Conv2d(3, 8, 3, stride=2),
                nn.BatchNorm2d(8),
                nn.ReLU(),
                nn.Dropout(0.5),
                nn.Conv2d(8, 12, 3, stride=2),
                nn.Flatten(2),
            )

    def forward(self, images: Tensor) -> Tensor:
        rows: Tensor = self.layers(images.to(next(self.parameters())) / 255).mean(dim=2)
        return rows


def images(count: int, *, seed: int) -> Tensor:
    """Whole levels from 0 to 255, (N, 3, 12, 12)."""
    return (oracles.draw(count, 3 * 144, seed=seed).sigmoid() * 255).byte().view(-1, 3, 12, 12)
