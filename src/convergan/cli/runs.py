"""The commands for runs: train, sample, report, and the recipes that there are."""

import sys
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from .console import errors, print_line, print_table, write_values
from .exits import run_in_every_process
from .options import (
    AllowBad,
    AllowChangedCode,
    Decoders,
    Device,
    FollowLinks,
    ImageColumn,
    JsonFile,
    LabelColumn,
    Precision,
    Quiet,
    RollBack,
    Run,
    SkipNonFinite,
    Split,
    Stream,
    TestSplit,
    Threads,
    parse_whole_numbers,
    prepare,
    show_notes,
    source_options,
)
from .progress import show_progress

if TYPE_CHECKING:
    from ..runs.baselines import Baseline


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A name that convergan recipes lists, such as digits, mnist-graph or "
            "cifar10-minibatch; or my_file.py:my_function for a function of yours that returns a "
            "convergan.recipes.Recipe."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="Name on the Hugging Face hub, or name:config, folder of Parquet files in the "
            "hub's layout, folder with labeled/<class>/* and unlabeled/*, folder with labels.csv, "
            "folder of images with or without a folder for each class, .npz file, digits, ring, "
            "grid or stacked-mnist. Default: the recipe's."
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
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="Leave parts of the recipe out, with commas between them, to see what they are "
            "worth: game (nothing is learned from generated rows), graph (no label spreading), "
            "consistency (no teacher). The option again leaves more out. The same as naming the "
            "recipe RECIPE-without-game."
        ),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NUMBER=VALUE",
            help="Set a number of the recipe, such as batch_size=50 or "
            "discriminator_optimizer.lr=0.001; convergan recipes RECIPE lists them. The option "
            "again for more. The same as naming the recipe 'RECIPE[batch_size=50]'.",
        ),
    ] = None,
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
    allow_changed_code: AllowChangedCode = False,
    threads: Threads = 0,
    log: Annotated[
        list[str] | None,
        typer.Option(
            help="Also log figures and samples to tensorboard (RUN/tensorboard), wandb or trackio; "
            "may be given several times."
        ),
    ] = None,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Train a recipe; run the same command again to go on after a stop.

    Ctrl-C and SIGTERM write a checkpoint at the next step and exit with 130 and 143; SIGUSR1 writes
    one and goes on. Exit codes: 2 wrong arguments, 65 refused data or checkpoint, 70 a loss that is
    not finite, 74 storage, 75 a lost process of several.

    The same training in several processes: torchrun --nproc-per-node 2 -m convergan train ...
    """
    from ..collective import Ranks, join
    from ..core.devices import choose_device
    from ..core.environment import note_environment
    from ..data import Streaming, load
    from ..recipes import find_recipe, name_with_numbers, name_without
    from ..runs.reading import table, values
    from ..runs.report import write_report
    from ..runs.run import run
    from ..runs.settings import Settings, default_labels
    from ..runs.tracking import key_of
    from ..training.loggers import LaterLogger, require_logger

    for logger in log or ():
        require_logger(logger)
    place = choose_device(device)
    prepare(threads, place)
    options = source_options(follow_links, image_column, split, label_column, test_split)
    recipe = name_without(name_with_numbers(recipe, given or ()), *(without or ()))

    def work(ranks: Ranks) -> None:
        chosen = find_recipe(recipe)
        source = chosen.data if data is None else data
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
        finished = [folder / part for part in ("result.json", "twin/result.json", "baselines.json")]
        before = [file.exists() for file in finished]
        loggers = [LaterLogger(name, folder, key_of) for name in dict.fromkeys(log or ())]
        events = run(
            chosen,
            dataset,
            settings,
            folder,
            baselines=baselines,
            keep=keep,
            skip=skip_non_finite,
            roll_back=roll_back,
            allow_changed_code=allow_changed_code,
            ranks=ranks,
            callbacks=loggers,
        )
        if not ranks.leads:
            for _ in events:
                pass
            return
        with ExitStack() as opened:
            for logger in loggers:
                opened.enter_context(closing(logger))
            show_progress(events)
        if [file.exists() for file in finished] != before:
            note_environment(folder, sys.argv)
        show_errors(table(folder))
        report_file = write_report(folder)
        print_line(f"report: {report_file}")
        write_values(json, values(folder))

    run_in_every_process(work, join(place))


def sample(
    run: Run,
    count: Annotated[int, typer.Option(min=1, help="How many rows to draw.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds, other samples.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help=".png for a grid, .npz for an array. Default: RUN/samples.png"),
    ] = None,
    allow_changed_code: AllowChangedCode = False,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Draw samples from a trained generator."""
    from ..runs.reading import draw_run_samples, note_of_code

    file = draw_run_samples(
        run, count, seed, out or run / "samples.png", allow_changed_code=allow_changed_code
    )
    show_notes(notes := note_of_code(run))
    print_line(str(file))
    write_values(json, {"file": str(file), "count": count, "seed": seed, "notes": list(notes)})


