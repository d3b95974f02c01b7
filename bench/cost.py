"""What the full schedules cost: FLOPs counted, the step measured, hours inferred.

``python -m bench.cost`` counts the FLOPs of the convolutions and matrix products of one step,
forward and backward, times the step on a GPU if there is one, else on one thread of the CPU, in
seconds of that thread, and multiplies by the length of the schedule and by the runs of the paper's
table. Hours on a GPU are an assumption, ``--gpu-tflops``, until measured on yours. Evaluations and
checkpoints come on top.
"""

import argparse
import os
from typing import NamedTuple

import torch

from bench.step import count_flops, matrix_rate, median_seconds, prepare, step_flops
from convergan.recipes import find_recipe


class Experiment(NamedTuple):
    """A recipe, the shape of its images, and the runs of its table, or 1 where there is none."""

    recipe: str
    image_shape: tuple[int, ...]
    runs: int


EXPERIMENTS = (
    Experiment("mnist", (1, 28, 28), 40),
    Experiment("svhn", (3, 32, 32), 30),
    Experiment("cifar10", (3, 32, 32), 40),
    Experiment("mnist-minibatch", (1, 28, 28), 1),
    Experiment("svhn-minibatch", (3, 32, 32), 1),
    Experiment("cifar10-minibatch", (3, 32, 32), 1),
    Experiment("cifar10-ablation-ours", (3, 32, 32), 18),
    Experiment("cifar10-r3gan", (3, 32, 32), 1),
    Experiment("cifar10-ggdr", (3, 32, 32), 1),
    Experiment("imagenet", (3, 128, 128), 1),
)


def report(
    experiment: Experiment, device: torch.device, repeats: int, gpu_tflops: float, rate: float
) -> tuple[str, ...]:
    recipe = find_recipe(experiment.recipe)
    state, steps = prepare(recipe, experiment.image_shape, device)
    flops = count_flops(lambda: next(steps))
    seconds = median_seconds(lambda: next(steps), repeats, device)
    by_hand = step_flops(state, recipe.batch_size) if experiment.recipe == "mnist" else None
    here = seconds * recipe.steps / 3600
    on_gpu = flops * recipe.steps / (gpu_tflops * 1e12) / 3600
    return (
        experiment.recipe,
        f"{flops / 1e9:.2f}",
        "-" if by_hand is None else f"{by_hand / 1e9:.2f}",
        f"{seconds:.3f}",
        f"{flops / seconds / 1e9:.0f}",
        f"{seconds * rate / flops:.2f}",
        f"{recipe.steps:,}",
        f"{here:,.0f}",
        f"{on_gpu:.2f}",
        f"{experiment.runs}",
        f"{here * experiment.runs:,.0f}",
        f"{on_gpu * experiment.runs:,.0f}",
    )


HEADINGS = (
    *("recipe", "GFLOP/step", "by hand", "s/step", "GFLOP/s", "over floor", "steps"),
    *("h a run", "GPU-h a run", "runs", "h a table", "GPU-h a table"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="timed steps; the median counts")
    parser.add_argument("--recipes", nargs="*", default=[e.recipe for e in EXPERIMENTS])
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
    rate = matrix_rate(device)
    print(f"floor: the FLOPs at {rate / 1e9:.0f} GFLOP/s, measured on one large matrix product")
    widths = [max(len(heading), 9) for heading in HEADINGS]
    print("  ".join(f"{h:>{w}}" for h, w in zip(HEADINGS, widths, strict=True)))
    for experiment in EXPERIMENTS:
        if experiment.recipe not in arguments.recipes:
            continue
        cells = report(experiment, device, arguments.repeats, arguments.gpu_tflops, rate)
        print("  ".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)), flush=True)


if __name__ == "__main__":
    main()
