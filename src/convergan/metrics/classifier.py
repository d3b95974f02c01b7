"""Small classifiers for judging generators of small images, and three that are trained.

Convolutions 5x5 of stride 2 with ReLU and a dense layer: 28,938 weights for grey images of side 28,
166,410 for colour ones of side 32. Scores that rest on a classifier, such as the inception score
and the modes of Stacked MNIST, say nothing without its name; these are pinned by the hash of their
weights, and one command makes each of them again:

``convergan classifier ylecun/mnist --out mnist.safetensors --threads 1``

``convergan classifier zalando-datasets/fashion_mnist --out fashion_mnist.safetensors
--threads 1``

``convergan classifier uoft-cs/cifar10 --epochs 10 --out cifar10.safetensors --threads 1``

Paper and released code: Salimans et al. (2016), section 4, judge by the Inception network, which
knows the classes of ImageNet. Scores by these classifiers do not compare with scores by that one.
"""

import hashlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise_tensors
from torch import Tensor, nn
from torch.nn.functional import relu

from .extractor import require_images
from .tensor_like import TensorLike
from .weights_file import read_pinned

WIDTHS = {(1, 28, 28): (16, 32), (3, 32, 32): (32, 64, 64)}
"""Channels of each convolution, by the shape of an image."""
CLASSES = 10
WEIGHTS = Path(__file__).parent / "weights"
SHA256 = {
    "mnist": "b670803d1dbea2f0639d62589a6808a6302653cc02e34a6f5f7838d52a7729c7",
    "fashion_mnist": "d0026c185f5a434140923754862e7fdfe308d631788380a162f33cda6bce2c91",
    "cifar10": "51c8ec3d048224c2c89d47e2371c42472cccbf919e2a5bff4ee3a8f3b10055df",
}
"""Hashes of the packaged weights."""


class ImageClassifier(nn.Module):
    """Convolutions 5x5 of stride 2 with ReLU, then a dense layer.

    Args:
        image_shape: (1, 28, 28) or (3, 32, 32).
        chance: draws the initial weights, He et al. (2015); biases begin at 0.

    Raises:
        ValueError: if ``image_shape`` is another.
    """

    def __init__(self, image_shape: Sequence[int], chance: torch.Generator) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        if self.image_shape not in WIDTHS:
            known = " or ".join(map(str, WIDTHS))
            raise ValueError(f"classifiers are of images {known}, got {self.image_shape}")
        channels, side, _ = self.image_shape
        widths = (channels, *WIDTHS[self.image_shape])
        with torch.device("meta"):
            self.layers = nn.ModuleList(
                nn.Conv2d(i, o, 5, stride=2, padding=2) for i, o in pairwise(widths)
            )
            units = widths[-1] * (side >> len(self.layers)) ** 2
            self.output = nn.Linear(units, CLASSES)
        self.to_empty(device="cpu")
        for layer in (*self.layers, self.output):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=chance)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def features(self, images: Tensor) -> Tensor:
        """Return what the dense layer sees of ``images``, (N, D); arguments as for `forward`.

        Args:
            images: (N, *image_shape) in [0, 1].

        Raises:
            ValueError: if they have another shape.
        """
        if images.shape[1:] != self.image_shape:
            shape = ", ".join(map(str, self.image_shape))
            raise ValueError(f"images must be (N, {shape}), got {tuple(images.shape)}")
        for layer in self.layers:
            images = relu(layer(images))
        return images.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, 10) of ``images``, (N, *image_shape) in [0, 1].

        Args:
            images: (N, *image_shape) in [0, 1].
        """
        logits: Tensor = self.output(self.features(images))
        return logits


def load_classifier(name: str) -> ImageClassifier:
    """Load a packaged classifier.

    Args:
        name: ``mnist``, 99.35 % right on its test rows, ``fashion_mnist``, 91.68 %, or
            ``cifar10``, 68.1 % of the first 1,000.

    Returns:
        The network, on the CPU.

    Raises:
        ValueError: if there is none of that name, or its file is not the one that was packaged.

    Example:
        >>> load_classifier("mnist")(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """
    if name not in SHA256:
        raise ValueError(f"no packaged classifier {name!r}, there are {', '.join(SHA256)}")
    return read_classifier(WEIGHTS / f"{name}.safetensors", sha256=SHA256[name])


def read_classifier(file: Path, *, sha256: str | None = None) -> ImageClassifier:
    """Read a classifier that ``convergan classifier`` wrote; check its hash before parsing it.

    Args:
        file: of its weights.
        sha256: what the file must hash to, in hexadecimal digits; None for any.

    Returns:
        The network, on the CPU.

    Raises:
        OSError: if it cannot be read.
        ValueError: if the hash differs, or the file is missing or does not hold such weights.
    """
    data = file.read_bytes() if sha256 is None else read_pinned(file, sha256)
    try:
        tensors = parse_tensors(data)
        [shape] = [s for s in WIDTHS if s[0] == tensors["layers.0.weight"].shape[1]]
        network = ImageClassifier(shape, torch.Generator())
        network.load_state_dict(tensors)
    except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{file} does not hold the weights of a classifier: {reason}") from None
    return network


def classifier_weights(network: ImageClassifier) -> bytes:
    """Return what a file of weights holds; `read_classifier` reads it.

    Args:
        network: on any device.
    """
    return serialise_tensors({name: t.cpu() for name, t in network.state_dict().items()})


def weights_sha256(data: bytes) -> str:
    """Return the SHA-256 of a file of weights.

    Args:
        data: what the file holds.
    """
    return hashlib.sha256(data).hexdigest()


@torch.no_grad()
def classify(
    network: Callable[[Tensor], Tensor], images: TensorLike, *, batch_size: int = 1000
) -> Tensor:
    """Return the class probabilities of images: the softmax of a classifier's logits.

    Args:
        network: maps (B, C, H, W) to logits (B, K).
        images: (N, C, H, W), floating point in [0, 1], at least one; a module gets them in its own
            dtype.
        batch_size: B, the number of images at a time.

    Returns:
        (N, K) float64 on the images' device, without gradient.

    Raises:
        ValueError: if there are no images, or they are not in [0, 1].
    """
    images = require_images(images)
    weights = next(network.parameters(), None) if isinstance(network, nn.Module) else None
    if weights is not None:
        images = images.to(weights.dtype)
    return torch.cat(
        [network(batch).double().softmax(dim=1) for batch in torch.split(images, batch_size)]
    )
