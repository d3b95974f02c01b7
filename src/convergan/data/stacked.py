"""Stacked MNIST: three digits in one image, a thousand classes, a measure of collapse.

Three images of one digit each are drawn independently and become the red, green and blue channel
of one. Metz et al. (2017), "Unrolled Generative Adversarial Networks", and Srivastava et al.
(2017), "VEEGAN", count how many of the thousand classes a generator finds; the 128,000 training
rows are those of Lin et al. (2018), "PacGAN".

Paper and released code: not in Salimans et al. (2016). Here training rows are made of MNIST's
training digits and test rows of its test digits. PacGAN's code, where it follows VEEGAN, makes its
training rows of all 70,000: 37.0 % of them have a digit of the test set in them, here none. The
classes hardly change, their shares in the two are 1e-5 nats apart. Where it follows Metz et al. it
takes the training digits alone.
"""

import torch
from torch import Tensor

from ..core.chance import derive

TRAINING_ROWS = 128_000
TEST_ROWS = 10_000
STACKED_CLASSES = tuple(f"{number:03}" for number in range(1000))
"""Names of the classes in the order of their numbers: ``000`` to ``999``."""


def stack_digits(images: Tensor, labels: Tensor, count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Draw rows of three digits, one a channel, with replacement.

    Args:
        images: (N, 1, H, W), one digit each.
        labels: (N,) int64 in 0..9.
        count: rows to make.
        seed: decides the draw, not negative.

    Returns:
        (count, 3, H, W) images of the same dtype, and (count,) int64 labels ``100 a + 10 b + c``
        with a, b and c the digits of the first, second and third channel.

    Raises:
        ValueError: if there are no such digits.

    Example:
        >>> digits = torch.arange(10).view(10, 1, 1, 1)
        >>> images, labels = stack_digits(digits, torch.arange(10), 4, seed=0)
        >>> images.shape, [int("".join(map(str, row.flatten().tolist()))) for row in images] == (
        ...     labels.tolist()
        ... )
        (torch.Size([4, 3, 1, 1]), True)
    """
    if images.dim() != 4 or images.shape[1] != 1 or not len(images) == len(labels) > 0:
        raise ValueError(
            "digits must be (N, 1, H, W) with N labels and N of 1 or more, got "
            f"{tuple(images.shape)} with {len(labels)} labels"
        )
    if not 0 <= int(labels.min()) <= int(labels.max()) <= 9:
        raise ValueError(
            f"labels must be digits from 0 to 9, got {int(labels.min())} to {int(labels.max())}"
        )
    chosen = torch.randint(len(images), (count, 3), generator=derive(seed, "stacked-mnist"))
    return images[:, 0][chosen], labels[chosen] @ torch.tensor([100, 10, 1])
