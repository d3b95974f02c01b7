"""The time of one training step against its floor.

The floor is the FLOPs of the step's matrix products over the rate of a matrix product of the same
shape, measured in the same run on one thread. Prints milliseconds, FLOPs and the ratio.
"""

import time
from collections.abc import Callable

import torch

from convergan.data import Batches
from convergan.recipes import RECIPES
from convergan.training import State, train

CPU = torch.device("cpu")
IMAGES = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "mnist-2016": (1, 28, 28),
    "mnist-fast": (1, 28, 28),
}
REPEATS = 60


def median_seconds(call: Callable[[], object], repeats: int = REPEATS) -> float:
    for _ in range(repeats // 6):
        call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return sorted(times)[repeats // 2]


def matrix_rate() -> float:
    """FLOP/s of the discriminator's first layer, the largest product of a step."""
    a, b = torch.randn(300, 784), torch.randn(784, 1000)
    return 2 * 300 * 784 * 1000 / median_seconds(lambda: a @ b)


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


def measure(name: str, rate: float) -> None:
    recipe = RECIPES[name]()
    rows = torch.randint(0, 256, (6000, *IMAGES[name]), dtype=torch.uint8)
    labels = torch.arange(100) % 10
    state = recipe.start(rows, 10, seed=0, device=CPU)
    batches = Batches(
        rows,
        torch.arange(100),
        labels,
        batch_size=recipe.batch_size,
        seed=0,
        device=CPU,
        spread=torch.full((len(rows), 10), 0.1),
    )
    steps = train(
        state, recipe.step, batches, steps=10**6, schedule=recipe.schedule, seed=0, device=CPU
    )
    seconds = median_seconds(lambda: next(steps))
    flops = step_flops(state, recipe.batch_size)
    print(
        f"{name:11} {seconds * 1e3:8.2f} ms/step  {flops / 1e9:6.2f} GFLOP  "
        f"floor {flops / rate * 1e3:6.2f} ms  ratio {seconds * rate / flops:5.2f}"
    )


def main() -> None:
    torch.set_num_threads(1)
    rate = matrix_rate()
    print(f"matrix product: {rate / 1e9:.0f} GFLOP/s on one thread")
    for name in IMAGES:
        measure(name, rate)


if __name__ == "__main__":
    main()
