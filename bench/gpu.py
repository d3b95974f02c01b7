"""What a machine with a GPU can check that one without cannot, in one table.

``python -m bench.gpu --minutes 10`` runs

* tests: those marked ``gpu``;
* golden: the recorded numbers of the released scripts, replayed there;
* recipes: one step of every narrow recipe in float64 beside the CPU's, on the same draws;
* speed: a step of the paper's recipes against its floor, its FLOPs over the rate of a large matrix
  product in the same precision;
* training: one recipe for the minutes that are left, its error against seconds;

and writes ``gpu.json``. What fails is shown and stops nothing else; what the minutes do not reach
is named. ``--device cpu`` does what needs no GPU. The exit status is 1 if anything failed, 2 if
there is no such device.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bench.devices import step_apart
from bench.golden import LARGEST, Golden, replay, worst
from bench.small import SHAPES, small
from bench.step import count_flops, matrix_rate, median_seconds, prepare
from convergan.core.files import write_json
from convergan.core.progress import Progress
from convergan.data import Batches, DataError, Dataset, draw_labeled_subset, load
from convergan.recipes import RECIPES, Recipe, find_recipe
from convergan.training import State, evaluate, train

ROOT = Path(__file__).parents[1]
PAPER = (
    *("mnist", "mnist-2016", "svhn", "cifar10", "cifar10-2016"),
    *("svhn-minibatch", "cifar10-minibatch", "imagenet"),
)
"""Recipes whose steps are timed."""
APART = 1e-8
"""Difference between two devices in float64 that the order of sums may explain."""
EVALUATIONS = 10


class LeftOut(Exception):
    """Why something is not done here."""


class Result(NamedTuple):
    """What was measured: for the table, for the file, and whether it is as it should be."""

    shown: str
    figures: dict[str, Any]
    right: bool = True


class Row(NamedTuple):
    """A line of the table; its state is one of `STATES`."""

    section: str
    name: str
    state: str
    shown: str
    figures: dict[str, Any]


STATES = ("right", "failed", "left out", "out of time")


@dataclass(frozen=True)
class Plan:
    """What was asked for.

    Attributes:
        device: that is measured.
        recipes: whose steps are compared and timed.
        trained: the recipe that is trained.
        repeats: timed steps, whose median counts.
        ends: when the minutes are over, on the clock of `time.monotonic`.
    """

    device: torch.device
    recipes: tuple[str, ...]
    trained: str
    repeats: int
    ends: float

    def left(self) -> float:
        return self.ends - time.monotonic()


class Item(NamedTuple):
    section: str
    name: str
    measure: Callable[[Plan], Result]


# --- sections ---


def run_tests(plan: Plan) -> Result:
    if plan.device.type != "cuda":
        raise LeftOut("needs a GPU")
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "tests"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=plan.left())
    told = (done.stdout.strip() or done.stderr.strip() or "nothing said").splitlines()
    return Result(told[-1], {"output": told[-20:]}, done.returncode == 0)


def replay_file(path: Path, plan: Plan) -> Result:
    figures = replay(Golden(path, plan.device))
    most, limit = worst(figures.values()), LARGEST if plan.device.type == "cpu" else APART
    return Result(f"apart {most:.1e} of {limit:.0e}", dict(figures), most <= limit)


def compare_step(name: str, plan: Plan) -> Result:
    recipe, dataset = small(find_recipe(name))
    figure = step_apart(recipe, recipe.as_players_see(dataset), plan.device)
    return Result(f"apart {figure:.1e} of {APART:.0e}", {"apart": figure}, figure <= APART)


class Precision(NamedTuple):
    """How products are computed: the dtype of autocast, and torch's name for float32's inside."""

    autocast: torch.dtype | None
    inside: str


PRECISIONS = {
    "float32": Precision(None, "ieee"),
    "TF32": Precision(None, "tf32"),
    "bfloat16": Precision(torch.bfloat16, "ieee"),
}


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Set how a GPU multiplies float32, and set it back."""
    places = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # type: ignore[attr-defined]
    before = [place.fp32_precision for place in places]
    try:
        for place in places:
            place.fp32_precision = precision.inside
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.fp32_precision = value


def time_step(name: str, precision: str, plan: Plan) -> Result:
    recipe, wanted = find_recipe(name), PRECISIONS[precision]
    with computing_in(wanted):
        rate = product_rate(plan.device, wanted)
        _, steps = prepare(recipe, SHAPES[recipe.data], plan.device, wanted.autocast)
        flops = count_flops(lambda: next(steps))
        seconds = median_seconds(lambda: next(steps), plan.repeats, plan.device)
    floor = flops / rate
    shown = (
        f"{seconds * 1e3:9.2f} ms  floor {floor * 1e3:8.2f} ms at {rate / 1e12:7.2f} TFLOP/s  "
        f"ratio {seconds / floor:6.2f}"
    )
    return Result(shown, {"seconds": seconds, "flops": flops, "rate": rate, "floor": floor})


@cache
def product_rate(device: torch.device, precision: Precision) -> float:
    """FLOP/s of a product that is large for the device, inside of `computing_in`."""
    side = 8192 if device.type == "cuda" else 512
    return matrix_rate(device, (side, side, side), precision.autocast or torch.float32)


def train_on(name: str, plan: Plan) -> Result:
    recipe = find_recipe(name)
    try:
        pictures = load(recipe.data)
    except DataError as error:
        raise LeftOut(f"{recipe.data} cannot be had here: {error}") from error
    dataset = recipe.as_players_see(pictures)
    state, taken = begin(recipe, dataset, pictures.train.images[:], plan)
    curve = errors_over_time(taken, lambda: error_of(state, recipe, dataset, plan), plan)
    seconds, share = curve[-1]
    shown = f"error {share:.4f} after {seconds:.0f} s, {state.step} of {recipe.steps} steps"
    return Result(shown, {"curve": curve, "steps": state.step})


