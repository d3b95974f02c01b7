"""The command for tables of the paper and studies of recipes: sweep."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from .console import errors, output, print_line, print_table, write_values
from .exits import UnfinishedError
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
    SkipNonFinite,
    Split,
    Stream,
    TestSplit,
    parse_seeds,
    parse_whole_numbers,
    show_notes,
    source_options,
    source_words,
)
from .progress import show_progress

if TYPE_CHECKING:
    from ..sweeps.sweep import Sweep
    from ..sweeps.workers import Workers


def sweep(
    table: Annotated[
        str,
        typer.Argument(
            help="mnist-table, svhn-table or cifar10-table for errors with few labels; ablations "
            "for one technique changed at a time; collapse for techniques against mode collapse."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="As for train; of collapse, some of ring,grid,stacked-mnist, by default all; of "
            "ablations, some of zalando-datasets/fashion_mnist,ylecun/mnist,uoft-cs/cifar10, by "
            "default the first. Default: the paper's data."
        ),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="As for train. Default: the table's.")] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Label counts with commas between them. Default: the paper's."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="How many, 10 are 0 to 9; or which, such as 0-9,42. Default: 10; of ablations 3; "
            "of collapse 5, on stacked-mnist 2."
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="Run each ablation on the same labels and seeds as well: as for train, and once "
            "for each ablation."
        ),
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Fit the baselines of train beside each run.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(help="Runs at a time. Default: one for each core, on a GPU one."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Length of each run. Default: the recipe's.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder. Default: runs/TABLE.")] = None,
    device: Device = "auto",
    precision: Precision = "float32",
    cluster: Annotated[
        str | None,
        typer.Option(
            help="local for a Dask cluster of this machine, a Dask scheduler's address such as "
            "tcp://host:8786, or ray or its address. Workers must see the same folders."
        ),
    ] = None,
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
    threads: Annotated[
        int, typer.Option(min=0, help="Of each run; 0 shares the cores out, on a cluster 1.")
    ] = 0,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Reproduce a table of the paper, every row with several seeds, the paper's figures beside.

    Each run is a process and a folder of its own. Finished runs are not run again: the same command
    goes on after any stop, with more seeds or label counts as well. Exit codes are those of train;
    1 if runs failed.
    """
    from ..core.devices import choose_device
    from ..core.files import read_json
    from ..data import Streaming, load
    from ..recipes import find_recipe
    from ..runs.code import ALLOW
    from ..runs.settings import Settings
    from ..sweeps.paper_tables import TABLES
    from ..sweeps.studies import STUDIES, require_table
    from ..sweeps.sweep import label_sweep, run_sweep, study_sweep

    require_table(table)
    refuse_launcher()
    place = choose_device(device)
    workers = choose_workers(jobs, threads, cluster, place)
    folder = out or Path("runs") / table
    numbers = parse_seeds(seeds) if seeds is not None else None
    if table in STUDIES:
        given = {"--recipe": recipe, "--labels": labels, "--without": ",".join(without or ())}
        refuse_options(table, {**given, "--baselines": "here" * baselines})
        study = STUDIES[table]
        plan = study_sweep(
            study,
            data=study.default_data if data is None else data.split(","),
            seeds=numbers,
            steps=steps,
            device=place,
            precision=precision,
            folder=folder,
        )
    else:
        paper = TABLES[table]
        chosen = find_recipe(recipe or paper.recipe)
        shared = Settings(
            recipe=recipe or paper.recipe,
            data=paper.data if data is None else data,
            labels=0,
            seed=0,
            steps=chosen.steps if steps is None else steps,
            device=place,
            precision=precision,
        )
        counts = paper.labels if labels is None else parse_whole_numbers("labels", labels)
        plan = label_sweep(
            table,
            shared,
            labels=counts,
            seeds=range(10) if numbers is None else numbers,
            folder=folder,
            without=without or (),
            baselines=baselines,
        )
    more = ["--workers", str(decoders), "--skip-non-finite", str(skip_non_finite)]
    more += ["--roll-back", str(roll_back)]
    switches = {"--stream": stream, "--allow-bad": allow_bad, ALLOW: allow_changed_code}
    more += [name for name, on in switches.items() if on]
    options = source_options(follow_links, image_column, split, label_column, test_split)
    plan = replace(plan, more=(*more, *source_words(options)))
    sides = {run.data: find_recipe(run.recipe).side for run in plan.runs}
    streaming = Streaming(decoders) if stream else None
    with errors.status(escape(f"reading {', '.join(sides)}")):
        datasets = {
            source: load(source, side, allow_bad=allow_bad, streaming=streaming, options=options)
            for source, side in sides.items()
        }
    for dataset in datasets.values():
        show_notes(dataset.notes)
    show_progress(
        run_sweep(plan, datasets, workers, allow_changed_code=allow_changed_code, words=sys.argv)
    )
    try:
        show_sweep(plan)
    finally:
        write_values(json, read_json(plan.folder / "table.json"))


def choose_workers(jobs: int | None, threads: int, cluster: str | None, device: str) -> "Workers":
    """Choose the number of runs at a time and of threads for each, where the user has not."""
    from ..sweeps.workers import Workers

    cores = os.cpu_count() or 1
    away = cluster not in (None, "local")
    if jobs is not None and away:
        raise ValueError(f"jobs is up to the cluster at {cluster}, got --jobs {jobs}")
    if jobs is None:
        jobs = cores if device == "cpu" else 1
    share = 1 if away else max(1, cores // max(1, jobs))
    gpus = int(device == "cuda")
    return Workers(jobs=jobs, threads=threads or share, gpus=gpus, cluster=cluster)


def show_sweep(plan: "Sweep") -> None:
    """Print the table of a sweep, and refuse to call it done where runs are missing."""
    table = plan.make_table(plan.folder)
    used = [n for n in range(len(table.head)) if any(row[n] != "-" for row in table.rows)]
    print_line(table.title)
    print_table([table.head[n] for n in used], [[row[n] for n in used] for row in table.rows])
    output.print(table.note, highlight=False, markup=False)
    file = plan.folder / "table.md"
    print_line(f"table: {file}")
    print_line(f"page: {plan.folder / 'table.html'}")
    if missing := plan.unfinished():
        raise UnfinishedError(
            f"{len(missing)} of {len(plan.runs)} runs failed; the same command tries them again"
        )


def refuse_options(table: str, options: Mapping[str, str | None]) -> None:
    """Refuse options that a table has no use for."""
    for name, value in options.items():
        if value:
            raise ValueError(f"{table} runs recipes of its own, so {name} {value} has no effect")


def refuse_launcher() -> None:
    """Refuse to be one of several processes that train as one."""
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise ValueError("a sweep is one process: start it without torchrun, see --cluster")
