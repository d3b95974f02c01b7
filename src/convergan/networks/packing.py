"""Packing: the discriminator judges several rows as one, and so sees when they are alike.

Lin et al. (2018), "PacGAN: The power of two samples in generative adversarial networks", section 2:
``m`` rows of one origin are stacked on channels and judged together; data against samples, the loss
and the generator stay as they are, and of the discriminator only the first layer is wider. Samples
that leave out a share ``d`` of the data are at total variation ``d`` from it, packs of them at
``1 - (1 - d)^m``.

Paper and public code: the same, with ``m`` from 2 to 4; the public code steps the generator twice
for one step of the discriminator, and says itself that the paper does not. Rows of a pack must be
independent, so shuffle data first. A logit belongs to a pack, so this is no classifier of rows.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .critique import Critique, Discriminator


def pack(rows: Tensor, m: int) -> Tensor:
    """Stack every ``m`` consecutive rows on their first dimension.

    Args:
        rows: (N, C, H, W), (N, A), or any (N, C, *rest).
        m: rows in a pack; a divisor of N.

    Returns:
        (N/m, mC, *rest).

    Raises:
        ValueError: if ``m`` is less than 1 or N is not divisible by it.

    Example:
        >>> pack(torch.arange(8.0).view(4, 2), 2).tolist()
        [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]
    """
    n, *shape = rows.shape
    if m < 1 or n % m:
        raise ValueError(f"{n} rows cannot be put into packs of {m}")
    return rows.reshape(n // m, *packed_shape(shape, m))


def packed_shape(image_shape: Sequence[int], m: int) -> tuple[int, ...]:
    """Return the shape of a pack of ``m`` rows, which the discriminator is built for.

    Raises:
        ValueError: if ``m`` is less than 1.

    Example:
        >>> packed_shape((3, 32, 32), 2)
        (6, 32, 32)
    """
    if m < 1:
        raise ValueError(f"a pack has at least 1 row, got {m}")
    channels, *rest = image_shape
    return (m * channels, *rest)


class PackedDiscriminator(Discriminator):
    """A discriminator of packs that takes single rows; with ``m`` of 1 the one it wraps.

    Args:
        discriminator: any module that is built for rows of `packed_shape`.
        m: rows in a pack.

    Raises:
        ValueError: if ``m`` is less than 1.
    """

    def __init__(self, discriminator: nn.Module, m: int) -> None:
        super().__init__()
        if m < 1:
            raise ValueError(f"a pack has at least 1 row, got {m}")
        self.discriminator = discriminator
        self.m = self.rows_together = m

    def forward(self, images: Tensor, chance: torch.Generator | None = None) -> Critique:
        """Judge ``images`` of shape (N, *image_shape): a critique of N/m rows, one a pack.

        What a module of the user's returns is returned as it is.
        """
        packs = pack(images, self.m)
        judged: Critique = self.discriminator(packs, *([] if chance is None else [chance]))
        return judged

    def extra_repr(self) -> str:
        """Show the number of rows in ``repr``."""
        return f"m={self.m}"


def packed_discriminator(
    image_shape: Sequence[int],
    num_classes: int,
    chance: torch.Generator,
    *,
    make: Callable[[Sequence[int], int, torch.Generator], Discriminator],
    m: int,
) -> PackedDiscriminator:
    """Build what ``make`` builds, for packs of ``m`` rows.

    Raises:
        ValueError: if ``m`` is less than 1, or as ``make``.
    """
    return PackedDiscriminator(make(packed_shape(image_shape, m), num_classes, chance), m)
