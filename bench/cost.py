"""What the full schedules cost: FLOPs counted, the step measured, hours inferred.

``python -m bench.cost`` counts the FLOPs of the convolutions and matrix products of one step,
forward and backward, times the step on a GPU if there is one, else on one thread of the CPU, in
seconds of that thread, and multiplies by the length of the schedule and by the runs of the paper's
table. Hours on a GPU are an assumption, ``--gpu-tflops``, until measured on yours. Evaluations and
checkpoints come on top.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from bench.step import step_flops
from convergan.data import Batches
from convergan.recipes import find_recipe
from convergan.training import State, train
from convergan.training.loop import Record


class Experiment(NamedTuple):
    """A recipe, the shape of its images, and the runs of its table: 10 seeds for each column."""

    recipe: str
    image_shape: tuple[int, ...]
    runs: int


EXPERIMENTS = (
    Experiment("mnist", (1, 28, 28), 40),
    Experiment("svhn", (3, 32, 32), 30),
    Experiment("cifar10", (3, 32, 32), 40),
)


def prepare(experiment: Experiment, device: torch.device) -> tuple[State, Iterator[Record]]:
    """Stand before the first step, on random images."""
    recipe = find_recipe(experiment.recipe)
    rows = torch.randint(0, 256, (1000, *experiment.image_shape), dtype=torch.uint8)
    state = recipe.start(rows, 10, seed=0, device=device)
    labeled = torch.arange(recipe.batch_size)
    batches = Batches(
        rows, labeled, labeled % 10, batch_size=recipe.batch_size, seed=0, device=device
    )
    return state, train(
        state,
        recipe.step,
        batches,
        steps=recipe.steps,
        schedule=recipe.schedule,
        seed=0,
        device=device,
    )


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up what torch's own formulas give for every operator that runs.

    `torch.utils.flop_counter.FlopCounterMode` also hooks modules, which fails where gradients are
    taken with `torch.autograd.grad` through modules that are called on parameters.
    """

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run the operator and count it."""
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.total += int(formula(*args, **(kwargs or {}), out_val=out))
        return out


def count_flops(call: Callable[[], object]) -> int:
    counter = FlopCounter()
    with counter:
        call()
    return counter.total


def seconds_of(call: Callable[[], object], device: torch.device, repeats: int) -> float:
    """The median time of a call: of the clock on a GPU, of this process on the CPU."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    times = []
    for _ in range(repeats):
        started = clock()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - started)
    return sorted(times)[repeats // 2]


def report(
    experiment: Experiment, device: torch.device, repeats: int, gpu_tflops: float
) -> tuple[str, ...]:
    recipe = find_recipe(experiment.recipe)
    state, steps = prepare(experiment, device)
    flops = count_flops(lambda: next(steps))
    seconds = seconds_of(lambda: next(steps), device, repeats)
    by_hand = step_flops(state, recipe.batch_size) if experiment.recipe == "mnist" else None
    here = seconds * recipe.steps / 3600
    on_gpu = flops * recipe.steps / (gpu_tflops * 1e12) / 3600
    return (
        experiment.recipe,
        f"{flops / 1e9:.2f}",
        "-" if by_hand is None else f"{by_hand / 1e9:.2f}",
        f"{seconds:.3f}",
        f"{flops / seconds / 1e9:.0f}",
        f"{recipe.steps:,}",
        f"{here:,.0f}",
        f"{on_gpu:.2f}",
        f"{experiment.runs}",
        f"{here * experiment.runs:,.0f}",
        f"{on_gpu * experiment.runs:,.0f}",
    )


HEADINGS = (
    *("recipe", "GFLOP/step", "by hand", "s/step", "GFLOP/s", "steps"),
    *("h a run", "GPU-h a run", "runs", "h a table", "GPU-h a table"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="timed steps; the median counts")
    parser.add_argument(
        "--gpu-tflops",
        type=float,
        default=10.0,
        help="sustained float32 TFLOP/s of one GPU, an assumption to be replaced by a measurement",
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    place = torch.cuda.get_device_name() if device.type == "cuda" else "one thread of the CPU"
    print(
        f"s/step, GFLOP/s, h: measured on {place}, {os.cpu_count()} cores, load average "
        f"{os.getloadavg()[0]:.1f}; GPU-h: FLOPs at {arguments.gpu_tflops:g} TFLOP/s, assumed"
    )
    widths = [max(len(heading), 9) for heading in HEADINGS]
    print("  ".join(f"{h:>{w}}" for h, w in zip(HEADINGS, widths, strict=True)))
    for experiment in EXPERIMENTS:
        cells = report(experiment, device, arguments.repeats, arguments.gpu_tflops)
        print("  ".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)), flush=True)


if __name__ == "__main__":
    main()
