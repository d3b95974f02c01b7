"""A small classifier for judging generators of 28x28 grey images, and two that are trained.

Two convolutions of stride 2 and a dense layer, 28,938 weights. Scores that rest on a classifier,
such as the inception score and the modes of Stacked MNIST, say nothing without its name; these two
are pinned by the hash of their weights, and one command makes each of them again:

``convergan classifier ylecun/mnist --out mnist.safetensors --threads 1``

``convergan classifier zalando-datasets/fashion_mnist --out fashion_mnist.safetensors
--threads 1``

Paper and released code: Salimans et al. (2016), section 4, judge by the Inception network, which
knows the classes of ImageNet. Scores by these classifiers do not compare with scores by that one.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise_tensors
from torch import Tensor, nn
from torch.nn.functional import relu

IMAGE_SHAPE = (1, 28, 28)
CLASSES = 10
WEIGHTS = Path(__file__).parent / "weights"
SHA256 = {
    "mnist": "195812e8f289f0e9da5c393ed2b813e012ad90c1dae8e4cc12a586d68ff2fe1b",
    "fashion_mnist": "bd2608f48ec0ffa64a3aa85a32d9e5fe8f0def9e0cbcfaf7f9c9a42192c20c07",
}
"""Hashes of the packaged weights."""


class ImageClassifier(nn.Module):
    """Convolution 5x5 to 16 channels, to 32, each of stride 2 with ReLU; then a dense layer.

    Args:
        chance: draws the initial weights, He et al. (2015); biases begin at 0.
    """

    def __init__(self, chance: torch.Generator) -> None:
        """Build the layers and draw their weights."""
        super().__init__()
        with torch.device("meta"):
            self.first = nn.Conv2d(1, 16, 5, stride=2, padding=2)
            self.second = nn.Conv2d(16, 32, 5, stride=2, padding=2)
            self.output = nn.Linear(32 * 7 * 7, CLASSES)
        self.to_empty(device="cpu")
        for layer in (self.first, self.second, self.output):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=chance)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, 10) of ``images``, (N, 1, 28, 28) in [0, 1]."""
        if images.shape[1:] != IMAGE_SHAPE:
            raise ValueError(f"images must be (N, 1, 28, 28), got {tuple(images.shape)}")
        logits: Tensor = self.output(relu(self.second(relu(self.first(images)))).flatten(1))
        return logits


def load_classifier(name: str) -> ImageClassifier:
    """Load a packaged classifier.

    Args:
        name: ``mnist``, 99.35 % right on its test rows, or ``fashion_mnist``, 91.68 %.

    Raises:
        ValueError: if there is none of that name, or its file is not the one that was packaged.

    Example:
        >>> load_classifier("mnist")(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """
    if name not in SHA256:
        raise ValueError(f"no packaged classifier {name!r}, there are {' and '.join(SHA256)}")
    return read_classifier(WEIGHTS / f"{name}.safetensors", sha256=SHA256[name])


def read_classifier(file: Path, *, sha256: str | None = None) -> ImageClassifier:
    """Read a classifier that ``convergan classifier`` wrote; check its hash before parsing it.

    Args:
        file: of its weights.
        sha256: what the file must hash to, in hexadecimal digits; None for any.

    Raises:
        OSError: if it cannot be read.
        ValueError: if the hash differs, or the file does not hold such weights.
    """
    data = file.read_bytes()
    found = weights_sha256(data)
    if sha256 is not None and found != sha256:
        raise ValueError(f"{file} hashes to {found}, expected {sha256}")
    network = ImageClassifier(torch.Generator())
    try:
        network.load_state_dict(parse_tensors(data))
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{file} does not hold the weights of a classifier: {reason}") from None
    return network


def classifier_weights(network: ImageClassifier) -> bytes:
    """Return what a file of weights holds; `read_classifier` reads it."""
    return serialise_tensors({name: t.cpu() for name, t in network.state_dict().items()})


def weights_sha256(data: bytes) -> str:
    """Return the SHA-256 of a file of weights."""
    return hashlib.sha256(data).hexdigest()


@torch.no_grad()
def classify(
    network: Callable[[Tensor], Tensor], images: Tensor, *, batch_size: int = 1000
) -> Tensor:
    """Return what a classifier says of images: the softmax of its logits.

    Args:
        network: maps (B, C, H, W) to logits (B, K).
        images: (N, C, H, W), floating point in [0, 1], at least one.
        batch_size: B, the number of images at a time.

    Returns:
        (N, K) float64 on the images' device, without gradient.

    Raises:
        ValueError: if there are no images, or they are not in [0, 1].
    """
    if images.dim() != 4 or not len(images) or not images.is_floating_point():
        raise ValueError(
            "images must be floating point (N, C, H, W) with N of 1 or more, "
            f"got {images.dtype} {tuple(images.shape)}"
        )
    least, most = float(images.min()), float(images.max())
    if not 0 <= least <= most <= 1:
        raise ValueError(f"images must be in [0, 1], got {least:.4g} to {most:.4g}")
    return torch.cat(
        [network(batch).double().softmax(dim=1) for batch in torch.split(images, batch_size)]
    )