def begin(
    recipe: Recipe, dataset: Dataset, pictures: Tensor, plan: Plan
) -> tuple[State, Iterator[Progress]]:
    """Stand before the first step, with the recipe's own number of labels."""
    images, classes = dataset.train.images, len(dataset.classes)
    rows, labels = draw_labeled_subset(dataset.train.labels, recipe.labels, dataset.classes, seed=0)
    spread = None
    if recipe.neighbors is not None:
        spread = recipe.label_spreading(recipe.neighbors(pictures), rows, labels, classes)
    state = recipe.start(images, classes, seed=0, device=plan.device)
    size, device = recipe.batch_size, plan.device
    batches = Batches(images, rows, labels, batch_size=size, seed=0, device=device, spread=spread)
    steps, schedule = recipe.steps, recipe.schedule
    return state, train(
        state, recipe.step, batches, steps=steps, schedule=schedule, seed=0, device=device
    )


def errors_over_time(
    taken: Iterable[Progress], error: Callable[[], float], plan: Plan
) -> list[tuple[float, float]]:
    """Take steps until the minutes are over; (seconds, error) ten times on the way."""
    started, whole = time.monotonic(), plan.left()
    curve: list[tuple[float, float]] = []
    for _ in taken:
        if time.monotonic() - started >= whole * (len(curve) + 1) / EVALUATIONS:
            curve.append((time.monotonic() - started, error()))
        if plan.left() <= 0:
            break
    return [*curve, (time.monotonic() - started, error())]


def error_of(state: State, recipe: Recipe, dataset: Dataset, plan: Plan) -> float:
    player = state.discriminator
    return evaluate(
        player.network,
        player.averaged_parameters(),
        dataset.test,
        device=plan.device,
        batch_size=recipe.test_batch,
    ).error


def items(plan: Plan) -> Iterator[Item]:
    """All that is to be done, in order; training comes last and takes what is left."""
    yield Item("tests", "marked gpu", run_tests)
    for path in sorted((ROOT / "tests" / "golden").glob("*.npz")):
        yield Item("golden", path.stem, partial(replay_file, path))
    for name in plan.recipes:
        yield Item("recipes", name, partial(compare_step, name))
    for name in PAPER:
        for precision in PRECISIONS:
            if name in plan.recipes and (precision != "TF32" or plan.device.type == "cuda"):
                yield Item("speed", f"{name} {precision}", partial(time_step, name, precision))
    yield Item("training", plan.trained, partial(train_on, plan.trained))


# --- the table ---


def take(item: Item, plan: Plan) -> Row:
    """Measure; whatever it ends in becomes a line."""
    if plan.left() <= 0:
        return Row(item.section, item.name, "out of time", "the minutes ran out", {})
    try:
        result = item.measure(plan)
    except LeftOut as reason:
        return Row(item.section, item.name, "left out", one_line(reason), {})
    except Exception as error:  # a section that fails does not stop the others
        shown = f"{type(error).__name__}: {one_line(error)}"
        return Row(item.section, item.name, "failed", shown, {})
    state = "right" if result.right else "failed"
    return Row(item.section, item.name, state, result.shown, result.figures)


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def tell(row: Row) -> Row:
    print(f"{row.section:9} {row.name:38} {row.state:11} {row.shown}", flush=True)
    return row


def machine(device: torch.device) -> dict[str, str | None]:
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else "CPU",
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
    }


def summary(rows: Iterable[Row]) -> str:
    states = [row.state for row in rows]
    return ", ".join(f"{states.count(state)} {state}" for state in STATES)


def ask(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=positive, default=10.0)
    parser.add_argument("--out", type=Path, default=Path(), help="folder of gpu.json")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--recipes", nargs="*", choices=list(RECIPES), default=list(RECIPES))
    classifiers = [name for name in RECIPES if find_recipe(name).classifies]
    parser.add_argument("--train", choices=classifiers, default="cifar10", help="the last section")
    parser.add_argument(
        "--repeats", type=lambda text: int(positive(text)), default=30, help="timed steps"
    )
    asked = parser.parse_args(arguments)
    if asked.out.exists() and not asked.out.is_dir():
        parser.error(f"--out {asked.out} is a file; it names a folder for gpu.json")
    return asked


def positive(text: str) -> float:
    if not 0 < (value := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"must be more than 0, got {text}")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    asked = ask(arguments)
    if asked.device == "cuda" and not torch.cuda.is_available():
        print(
            "there is no CUDA device here; run this on a machine with one, and with a torch that "
            "was built for it, or with --device cpu for what needs none",
            file=sys.stderr,
        )
        return 2
    device = torch.device(asked.device)
    if device.type == "cpu":
        torch.set_num_threads(1)  # seconds of the process are counted
    ends = time.monotonic() + 60 * asked.minutes
    plan = Plan(device, tuple(asked.recipes), asked.train, asked.repeats, ends)
    here = machine(device)
    print(
        f"{here['device']}, torch {here['torch']}, CUDA {here['cuda']}, {asked.minutes:g} minutes"
    )
    rows = [tell(take(item, plan)) for item in items(plan)]
    print(summary(rows))
    asked.out.mkdir(parents=True, exist_ok=True)
    found = [row._asdict() for row in rows]
    write_json(asked.out / "gpu.json", {**here, "minutes": asked.minutes, "rows": found})
    return 1 if any(row.state == "failed" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
