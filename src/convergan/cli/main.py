"""The command line: parse, call, show. Loads torch only once a command needs it."""

import itertools
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

try:
    import typer
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column, Table
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"the command line needs {missing.name}: pip install 'convergan[train]'"
    ) from None

from .console import errors, output, print_line
from .tables import fit, predict
from .turing import turing

if TYPE_CHECKING:
    from ..collective import Ranks
    from ..core.progress import Progress as RunProgress
    from ..runs.baselines import Baseline
    from ..scoring.score import Scores
    from ..sweeps.sweep import Sweep
    from ..sweeps.workers import Workers

Found = TypeVar("Found")

UNFINISHED, USAGE, REFUSED, NON_FINITE, STORAGE, LOST = 1, 2, 65, 70, 74, 75


class UnfinishedError(Exception):
    """A sweep that came to its end with runs that failed."""


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Train GANs that converge: few-label classifiers and generators, after Salimans et al. "
    "(2016).\n\nStart with: convergan train digits, or with a table of yours: convergan fit",
)
app.command()(fit)
app.command()(predict)
app.add_typer(turing, name="turing")

Run = Annotated[Path, typer.Argument(help="Folder of a run, as written by train.")]
Threads = Annotated[
    int,
    typer.Option(min=0, help="Threads on the CPU; 0 takes up to four. Small networks want 1."),
]

Stream = Annotated[
    bool,
    typer.Option(
        "--stream", help="Decode images as they are needed, for sets that do not fit in memory."
    ),
]
Decoders = Annotated[
    int, typer.Option("--workers", min=0, help="Threads that decode for --stream.")
]
AllowBad = Annotated[
    bool,
    typer.Option("--allow-bad", help="Leave out images that cannot be read; see left_out.csv."),
]
SkipNonFinite = Annotated[
    int,
    typer.Option(
        min=0,
        help="Leave out up to so many steps in a row whose loss or gradient is not finite, "
        "rather than stop.",
    ),
]
RollBack = Annotated[
    int,
    typer.Option(
        min=0,
        help="Where more are not finite, go back to the last checkpoint up to so many times, and "
        "leave out the steps since.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Precision = Annotated[str, typer.Option(help="float32, or bfloat16 for matrix products.")]


@app.command()
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
    from ..data import Streaming, load
    from ..recipes import find_recipe
    from ..runs.reading import table
    from ..runs.report import write_report
    from ..runs.run import run
    from ..runs.settings import Settings, default_labels

    place = choose_device(device)
    prepare(threads, place)

    def work(ranks: Ranks) -> None:
        chosen = find_recipe(recipe)
        source = data or chosen.data
        with errors.status(escape(f"reading {source}")) if ranks.leads else nullcontext():
            streaming = Streaming(decoders) if stream else None
            dataset = load(source, chosen.side, allow_bad=allow_bad, streaming=streaming)
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

    together(work, join(place))


@app.command()
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
        int | None,
        typer.Option(
            help="Number of seeds: 10 are 0 to 9. Default: 10; of ablations 3; of collapse 5, on "
            "stacked-mnist 2."
        ),
    ] = None,
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
    skip_non_finite: SkipNonFinite = 0,
    roll_back: RollBack = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="Of each run; 0 shares the cores out, on a cluster 1.")
    ] = 0,
) -> None:
    """Reproduce a table of the paper, every row with several seeds, the paper's figures beside.

    Each run is a process and a folder of its own. Finished runs are not run again: the same command
    goes on after any stop, with more seeds or label counts as well. Exit codes are those of train;
    1 if runs failed.
    """
    from ..core.devices import choose_device
    from ..data import Streaming, load
    from ..recipes import find_recipe
    from ..runs.settings import Settings
    from ..sweeps.paper_tables import TABLES
    from ..sweeps.studies import STUDIES, require_table
    from ..sweeps.sweep import label_sweep, parse_labels, run_sweep, study_sweep

    require_table(table)
    refuse_launcher()
    place = choose_device(device)
    workers = share_out(jobs, threads, cluster, place)
    folder = out or Path("runs") / table
    if table in STUDIES:
        refuse_beside(table, recipe=recipe, labels=labels)
        study = STUDIES[table]
        plan = study_sweep(
            study,
            data=study.default_data if data is None else data.split(","),
            seeds=seeds,
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
            data=data or paper.data,
            labels=0,
            seed=0,
            steps=chosen.steps if steps is None else steps,
            device=place,
            precision=precision,
        )
        counts = paper.labels if labels is None else parse_labels(labels)
        number = 10 if seeds is None else seeds
        plan = label_sweep(table, shared, labels=counts, seeds=number, folder=folder)
    more = ["--workers", str(decoders), "--skip-non-finite", str(skip_non_finite)]
    more += ["--roll-back", str(roll_back)]
    more += [name for name, on in (("--stream", stream), ("--allow-bad", allow_bad)) if on]
    plan = replace(plan, more=tuple(more))
    sides = {run.data: find_recipe(run.recipe).side for run in plan.runs}
    streaming = Streaming(decoders) if stream else None
    with errors.status(escape(f"reading {', '.join(sides)}")):
        datasets = {
            source: load(source, side, allow_bad=allow_bad, streaming=streaming)
            for source, side in sides.items()
        }
    show_progress(run_sweep(plan, datasets, workers))
    show_sweep(plan)


