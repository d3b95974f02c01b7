"""The time of one training step against its floor.

The floor is the FLOPs of the step's matrix products, counted, over the rate of the largest product
of the paper's step, measured in the same run on one thread. Both are timed in seconds of the
process, so that other work on the machine disturbs little. Prints milliseconds, FLOPs, the ratio.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from convergan.core.progress import Progress
from convergan.data import Batches, Dataset, Rows
from convergan.recipes import RECIPES, Recipe
from convergan.training import State, train

CPU = torch.device("cpu")
IMAGES = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "mnist-2016": (1, 28, 28),
    "mnist-pixels": (1, 28, 28),
    "mnist-graph": (1, 28, 28),
}
REPEATS = 60


def median_seconds(
    call: Callable[[], object], repeats: int = REPEATS, device: torch.device = CPU
) -> float:
    """The median time of a call: of the clock on a GPU, of this process on the CPU."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    for _ in range(repeats // 6):
        call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    times = []
    for _ in range(repeats):
        started = clock()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - started)
    return sorted(times)[repeats // 2]


FIRST_LAYER = (300, 784, 1000)
"""Rows, inputs and outputs of the MNIST discriminator's first layer, its step's largest product."""


def matrix_rate(
    device: torch.device = CPU,
    sizes: tuple[int, int, int] = FIRST_LAYER,
    dtype: torch.dtype = torch.float32,
) -> float:
    """FLOP/s of a product of a (rows, inputs) matrix with one of (inputs, outputs)."""
    rows, inputs, outputs = sizes
    a = torch.randn(rows, inputs, device=device, dtype=dtype)
    b = torch.randn(inputs, outputs, device=device, dtype=dtype)
    return 2 * rows * inputs * outputs / median_seconds(lambda: a @ b, device=device)


def products(state: State) -> tuple[int, int, int]:
    """Multiply-adds per row: discriminator, its first layer, generator."""
    judge = [p for n, p in state.discriminator.network.named_parameters() if p.dim() == 2]
    sizes = [p.numel() for p in judge if p.shape[1] > 1]
    maker = [p for n, p in state.generator.network.named_parameters() if p.dim() == 2]
    return sum(sizes), max(sizes), sum(p.numel() for p in maker if p.shape[1] > 1)


def step_flops(state: State, batch: int) -> int:
    """FLOPs of the matrix products that the plain semi-supervised step cannot do without.

    Discriminator step: fakes, 3 batches forward, backward to weights and, above the first layer, to
    inputs. Generator step: fakes, 2 batches judged, backward through the discriminator to the fakes
    and through the generator to its weights and, above the first layer, inputs.
    """
    judge, first, maker = products(state)
    discriminator_step = maker + 3 * (judge + judge + (judge - first))
    generator_step = maker + 2 * judge + judge + 2 * maker
    return 2 * batch * (discriminator_step + generator_step)


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts as torch's FlopCounterMode, whose module hooks forbid `torch.autograd.grad`."""

    total = 0

    def __torch_dispatch__(  # noqa: D105
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func.overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result


def count_flops(call: Callable[[], object]) -> int:
    with FlopCounter() as counter:  # type: ignore[no-untyped-call]
        call()
    return int(counter.total)


def prepare(
    recipe: Recipe,
    image_shape: tuple[int, ...],
    device: torch.device = CPU,
    autocast: torch.dtype | None = None,
) -> tuple[State, Iterator[Progress]]:
    """Stand in the middle of training on random images, when every teacher is at work."""
    images = torch.randint(0, 256, (6000, *image_shape), dtype=torch.uint8)
    drawn = Rows(images, torch.arange(6000) % 10)
    dataset = Dataset("random", tuple("0123456789"), drawn, Rows(images[:0], drawn.labels[:0]))
    rows = recipe.as_players_see(dataset).train.images
    state = recipe.start(rows, 10, seed=0, device=device)
    state.step = 5000
    batches = Batches(
        rows,
        torch.arange(100),
        drawn.labels[:100],
        batch_size=recipe.batch_size,
        seed=0,
        device=device,
        spread=torch.full((len(rows), 10), 0.1),
    )
    return state, train(
        state,
        recipe.step,
        batches,
        steps=10**6,
        schedule=recipe.schedule,
        seed=0,
        device=device,
        autocast=autocast,
    )


def measure(name: str, rate: float) -> None:
    _, steps = prepare(RECIPES[name](), IMAGES[name])
    seconds = median_seconds(lambda: next(steps))
    flops = count_flops(lambda: next(steps))
    print(
        f"{name:12} {seconds * 1e3:8.2f} ms/step  {flops / 1e9:6.2f} GFLOP  "
        f"floor {flops / rate * 1e3:6.2f} ms  ratio {seconds * rate / flops:5.2f}",
        flush=True,
    )


def main() -> None:
    torch.set_num_threads(1)
    rate = matrix_rate()
    print(f"matrix product: {rate / 1e9:.0f} GFLOP/s on one thread")
    for name in IMAGES:
        measure(name, rate)


if __name__ == "__main__":
    main()
