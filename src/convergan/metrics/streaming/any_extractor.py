"""Rows of any network: a name that ``--extractor`` takes, an `Extractor`, a function or a module.

A function or module takes what it is given and returns features, logits, or both as a pair, in this
order. A module runs in evaluation mode, so that a row does not depend on its batch, and is left in
the mode that it came in. Without a network, rows are what is given.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from ..extractor import Extractor, extract
from ..features import find_extractor
from ..tensor_like import TensorLike, as_tensor

AnyExtractor: TypeAlias = str | Extractor | Callable[[Tensor], Any] | None
Part: TypeAlias = Literal["features", "logits"]


def known_extractor(given: AnyExtractor, device: torch.device | str) -> AnyExtractor:
    """Return the `Extractor` of a name, and all else as it is.

    Args:
        given: a name or a network.
        device: where images of a named one will be.

    Raises:
        ValueError: if there is none of that name.
    """
    return find_extractor(given, device=device) if isinstance(given, str) else given


def row_width(extractor: AnyExtractor, part: Part) -> int | None:
    """Return how many columns rows have, or None where the extractor does not say.

    A module says it by ``num_features``, as torchmetrics asks of it; an `Extractor` with a side is
    tried on a black image.

    Args:
        extractor: a network, from `known_extractor`.
        part: which of its answers.
    """
    if isinstance(extractor, Extractor):
        if extractor.side is None:
            return None
        black = torch.zeros(1, 1 if extractor.grey else 3, extractor.side, extractor.side)
        return getattr(extract(extractor, black), part).shape[1]  # type: ignore[no-any-return]
    said = getattr(extractor, "num_features", None) if part == "features" else None
    return said if isinstance(said, int) else None


@torch.no_grad()
def extracted_rows(
    extractor: AnyExtractor, images: TensorLike, part: Part, *, device: torch.device
) -> TensorLike:
    """Return features or logits of images; without an extractor, what is given.

    Args:
        extractor: a network, from `known_extractor`.
        images: for an `Extractor` (B, C, H, W) in [0, 1], or of whole levels from 0 to 255; for
            other networks whatever they take.
        part: which of its answers.
        device: where a module is; images go there.

    Raises:
        ValueError: if images are none, or the network returns something else.
    """
    if extractor is None:
        return images
    given = as_tensor(images, "images")
    if isinstance(extractor, Extractor):
        levels = given.float() / 255 if given.dtype == torch.uint8 else given
        found: Tensor = getattr(extract(extractor, levels), part)
        return found
    if isinstance(extractor, nn.Module):
        with _evaluating(extractor):
            return _part_of(extractor(given.to(device)), part)
    assert not isinstance(extractor, str)
    return _part_of(extractor(given), part)


def _part_of(answer: Any, part: Part) -> Tensor:
    parts = list(answer) if isinstance(answer, tuple | list) else [answer]
    if len(parts) not in (1, 2) or not all(isinstance(some, Tensor) for some in parts):
        kinds = ", ".join(type(some).__name__ for some in parts)
        raise ValueError(f"an extractor must return rows, or features and logits, got {kinds}")
    return parts[0 if part == "features" else -1]  # type: ignore[no-any-return]


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Put all modules of a network in evaluation mode, and back in their own."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