@app.command()
def scan(
    source: Annotated[
        str, typer.Argument(help="As --data of train: a folder of images, or a data set by name.")
    ],
    json: Annotated[
        Path | None, typer.Option(help="File for all that was found, every duplicate too.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Threads that decode.")] = 4,
) -> None:
    """Decode every image of a data set; list what training would refuse, and what is there twice.

    Exit codes: 65 if an image is refused; duplicates, also of test rows among training rows, are
    notes. Ctrl-C and SIGTERM write nothing and exit with 130 and 143.
    """
    from ..core.files import write_json
    from ..core.progress import Progress as RunProgress
    from ..core.signals import stopping
    from ..data.scan import Scan, Seen, as_plain, look_at, spelled
    from ..data.sources import find_encoded

    images: list[Seen] = []

    def progress() -> Iterator[RunProgress]:
        count = len(found.train.encoded) + len(found.test.encoded)
        for image in look_at(found, workers):
            images.append(image)
            yield RunProgress("images", len(images), count, {})

    if json is not None and not json.parent.is_dir():
        raise ValueError(f"--json {json}: there is no folder {json.parent}")
    with stopping("while scanning; nothing was written"):
        with errors.status(escape(f"reading {source}")):
            found = find_encoded(source)
        show_progress(progress())
    scanned = Scan(source, found.classes, images)
    for line in spelled(scanned):
        print_line(line)
    if json is not None:
        write_json(json, as_plain(scanned))
        print_line(str(json))
    scanned.require_all()


@app.command()
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


@app.command()
def recipes() -> None:
    """List the recipes that train and sweep know."""
    from ..recipes import RECIPES

    shown = Table("recipe", "what it is", "data", "labels", Column("steps", justify="right"))
    for name, make in sorted(RECIPES.items()):
        recipe = make()
        count = f"{recipe.labels:,}" if recipe.labels else "-"
        shown.add_row(name, recipe.summary, recipe.data, count, f"{recipe.steps:,}")
    output.print(shown)


@app.command()
def report(run: Run) -> None:
    """Write report.html: curves, samples, confusion matrix and table in one file."""
    from ..runs.reading import table
    from ..runs.report import write_report

    file = write_report(run)
    show_errors(table(run))
    print_line(f"report: {file}")


