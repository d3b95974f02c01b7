"""The commands that judge samples and images: score, classifier, scan."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ..core.progress import Progress
from .console import errors, output, print_line, print_table, write_values
from .exits import run_in_every_process
from .options import (
    AllowChangedCode,
    Decimal,
    Device,
    Encoding,
    FollowLinks,
    ImageColumn,
    JsonFile,
    LabelColumn,
    Quiet,
    Separator,
    Split,
    TestSplit,
    Threads,
    prepare,
    show_notes,
    source_options,
    table_format,
)
from .progress import finish, show_progress
from .tables import TABLE_SUFFIXES, scan_table_file

if TYPE_CHECKING:
    from ..scoring.score import Scores

SPLITS = 10
"""Of the inception score, as in the paper."""


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
        str | None,
        typer.Option(
            help="mnist, fashion_mnist, cifar10, efficientnet-lite0 or efficientnet-lite0@SIDE, "
            "inception, inception:FILE@SHA256, my_file.py:my_function, FILE.pt2, FILE.pt, or "
            "hf:NAME. Default: the packaged classifier of the real images' data set, else "
            "efficientnet-lite0. Papers score by inception."
        ),
    ] = None,
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
    splits: Annotated[
        int | None,
        typer.Option(help="Of the inception score. Default: 10, or fewer where there are fewer."),
    ] = None,
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Mix samples before they are split.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides draws, subsets and bins.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Images at a time.")] = 100,
    follow_links: FollowLinks = False,
    image_column: ImageColumn = None,
    split: Split = None,
    allow_changed_code: AllowChangedCode = False,
    device: Device = "auto",
    threads: Threads = 0,
    verify_weights: Annotated[
        bool,
        typer.Option(
            "--verify-weights", help="Score CIFAR-10's training rows by inception: 11.24 is right."
        ),
    ] = False,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Score samples by a pretrained network, real images that were held out beside them.

    Exit codes: 2 wrong arguments, 65 refused data or weights, 74 storage, 75 a lost process.

    The same score from several processes: torchrun --nproc-per-node 2 -m convergan score ...
    """
    from ..collective import Ranks, join
    from ..core.devices import choose_device
    from ..core.files import read_json
    from ..metrics import default_extractor, find_extractor
    from ..scoring.files import CAUTION, write_best, write_scores
    from ..scoring.score import score_images, verify_known_score
    from ..scoring.sources import open_sets
    from ..scoring.values import ScoreSettings

    place = choose_device(device)
    prepare(threads, place)

    def work(ranks: Ranks) -> None:
        plan = ScoreSettings(
            metrics=tuple(metrics.split(",")),
            splits=SPLITS if splits is None else splits,
            shuffle=shuffle,
            seed=seed,
            batch_size=batch_size,
            device=place,
        )
        if verify_weights:
            known = finish(verify_known_score(plan, ranks), shown=ranks.leads)
            if known is not None:
                print_line(str(known))
            ranks.barrier()
            return
        if samples is None or against is None:
            missing = "SAMPLES" if samples is None else "--against"
            raise ValueError(
                f"{missing} is missing: score SAMPLES --against REAL, where SAMPLES are scored and "
                "REAL are real images"
            )
        if best is not None and not 0 < best <= 1:
            raise ValueError(f"best must be above 0 and at most 1, got {best}")
        chosen = default_extractor(against) if extractor is None else extractor
        network = find_extractor(chosen, device=place)
        if extractor is None and ranks.leads:
            print_line(f"extractor: {chosen}, as the real images are {against}; see --extractor")
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
                allow_changed_code=allow_changed_code,
                options=source_options(follow_links, image_column, split),
            )
        if splits is None:
            plan = replace(plan, splits=min(SPLITS, len(sets.samples), len(sets.held_out)))
        scores = finish(score_images(sets, network, plan, ranks), shown=ranks.leads)
        if scores is not None:
            folder = out or Path("scores") / Path(samples).stem
            write_scores(folder, sets, network, plan, scores, (samples, against), sys.argv)
            show_notes(sets.notes)
            show_scores(scores)
            written = [folder / "score.json", folder / "score.html"]
            if best is not None:
                written.append(write_best(folder, sets.samples, scores, best))
                output.print(f"caution: {CAUTION}", highlight=False, markup=False)
            for file in written:
                print_line(str(file))
            write_values(json, read_json(folder / "score.json"))
        ranks.barrier()  # so that all leave with the code of rank 0

    run_in_every_process(work, join(place))


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
    follow_links: FollowLinks = False,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    split: Split = None,
    test_split: TestSplit = None,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Train a small classifier to judge generators with; print its accuracy and its file's hash.

    The same seed and number of threads give the same file on one machine. Exit codes are those of
    train.
    """
    from ..core.files import replace_file
    from ..data import load
    from ..metrics.classifier import classifier_weights, weights_sha256
    from ..metrics.train_classifier import TrainingProgress, train_classifier

    if out.suffix != ".safetensors":
        raise ValueError(f"weights are written as .safetensors, got --out {out}")
    prepare(threads, "cpu")
    with errors.status(escape(f"reading {data}")):
        dataset = load(
            data,
            options=source_options(follow_links, image_column, split, label_column, test_split),
        )
    show_notes(dataset.notes)
    reports: list[TrainingProgress] = []

    def progress() -> Iterator[Progress]:
        for report in train_classifier(dataset, seed=seed, epochs=epochs):
            reports[:] = [report]
            metrics = {"supervised_loss": report.loss}
            if report.test_accuracy is not None:
                metrics["test_error"] = 1 - report.test_accuracy
            yield Progress("classifier", report.step, report.steps, metrics)

    show_progress(progress())
    weights = classifier_weights(reports[-1].network)
    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, weights)
    accuracy, digest = reports[-1].test_accuracy, weights_sha256(weights)
    for line in (f"test accuracy: {accuracy:.2%}", f"sha256: {digest}", f"weights: {out}"):
        print_line(line)
    write_values(json, {"test_accuracy": accuracy, "sha256": digest, "weights": str(out)})


def scan(
    source: Annotated[
        str,
        typer.Argument(
            help="As --data of train, where images are encoded: a folder, or a name on the Hugging "
            "Face hub, but no .npz file and no built-in data set. Or a table as for fit, .csv, "
            ".tsv or .parquet."
        ),
    ],
    workers: Annotated[int, typer.Option(min=0, help="Threads that decode.")] = 4,
    follow_links: FollowLinks = False,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    split: Split = None,
    test_split: TestSplit = None,
    separator: Separator = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Decode every image of a data set; list what training would refuse, and what is there twice.

    Of a table, show every column, what it would become in a fit, and what is odd.

    Exit codes: 65 if an image is refused, or a table cannot be read; duplicates, also of test rows
    among training rows, are notes. Ctrl-C and SIGTERM write nothing and exit with 130 and 143.
    """
    from ..core.signals import stopping
    from ..data.scan import Scan, ScannedImage, scan_images, summary_lines, to_json
    from ..data.sources import find_encoded

    if Path(source).suffix.lower() in TABLE_SUFFIXES:
        scan_table_file(Path(source), table_format(separator, encoding, decimal), json)
        return
    options = source_options(follow_links, image_column, split, label_column, test_split)
    images: list[ScannedImage] = []

    def progress() -> Iterator[Progress]:
        count = len(found.train.encoded) + len(found.test.encoded)
        for image in scan_images(found, workers):
            images.append(image)
            yield Progress("images", len(images), count, {})

    with stopping("while scanning; nothing was written"):
        with errors.status(escape(f"reading {source}")):
            found = find_encoded(source, options)
        show_progress(progress())
    scanned = Scan(source, found.classes, images, found.notes)
    for line in summary_lines(scanned):
        print_line(line)
    write_values(json, to_json(scanned))
    scanned.require_all()


def show_scores(scores: "Scores") -> None:
    """Print every figure of the samples beside that of held-out rows, then the definitions."""
    from ..scoring.report import definitions, figure_rows

    print_table(("metric", "samples", "floor: held-out real rows"), figure_rows(scores))
    for line in definitions(scores):
        print_line(line)
    for note in scores.notes:
        print_line(f"note: {note}")
