"""What both sides are given: images, and the Inception network with weights drawn from a seed.

The official weights are nowhere on this machine, and parity needs none: the same network with any
weights says whether the figures taken of its answers agree.
"""

import io
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch_fidelity import FeatureExtractorInceptionV3

LAYERS = ("64", "192", "768", "2048", "logits_unbiased")


class Features(NamedTuple):
    """What the network says of a set of images: by the name of its layer, (N, D) float32."""

    images: Tensor
    layers: dict[str, Tensor]


class Pair(NamedTuple):
    """Features of real images and of fakes."""

    real: Features
    fake: Features


def seeded_pair() -> tuple[Tensor, Tensor]:
    """Images drawn from seeds, fakes of less contrast; more rows than the first layer is wide."""
    return random_images(72, seed=2), random_images(72, seed=3, contrast=192)


def real_pair() -> tuple[Tensor, Tensor]:
    """Rows of CIFAR-10, and as fakes other rows with noise on them."""
    real, others = torch.split(cifar_images(0, 144), 72)
    noise = torch.randint(-24, 25, others.shape, generator=torch.Generator().manual_seed(4))
    return real, (others + noise).clamp(0, 255).to(torch.uint8)


def random_images(count: int, *, seed: int, contrast: int = 256) -> Tensor:
    """Coarse colour fields with noise on them, (N, 3, 32, 32) bytes."""
    chance = torch.Generator().manual_seed(seed)
    shape = (count, 3, 4, 4)
    field = torch.randint(contrast, shape, generator=chance).repeat_interleave(8, 2)
    noise = torch.randint(32, (count, 3, 32, 32), generator=chance)
    return (field.repeat_interleave(8, 3) + noise).clamp(0, 255).to(torch.uint8)


def cifar_images(first: int, count: int) -> Tensor:
    """Rows of the training set of CIFAR-10, (N, 3, 32, 32) bytes."""
    if "CONVERGAN_DATA" not in os.environ:
        pytest.skip("CONVERGAN_DATA is not set")
    [file, *_] = sorted(Path(os.environ["CONVERGAN_DATA"]).glob("cifar10/plain_text/train-*"))
    rows = pyarrow.parquet.read_table(file, columns=["img"])["img"].slice(first, count).to_pylist()
    pixels = [np.array(Image.open(io.BytesIO(row["bytes"])).convert("RGB")) for row in rows]
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()


def write_weights(file: Path) -> None:
    """Draw weights, and save them as torch-fidelity reads them.

    Convolutions are drawn after He et al. (2015); then each batch normalisation takes the moments
    of what reaches it from a few images, else the answers to all images would be much the same.
    """
    with pytest.MonkeyPatch.context() as patch:
        torch.save({}, file)
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = FeatureExtractorInceptionV3("seeded", ["logits_unbiased"], str(file))
    chance = torch.Generator().manual_seed(2016)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, generator=chance)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            module.train()
    nn.init.normal_(network.fc.weight, std=0.05, generator=chance)
    nn.init.normal_(network.fc.bias, generator=chance)
    network(random_images(16, seed=1))
    torch.save(network.state_dict(), file)


def read_network(file: Path, layers: tuple[str, ...] = LAYERS) -> Any:
    """Read weights by torch-fidelity's own constructor."""
    return FeatureExtractorInceptionV3("seeded", list(layers), str(file))


def extract(network: Any, images: Tensor) -> Features:
    """Run torch-fidelity's network on images in bytes, 16 at a time."""
    answers = [network(batch) for batch in torch.split(images, 16)]
    layers = [torch.cat(parts) for parts in zip(*answers, strict=True)]
    return Features(images, dict(zip(network.features_list, layers, strict=True)))
