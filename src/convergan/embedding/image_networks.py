"""Which network describes photographs: from what a user writes to an `ImageNetwork`.

* whatever `convergan.metrics.find_extractor` knows, such as ``efficientnet-lite0``, ``hf:NAME``,
  ``timm:NAME``, ``FILE.pt2`` or ``my_file.py:my_function``; the last two with ``@SIDE`` for images
  of another side than 224;
* ``pixels``, or ``pixels@SIDE``: no network; the image at a side of 32, as directions of its edges
  (`convergan.data.oriented_gradients`) and coarse brightness and colours;
* ``auto``: ``efficientnet-lite0`` where its weights are installed, else ``pixels``.

Photographs have any size and shape. Pretrained networks see the largest square in the middle, as
they were trained on shapes as they are: on 638 photographs of 18 ImageNet classes logistic
regression on 2, 5 and 10 labels a class has 28.1, 18.2 and 14.9 % error so, 31.7, 20.4 and 17.4 on
whole photographs squeezed to a square, 35.9, 22.8 and 19.5 on whole ones with grey beside (ten
draws). ``pixels`` are of the whole image, as small pictures have no room around what they show.

Paper and released code: not in Salimans et al. (2016).
"""

import re
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, normalize

from ..data import oriented_gradients
from ..metrics import Extractor, extract, find_extractor
from ..metrics.efficientnet import PACKAGE

AUTO, PIXELS, EFFICIENTNET = "auto", "pixels", "efficientnet-lite0"
PIXELS_SIDE, OWN_SIDE = 32, 224
"""Sides where none is given: of ``pixels``, and of a network of the user's."""
LEAST_PIXELS_SIDE, MOST_PIXELS_SIDE = 8, 128
CELL, COARSE = 4, 4
"""Of ``pixels``: side of the cells of edges, in pixels, and number of coarse squares a side."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey, as in JPEG."""
WITH_SIDE = re.compile(r"(?P<spec>.+(?:\.py:\w+|\.pt2?))@(?P<side>\d+)")


class ImageNetwork(NamedTuple):
    """What turns photographs into features.

    Attributes:
        spec: what the user wrote, or what ``auto`` stands for.
        name: which weights, and what is done to photographs first; features of networks with other
            names do not compare.
        side: of the squares that it takes.
        crop: whether it sees the square in the middle, else the whole photograph squeezed.
        alike: whether its features are of one kind and unit; their rows then have length 1.
        run: from photographs (B, 3, side, side), uint8, to features (B, D), float32.
        notices: what the user should know.
    """

    spec: str
    name: str
    side: int
    crop: bool
    alike: bool
    run: Callable[[Tensor], Tensor]
    notices: tuple[str, ...] = ()


def find_image_network(spec: str = AUTO, *, device: torch.device | str = "cpu") -> ImageNetwork:
    """Return the network that ``spec`` names; see the top of this module.

    Args:
        spec: ``auto``, a name such as ``pixels@32`` or ``efficientnet-lite0``, or a file.
        device: where it computes.

    Raises:
        ValueError: if there is none of that name, or its weights or library are missing.

    Example:
        >>> network = find_image_network("pixels@16")
        >>> network.side, network.run(torch.full((2, 3, 16, 16), 255, dtype=torch.uint8)).shape
        (16, torch.Size([2, 120]))
    """
    if spec == AUTO:
        return _choose(device)
    kind, _, side = spec.partition("@")
    if kind == PIXELS:
        return _pixels(spec, side)
    given = WITH_SIDE.fullmatch(spec)
    extractor = find_extractor(given["spec"] if given else spec, device=device)
    side_taken = int(given["side"]) if given else extractor.side or OWN_SIDE
    name = f"{extractor.name} of the middle square at {side_taken}x{side_taken}"
    alike = ".py:" not in spec  # what a function returns may be of many kinds and units
    if alike:
        name += ", of length 1"
    run = partial(_run, extractor, device, alike)
    return ImageNetwork(spec, name, side_taken, True, alike, run)


def _choose(device: torch.device | str) -> ImageNetwork:
    if find_spec(PACKAGE) is not None:
        return find_image_network(EFFICIENTNET, device=device)
    notice = (
        "no pretrained network is installed, so photographs are compared by their pixels: "
        "pip install 'convergan[efficientnet]' for far better features of everyday photographs"
    )
    return find_image_network(PIXELS)._replace(notices=(notice,))


def _pixels(spec: str, side: str) -> ImageNetwork:
    allowed = range(LEAST_PIXELS_SIDE, MOST_PIXELS_SIDE + 1)
    wrong = f"expected pixels@SIDE with a side of {allowed[0]} to {allowed[-1]}, got {spec!r}"
    if "@" in spec and (not side.isdecimal() or int(side) not in allowed):
        raise ValueError(wrong)
    taken = int(side) if side else PIXELS_SIDE
    name = (
        f"pixels[whole image to {taken}x{taken}, oriented gradients in cells of {CELL}, brightness "
        f"and colours in {COARSE}x{COARSE}]"
    )
    return ImageNetwork(spec, name, taken, False, False, _describe)


def _describe(images: Tensor) -> Tensor:
    """Return edges, brightness and colours; colours are differences, 0 where an image is grey."""
    levels = images.float() / 255
    coarse = adaptive_avg_pool2d(levels, COARSE)
    grey = (coarse * coarse.new_tensor(LUMA).view(3, 1, 1)).sum(dim=1, keepdim=True)
    parts = (grey, coarse[:, :1] - grey, coarse[:, 2:] - grey)
    colours = torch.cat(parts, dim=1).flatten(1)
    return torch.cat([oriented_gradients(levels, cell=CELL), colours], dim=1)


def _run(extractor: Extractor, device: torch.device | str, alike: bool, images: Tensor) -> Tensor:
    levels = images.to(device).float() / 255
    if extractor.grey:
        levels = (levels * levels.new_tensor(LUMA).view(3, 1, 1)).sum(dim=1, keepdim=True)
    features = extract(extractor, levels.clamp(0, 1)).features.cpu()
    return normalize(features, dim=1) if alike else features
