"""The commands for runs: train, sample, report, and the recipes that there are."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from .console import errors, output, print_line
from .exits import run_in_every_process
from .options import (
    AllowBad,
    Decoders,
    Device,
    FollowLinks,
    ImageColumn,
    LabelColumn,
    Precision,
    RollBack,
    Run,
    SkipNonFinite,
    Split,
    Stream,
    TestSplit,
    Threads,
    prepare,
    show_notes,
)
from .progress import show_progress

if TYPE_CHECKING:
    from ..runs.baselines import Baseline


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A name that convergan recipes lists, such as digits, mnist-fast or "
            "cifar10-minibatch; or my_file.py:my_function for a function of yours that returns a "
            "convergan.recipes.Recipe."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="Name on the Hugging Face hub, or name:config, folder of Parquet files in the "
            "hub's layout, folder with labeled/<class>/* and unlabeled/*, folder with labels.csv, "
            ".npz file, digits, ring, grid or stacked-mnist. Default: the recipe's."
        ),
    ] = None,
    labels: Annotated[
        int | None,
        typer.Option(
            help="Labelled rows over all classes, the same number for each. Default: the "
            "recipe's, or every label where most rows have none."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides labels, weights, order and noise.")] = 0,
    steps: Annotated[
        int | None,
        typer.Option(help="Length; schedules are scaled to it. Default: the recipe's."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder. Default: runs/RECIPE-LABELS-SEED."),
    ] = None,
    device: Device = "auto",
    precision: Precision = "float32",
    baselines: Annotated[
        bool, typer.Option(help="Fit the supervised twin and scikit-learn's methods as well.")
    ] = True,
    keep: Annotated[int, typer.Option(min=1, help="Checkpoints to keep.")] = 3,
    stream: Stream = False,
    decoders: Decoders = 4,
    allow_bad: AllowBad = False,
    follow_links: FollowLinks = False,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    split: Split = None,
    test_split: TestSplit = None,
    skip_non_finite: SkipNonFinite = 0,
    roll_back: RollBack = 0,
    threads: Threads = 0,
) -> None:
    """Train a recipe; run the same command again to go on after a stop.

    Ctrl-C and SIGTERM write a checkpoint at the next step and exit with 130 and 143; SIGUSR1 writes
    one and goes on. Exit codes: 2 wrong arguments, 65 refused data or checkpoint, 70 a loss that is
    not finite, 74 storage, 75 a lost process of several.

    The same training in several processes: torchrun --nproc-per-node 2 -m convergan train ...
    """
    from ..collective import Ranks, join
    from ..core.devices import choose_device
    from ..data import SourceOptions, Streaming, load
    from ..recipes import find_recipe
    from ..runs.reading import table
    from ..runs.report import write_report
    from ..runs.run import run
    from ..runs.settings import Settings, default_labels

    place = choose_device(device)
    prepare(threads, place)
    options = SourceOptions(
        follow_links=follow_links,
        image_column=image_column,
        label_column=label_column,
        split=split,
        test_split=test_split,
    )

    def work(ranks: Ranks) -> None:
        chosen = find_recipe(recipe)
        source = data or chosen.data
        with errors.status(escape(f"reading {source}")) if ranks.leads else nullcontext():
            streaming = Streaming(decoders) if stream else None
            dataset = load(
                source, chosen.side, allow_bad=allow_bad, streaming=streaming, options=options
            )
        if ranks.leads:
            show_notes(dataset.notes)
        settings = Settings(
            recipe=recipe,
            data=source,
            labels=default_labels(chosen, dataset) if labels is None else labels,
            seed=seed,
            steps=chosen.steps if steps is None else steps,
            device=place,
            precision=precision,
        )
        name = f"{Path(recipe).name.replace(':', '-')}-{settings.labels}-{seed}"
        folder = out or Path("runs") / name
        events = run(
            chosen,
            dataset,
            settings,
            folder,
            baselines=baselines,
            keep=keep,
            skip=skip_non_finite,
            roll_back=roll_back,
            ranks=ranks,
        )
        if not ranks.leads:
            for _ in events:
                pass
            return
        show_progress(events)
        show_errors(table(folder))
        report_file = write_report(folder)
        print_line(f"report: {report_file}")

    run_in_every_process(work, join(place))


def sample(
    run: Run,
    count: Annotated[int, typer.Option(min=1, help="How many rows to draw.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds, other samples.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help=".png for a grid, .npz for an array. Default: RUN/samples.png"),
    ] = None,
) -> None:
    """Draw samples from a trained generator."""
    from ..runs.reading import draw_run_samples

    file = draw_run_samples(run, count, seed, out or run / "samples.png")
    print_line(str(file))


def recipes() -> None:
    """List the recipes that train and sweep know."""
    from ..recipes import RECIPES

    shown = Table(
        Column("recipe", no_wrap=True),
        "what it is",
        "data",
        "labels",
        Column("steps", justify="right"),
    )
    for name, make in sorted(RECIPES.items()):
        recipe = make()
        count = f"{recipe.labels:,}" if recipe.labels else "-"
        shown.add_row(name, recipe.summary, recipe.data, count, f"{recipe.steps:,}")
    output.print(shown)


def report(run: Run) -> None:
    """Write report.html: curves, samples, confusion matrix and table in one file."""
    from ..runs.reading import table
    from ..runs.report import write_report

    file = write_report(run)
    show_errors(table(run))
    print_line(f"report: {file}")


def show_errors(rows: "list[Baseline]") -> None:
    """Print every method's test error, where there are any."""
    if all(row.test_error is None for row in rows):
        return
    shown = Table("method", "test error", "seconds", "note")
    for row in rows:
        error = "-" if row.test_error is None else f"{row.test_error:.2%}"
        shown.add_row(row.name, error, f"{row.seconds:.1f}", escape(row.note))
    output.print(shown)