@app.command()
def classifier(
    data: Annotated[
        str,
        typer.Argument(
            help="As for train: 28x28 grey or 32x32 colour images in ten classes, with test rows."
        ),
    ],
    out: Annotated[Path, typer.Option(help="File of weights to write, .safetensors.")],
    seed: Annotated[int, typer.Option(help="Decides weights, order and movements.")] = 0,
    epochs: Annotated[int, typer.Option(help="How often each row is seen.")] = 20,
    threads: Threads = 0,
) -> None:
    """Train a small classifier to judge generators with; print its accuracy and its file's hash.

    The same seed and number of threads give the same file on one machine. Exit codes are those of
    train.
    """
    from ..core.files import replace_file
    from ..core.progress import Progress as RunProgress
    from ..data import load
    from ..metrics.classifier import classifier_weights, weights_sha256
    from ..metrics.train_classifier import Lesson, train_classifier

    if out.suffix != ".safetensors":
        raise ValueError(f"weights are written as .safetensors, got --out {out}")
    prepare(threads, "cpu")
    with errors.status(escape(f"reading {data}")):
        dataset = load(data)
    lessons: list[Lesson] = []

    def progress() -> Iterator[RunProgress]:
        for lesson in train_classifier(dataset, seed=seed, epochs=epochs):
            lessons[:] = [lesson]
            metrics = {"supervised_loss": lesson.loss}
            if lesson.test_accuracy is not None:
                metrics["test_error"] = 1 - lesson.test_accuracy
            yield RunProgress("classifier", lesson.step, lesson.steps, metrics)

    show_progress(progress())
    weights = classifier_weights(lessons[-1].network)
    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, weights)
    output.print(f"test accuracy: {lessons[-1].test_accuracy:.2%}", highlight=False)
    for line in (f"sha256: {weights_sha256(weights)}", f"weights: {out}"):
        print_line(line)


