"""The time of virtual batch normalisation against that of plain batch normalisation.

``python -m bench.virtual_batch_norm`` times, on one thread, one layer and one step of the generator
of small images, forward and backward, with 100 live rows and 16 reference rows. The reference rows
travel with the live ones, so a ratio of 1.16 is the floor. Both are timed in seconds of the process
in the same run. Prints milliseconds and the ratio.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.step import median_seconds
from convergan.layers import BatchStatisticsNorm, VirtualBatchNorm
from convergan.networks import ConvolutionalGenerator, virtual_small_images_generator

LIVE, REFERENCE = 100, 16
SHAPES = ((256, 8, 8), (128, 16, 16), (8192,))
"""Of a row in each layer that the generator of small images normalises."""
IMAGE_SHAPE = (3, 32, 32)


def descend(network: nn.Module, inputs: Tensor) -> Callable[[], object]:
    """Forward, and backward to the weights and to the inputs that want it."""
    wanted = [*network.parameters(), *([inputs] if inputs.requires_grad else [])]
    upstream = torch.randn_like(network(inputs))
    return lambda: torch.autograd.grad(network(inputs), wanted, upstream)


def compare(name: str, plain: Callable[[], object], virtual: Callable[[], object]) -> None:
    first, second = (median_seconds(call, repeats=6) * 1e3 for call in (plain, virtual))
    print(
        f"{name:22} plain {first:8.2f} ms  virtual {second:8.2f} ms  ratio {second / first:5.2f}",
        flush=True,
    )


def main() -> None:
    torch.set_num_threads(1)
    chance = torch.Generator().manual_seed(0)
    for shape in SHAPES:
        live = torch.randn(LIVE, *shape, requires_grad=True)
        rows = torch.randn(REFERENCE + LIVE, *shape, requires_grad=True)
        norm = VirtualBatchNorm(shape[0], num_reference=REFERENCE, chance=chance)
        plain = descend(BatchStatisticsNorm(shape[0]), live)
        compare(f"layer {shape}", plain, descend(norm, rows))
    latent = torch.rand(LIVE, 100)
    released = ConvolutionalGenerator(IMAGE_SHAPE, chance)
    ours = virtual_small_images_generator(IMAGE_SHAPE, chance, num_reference=REFERENCE)
    compare("generator of 32x32", descend(released, latent), descend(ours, latent))


if __name__ == "__main__":
    main()