def probe(
    run: Run,
    batch_sizes: Annotated[
        str | None,
        typer.Option(
            help="Train anew with batches of these sizes, with commas between them, and as many "
            "rows in all; below RUN/probe/."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides clones and subspaces.")] = 0,
    allow_changed_code: AllowChangedCode = False,
    threads: Threads = 0,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Ask which moments a classifier uses, and how sharp its minimum is; into the report.

    Errors on Gaussian clones of the test rows at every checkpoint that is kept (train with --keep
    1000 for a curve), for the GAN and for its supervised twin, and the sharpness of both.
    """
    from ..core.environment import note_environment
    from ..core.files import read_json
    from ..data import load
    from ..runs.probe import FILE
    from ..runs.probe import probe as probe_run
    from ..runs.reading import note_of_code, what_ran
    from ..runs.report import write_report

    sizes = () if batch_sizes is None else parse_whole_numbers("batch sizes", batch_sizes)
    prepare(threads, "cpu")
    settings, recipe = what_ran(run, allow_changed_code=allow_changed_code)
    show_notes(note_of_code(run))
    with errors.status(escape(f"reading {settings.data}")):
        dataset = load(settings.data, recipe.side)
    probed = probe_run(
        run, dataset, batch_sizes=sizes, seed=seed, allow_changed_code=allow_changed_code
    )
    show_progress(probed)
    note_environment(run, sys.argv)
    print_line(f"report: {write_report(run)}")
    write_values(json, read_json(run / FILE))


def recipes(
    recipe: Annotated[
        str | None, typer.Argument(help="List the numbers of this one, for train --set.")
    ] = None,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """List the recipes that train and sweep know, or the numbers of one."""
    from ..recipes import RECIPES, find_recipe, numbers

    if recipe is not None:
        listed = numbers(find_recipe(recipe))
        for name, number in listed.items():
            print_line(f"{name}={number}")
        write_values(json, listed)
        return

    known = {name: make() for name, make in sorted(RECIPES.items())}
    for name, made in known.items():
        labels = f"{made.labels:,} labels" if made.labels else "no labels"
        print_line(name)
        print_line(f"    {made.summary}")
        print_line(f"    {made.data}, {labels}, {made.steps:,} steps")
    fields = ("summary", "data", "labels", "steps")
    values = {name: {f: getattr(made, f) for f in fields} for name, made in known.items()}
    write_values(json, values)


def report(run: Run, quiet: Quiet = False, json: JsonFile = None) -> None:
    """Write report.html: curves, samples, confusion matrix and table in one file."""
    from ..runs.reading import table, values
    from ..runs.report import write_report

    file = write_report(run)
    show_errors(table(run))
    print_line(f"report: {file}")
    write_values(json, values(run))


def show_errors(rows: "list[Baseline]") -> None:
    """Print every method's test error, where there are any."""
    from ..runs.baselines import COLUMNS

    if all(row.test_error is None for row in rows):
        return
    print_table(COLUMNS, [row.texts() for row in rows])