@app.command()
def score(
    samples: Annotated[
        str | None,
        typer.Argument(
            help="Folder of a run (samples are drawn), folder of images, .npz file with samples or "
            "images, or a data source as for train. The same as --against: one part of it against "
            "another."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Real images: a data source as for train, or a folder or file as above."),
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="Some of is,fid,kid,prdc,ndb with commas between them.")
    ] = "is,fid,kid,prdc,ndb",
    extractor: Annotated[
        str,
        typer.Option(
            help="inception, inception:FILE@SHA256, efficientnet-lite0 or efficientnet-lite0@SIDE, "
            "mnist, fashion_mnist, cifar10, my_file.py:my_function, FILE.pt2, FILE.pt, or hf:NAME."
        ),
    ] = "inception",
    samples_count: Annotated[
        int | None,
        typer.Option(
            "--samples",
            help="How many. Default: all; of a run as many as reference rows, up to 50,000.",
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(help="How many reference rows, drawn by seed. Default: all.")
    ] = None,
    side: Annotated[
        int | None,
        typer.Option(help="Side of images from folders. Default: the reference's, or as they are."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for score.json and pictures. Default: scores/NAME.")
    ] = None,
    best: Annotated[
        float | None,
        typer.Option(help="Also write this share of the samples, those with the most score."),
    ] = None,
    splits: Annotated[int, typer.Option(help="Of the inception score.")] = 10,
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Mix samples before they are split.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides draws, subsets and bins.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Images at a time.")] = 100,
    device: Device = "auto",
    threads: Threads = 0,
    verify_weights: Annotated[
        bool,
        typer.Option(
            "--verify-weights", help="Score CIFAR-10's training rows by inception: 11.24 is right."
        ),
    ] = False,
) -> None:
    """Score samples by a pretrained network, real images that were held out beside them.

    Exit codes: 2 wrong arguments, 65 refused data or weights, 74 storage, 75 a lost process.

    The same score from several processes: torchrun --nproc-per-node 2 -m convergan score ...
    """
    from ..collective import Ranks, join
    from ..core.devices import choose_device
    from ..metrics import find_extractor
    from ..scoring.files import CAUTION, write_best, write_scores
    from ..scoring.score import Plan, judge, verify
    from ..scoring.sources import open_sets

    place = choose_device(device)
    prepare(threads, place)

    def work(ranks: Ranks) -> None:
        plan = Plan(
            metrics=tuple(metrics.split(",")),
            splits=splits,
            shuffle=shuffle,
            seed=seed,
            batch_size=batch_size,
            device=place,
        )
        if verify_weights:
            known = finish(verify(plan, ranks), shown=ranks.leads)
            if known is not None:
                print_line(str(known))
            ranks.barrier()
            return
        if samples is None or against is None:
            missing = "SAMPLES" if samples is None else "--against"
            raise ValueError(f"score needs {missing}: what is scored, and --against real images")
        if best is not None and not 0 < best <= 1:
            raise ValueError(f"best must be above 0 and at most 1, got {best}")
        network = find_extractor(extractor, device=place)
        reading = errors.status(escape(f"reading {samples} and {against}"))
        with reading if ranks.leads else nullcontext():
            sets = open_sets(
                samples,
                against,
                count=samples_count,
                rows=rows,
                side=side,
                seed=seed,
                ranks=ranks,
            )
        scores = finish(judge(sets, network, plan, ranks), shown=ranks.leads)
        if scores is not None:
            folder = out or Path("scores") / Path(samples).stem
            write_scores(folder, sets, network, plan, scores, (samples, against))
            show_scores(scores)
            written = [folder / "score.json", folder / "score.html"]
            if best is not None:
                written.append(write_best(folder, sets.samples, scores, best))
                output.print(f"caution: {CAUTION}", highlight=False, markup=False)
            for file in written:
                print_line(str(file))
        ranks.barrier()  # so that all leave with the code of rank 0

    together(work, join(place))


@app.callback(invoke_without_command=True)
def top(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Answer what concerns no command."""
    if version:
        from ..core.version import __version__

        output.print(__version__, highlight=False)
        raise typer.Exit


def together(work: "Callable[[Ranks], None]", ranks: "Ranks") -> None:
    """Do the work; if it fails, tell the other processes and let rank 0 alone print why.

    Raises:
        PeerLeftError: in the process that prints, with what the error was explained by.
        SystemExit: in all processes but rank 0, with the code that rank 0 exits with. Where rank 0
            is lost, the first to notice prints.
    """
    from ..collective import PeerLeftError, PeerLostError

    try:
        work(ranks)
    except Exception as error:
        code, message = explain(error)
        first = ranks.leave(code, message)
        if ranks.leads or (first and isinstance(error, PeerLostError) and error.leader):
            raise PeerLeftError(code, message) from error
        raise SystemExit(code) from None
    ranks.finish()


def prepare(threads: int, device: str) -> None:
    """Give torch its threads, for 0 one for each core up to four, and exact repetition on a GPU.

    Of several processes on a machine, each gets its part of the cores.
    """
    import torch

    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(threads or max(1, min(4, (os.cpu_count() or 1) // beside)))
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
        torch.use_deterministic_algorithms(True)


def share_out(jobs: int | None, threads: int, cluster: str | None, device: str) -> "Workers":
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


def show_progress(events: "Iterator[RunProgress]") -> None:
    """Draw one bar per method until all are done; without a terminal, print ten lines for each."""
    columns = (
        TextColumn("{task.description:21}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=20),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TimeRemainingColumn(elapsed_when_finished=True, compact=True),
        TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=True)),
    )
    first = next(events, None)  # so that an error before the first step comes alone
    if first is None:
        return
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bars:
        tasks: dict[str, Any] = {}
        for event in itertools.chain([first], events):
            for notice in event.notices:
                bars.console.print(notice, highlight=False, markup=False, soft_wrap=True)
            if event.method not in tasks:
                tasks[event.method] = bars.add_task(event.method, total=event.steps, figures="")
            shown = figures(event.metrics)
            bars.update(tasks[event.method], completed=event.step, figures=shown)
            tenth = event.step and event.step % max(1, event.steps // 10) == 0
            if bars.disable and tenth and not event.notices:
                errors.print(
                    f"{event.method} {event.step:,}/{event.steps:,} {shown}", highlight=False
                )


def finish(events: "Generator[RunProgress, None, Found]", *, shown: bool) -> "Found":
    """Draw a bar until all is done, if it is to be shown, and return what came out."""
    results: list[Found] = []

    def watched() -> "Iterator[RunProgress]":
        results.append((yield from events))

    if shown:
        show_progress(watched())
    else:
        for _ in watched():
            pass
    return results[0]


def figures(metrics: dict[str, Any]) -> str:
    """Return the newest error, the modes found, or the losses where there are none yet."""
    if metrics.get("test_error") is not None:
        return f"error {metrics['test_error']:.2%}"
    if "found" in metrics:
        return f"{metrics['found']:.0f} modes, KL {metrics['kl']:.3f}"
    losses = [f"{n.split('_')[0]} {v:.2f}" for n, v in metrics.items() if n.endswith("_loss")]
    return " ".join(losses)


def show_errors(rows: "list[Baseline]") -> None:
    """Print every method's test error, where there are any."""
    if all(row.test_error is None for row in rows):
        return
    shown = Table("method", "test error", "seconds", "note")
    for row in rows:
        error = "-" if row.test_error is None else f"{row.test_error:.2%}"
        shown.add_row(row.name, error, f"{row.seconds:.1f}", escape(row.note))
    output.print(shown)


def show_scores(scores: "Scores") -> None:
    """Print every figure of the samples beside that of held-out rows, then the definitions."""
    from ..scoring.files import definitions, figure_rows

    shown = Table("metric", "samples", "floor: held-out real rows")
    for row in figure_rows(scores):
        shown.add_row(*row)
    output.print(shown)
    for line in definitions(scores):
        print_line(line)
    for note in scores.notes:
        print_line(f"note: {note}")


def show_sweep(plan: "Sweep") -> None:
    """Print the table of a sweep, and refuse to call it done where runs are missing."""
    table = plan.make_table(plan.folder)
    shown = Table(*table.head)
    for row in table.rows:
        shown.add_row(*row)
    print_line(table.title)
    output.print(shown)
    output.print(table.note, highlight=False, markup=False)
    file = plan.folder / "table.md"
    print_line(f"table: {file}")
    print_line(f"page: {plan.folder / 'table.html'}")
    if missing := plan.unfinished():
        raise UnfinishedError(
            f"{len(missing)} of {len(plan.runs)} runs failed; the same command tries them again"
        )


def refuse_beside(table: str, **options: str | None) -> None:
    """Refuse options that a table has no use for."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{table} runs recipes of its own, so --{name} {value} has no effect")


def refuse_launcher() -> None:
    """Refuse to be one of several processes that train as one."""
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise ValueError("a sweep is one process: start it without torchrun, see --cluster")


def main() -> None:
    """Run the command line and turn errors into one line and an exit code."""
    try:
        app()
    except Exception as error:
        code, message = explain(error)
        errors.print(f"convergan: {message}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(code)


def explain(error: Exception) -> tuple[int, str]:
    """Return the exit code and the one line for an error; see the command's help for the codes."""
    from ..core.signals import Interrupted
    from ..turing.errors import StudyError

    if isinstance(error, Interrupted):
        return 128 + error.number, str(error)
    line, more = " ".join(str(error).split()), ""
    if isinstance(error, StudyError):  # before torch is loaded, which takes seconds
        return REFUSED, line
    from ..collective import PeerLeftError, PeerLostError
    from ..data import DataError
    from ..data.image_files import LISTED
    from ..training import CheckpointError, NonFiniteError

    if isinstance(error, PeerLeftError):
        return error.code, str(error)
    if isinstance(error, DataError) and len(error.files) > LISTED:
        more = f"; all are in {written('unreadable.txt', chr(10).join(error.files))}"
    codes: list[tuple[type[Exception], int]] = [
        (UnfinishedError, UNFINISHED),
        (PeerLostError, LOST),
        (DataError, REFUSED),
        (CheckpointError, REFUSED),
        (NonFiniteError, NON_FINITE),
        (OSError, STORAGE),
        (ValueError, USAGE),
    ]
    for kind, code in codes:
        if isinstance(error, kind):
            return code, line + more
    log = written("traceback.txt", "".join(traceback.format_exception(error)))
    return 1, f"unexpected {type(error).__name__}: {line}; the traceback is in {log}"


def written(name: str, text: str) -> Path:
    """Write what is too long for one line to a new file, and return that."""
    file = Path(tempfile.mkdtemp(prefix="convergan-")) / name
    file.write_text(text, encoding="utf-8")
    return file
