"""The commands fit and predict, of tables here, of photographs in `convergan.cli.photos`."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .console import errors, print_line, print_table, write_values
from .options import (
    AllowBad,
    Decimal,
    Encoding,
    FollowLinks,
    JsonFile,
    Quiet,
    Separator,
    show_notes,
    table_format,
)
from .progress import reporting
from .results import show_error, show_opinions, write_predictions

if TYPE_CHECKING:
    from ..tabular import FitOptions, TableFormat, TableOptions
    from ..tabular.fitting import TableFit, TrainingTable
    from ..tabular.prediction import Predictions

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
OPTIONS = {
    "n_estimators": "--estimators",
    "image_shape": "--image-shape",
    **{
        name: f"--{name.replace('_', '-')}"
        for name in ("class_prior", "max_epochs", "max_seconds", "device")
    },
}
"""Arguments of the classifier, and the options that set them."""
RECORD = "record.json"
"""What `fit` found, in the model's folder."""
NO_GUARD = (
    "--guard and --no-guard have no effect and will go: labels held out now decide how much each "
    "opinion counts"
)


def fit(
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder of photographs; or a table: a .csv, .tsv or .parquet file, or a folder "
            "of Parquet files that are parts of one. Rows are counted from 0."
        ),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the model.")],
    target: Annotated[
        str | None,
        typer.Option(help="Column of labels of a table; a row without one is unlabelled."),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            help="Pretrained network. Of photographs: efficientnet-lite0, hf:NAME, timm:NAME, "
            "FILE.pt2, FILE.py:FUNCTION, or pixels for none; default efficientnet-lite0 where it "
            "is installed. Of texts: minilm, hf:NAME, FILE.py:FUNCTION; default minilm."
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="Columns of texts, separated by commas: the network makes features of them. Then "
            "other columns are learned from only if --features names them."
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="Columns to learn from, separated by commas; a name with a comma is quoted as in "
            "CSV. Default: all but the target. "
            "A column of up to 50 different texts becomes a feature for each; a Parquet column of "
            "lists of numbers, such as embeddings, one for each number."
        ),
    ] = None,
    drop: Annotated[
        str | None,
        typer.Option(
            help="Columns not to learn from, such as an identifier, separated by commas. The first "
            "three are listed with the rows to label next."
        ),
    ] = None,
    missing: Annotated[
        str,
        typer.Option(
            help="Features without a value: median to take the column's median and to mark such "
            "rows where they are many, mean to take its mean, or refuse."
        ),
    ] = "median",
    unlabeled: Annotated[
        str | None, typer.Option(help="A label that counts as none, such as -1, as empty cells do.")
    ] = None,
    image_shape: Annotated[
        str | None, typer.Option(help="C,H,W where the features of a row are an image's pixels.")
    ] = None,
    class_prior: Annotated[
        str,
        typer.Option(
            help="How frequent the classes are in the rows to predict: labels, as in the given "
            "labels; uniform, all alike; unlabeled, estimated from the rows without a label. auto "
            "takes the labels' shares where they differ, as in a random draw, and else the "
            "estimate as far as it can be trusted."
        ),
    ] = "auto",
    estimators: Annotated[
        int, typer.Option(help="Networks to average; the paper averages ten.")
    ] = 1,
    without_game: Annotated[
        bool,
        typer.Option(
            "--without-game",
            help="Train the network without a generator. Predictions then say nothing of how "
            "unusual a row is.",
        ),
    ] = False,
    guard: Annotated[bool | None, typer.Option(hidden=True)] = None,
    max_epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes of the network over all rows. Default: 10, within 500 and 1,000 steps."
        ),
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Limit of all training of networks. Default: none.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    separator: Separator = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    follow_links: FollowLinks = False,
    allow_bad: AllowBad = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Photographs are read by so many threads. Default: one a core."),
    ] = None,
    no_comparison: Annotated[
        bool,
        typer.Option(
            "--no-comparison",
            help="Of photographs: do not measure the error beside that of other methods, which "
            "takes two more fits in each of five folds.",
        ),
    ] = False,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Fit a classifier to photographs, tables or texts.

    Few of them need a label.

    For example: convergan fit photos/ --out photo-model

    or: convergan fit wine.csv --target kind --drop id --out wine-model

    or: convergan fit mails.csv --target topic --text body --out mail-model

    Photographs have any size and format. Labels are folders: labeled/<class>/* beside unlabeled/*,
    or a folder for each class beside loose photographs; or the columns file,label of labels.csv.
    test/<class>/* is only measured on. Features of photographs and texts are computed once and
    kept in the cache, so a second fit takes seconds, and one that was stopped goes on.

    OUT gets the model, report.html and to_label.csv, the rows whose labels would help most; of
    photographs predictions.csv as well. Errors are measured by cross-validation, so no labels need
    to be kept for a test. Several simple classifiers give opinions; labels held out in turn say how
    much each of them counts, and a small network and trees learn from all of them.

    Ctrl-C and SIGTERM write nothing and exit with 130 and 143. Exit codes: 2 wrong arguments, 65
    refused data, 74 storage.
    """
    from ..core.files import read_json
    from ..estimator.devices import find_device
    from ..photos.finding import holds_photos
    from ..tabular import FitOptions, TableOptions, parse_names, require_new

    require_new(out)
    if guard is not None:
        show_notes([NO_GUARD])
    fit_options = FitOptions(
        members=estimators,
        class_prior=class_prior,
        game=not without_game,
        max_epochs=max_epochs,
        max_seconds=max_seconds,
        image_shape=None if image_shape is None else parse_shape(image_shape),
        seed=seed,
        device=device,
    )
    if holds_photos(data):
        from ..photos.fitting import PhotoOptions
        from .photos import fit_photographs

        refuse(
            f"{data} is a folder of photographs",
            {
                **{"--target": target, "--text": text, "--features": features, "--drop": drop},
                **{"--unlabeled": unlabeled, "--image-shape": image_shape},
                **{"--separator": separator, "--encoding": encoding, "--decimal": decimal},
            },
        )
        photo_options = PhotoOptions(
            extractor=extractor or "auto",
            device=find_device(device),
            workers=workers,
            follow_links=follow_links,
            allow_bad=allow_bad,
        )
        with named_by_options():
            fit_photographs(data, out, photo_options, fit_options, compared=not no_comparison)
        write_values(json, read_json(out / RECORD))
        return
    refuse(
        f"{data} is a table" if data.exists() else f"there is no folder {data}",
        {
            **{"--follow-links": follow_links or None, "--allow-bad": allow_bad or None},
            **{"--workers": workers, "--no-comparison": no_comparison or None},
            **{"--extractor without --text": extractor if text is None else None},
        },
    )
    if target is None:
        raise ValueError(f"{data}: which column has the labels? name it with --target")
    if missing not in ("median", "mean", "refuse"):
        raise ValueError(f"--missing must be median, mean or refuse, got {missing!r}")
    options = TableOptions(
        target=target,
        features=None if features is None else parse_names(features),
        drop=parse_names(drop),
        texts=parse_names(text),
        extractor=extractor or "minilm",
        missing=missing,
        unlabeled=unlabeled,
        form=table_format(separator, encoding, decimal),
    )
    fit_table_file(data, out, options, fit_options)
    write_values(json, read_json(out / RECORD))


def fit_table_file(
    table: Path, out: Path, options: "TableOptions", fit_options: "FitOptions"
) -> None:
    """Fit a classifier to a table and show what came out."""
    from ..core.signals import stopping
    from ..tabular import assess_rows, fit_table, read_training_table, write_model

    with stopping("while fitting; nothing was written"), named_by_options():
        with reporting() as report, errors.status(escape(f"reading {table}")):
            rows = read_training_table(table, options, report)
        show_table(rows)
        with elapsed("fitting"):
            fitted = fit_table(rows, fit_options)
        assessment = assess_rows(rows, fitted)
        write_model(out, rows, fitted, assessment, fit_options, sys.argv)
    show_fit(rows, fitted, out)


def refuse(kind: str, options: Mapping[str, object]) -> None:
    """Refuse options that have no effect on what is fitted.

    Args:
        kind: what is there, for the message.
        options: their values by name, None where they are not given.

    Raises:
        ValueError: if one is given.
    """
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{kind}, so {name} has no effect; leave it out")


def predict(
    model: Annotated[
        Path,
        typer.Argument(help="A model, as written by fit: its folder, or its model.zip."),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder of photographs, or one photograph; or a .csv, .tsv or .parquet file "
            "with the model's columns in any order."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="File, .csv, .tsv or .parquet. Default: DATA-predicted, here."),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            help="Columns to copy, such as an identifier, separated by commas. Default: the number "
            "of each row, from 0."
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Also write the probability of every class.")
    ] = False,
    reject_below: Annotated[
        float,
        typer.Option(help="Leave predictions of a lower probability empty."),
    ] = 0.0,
    sort_into: Annotated[
        Path | None,
        typer.Option(
            help="Of photographs: a new folder that gets a folder for each class, with links to "
            "the photographs, or copies where links cannot be made. None is moved."
        ),
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy for --sort-into.")] = False,
    follow_links: FollowLinks = False,
    separator: Separator = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Predict photographs or rows of a table.

    Where labels are known the error is measured. The columns are prediction, probability and
    ood_pvalue. The last is low where a row is unlike the unlabelled rows of fit: it is the share of
    unlabelled rows, of some kept out of training, that are as unusual as this row. Of photographs
    there are also file and doubt: unsure below a probability of 0.7, unlike below a p-value of
    0.01, unreadable.

    For example: convergan predict photo-model new-photos/ --sort-into sorted/

    or: convergan predict wine-model new.csv --keep id

    Exit codes: 2 wrong arguments, 65 refused data or model, 74 storage.
    """
    from ..photos.model_folder import is_photo_model

    if is_photo_model(model):
        from .photos import predict_photographs

        refuse(
            f"{model} is a model of photographs",
            {
                "--keep": keep,
                **{"--separator": separator, "--encoding": encoding, "--decimal": decimal},
            },
        )
        if copy and sort_into is None:
            raise ValueError("--copy is for --sort-into FOLDER, which is not given")
        predict_photographs(
            model,
            data,
            out,
            all_classes=probabilities,
            reject_below=reject_below,
            sort_folder=sort_into,
            copy=copy,
            follow_links=follow_links,
            json=json,
        )
        return
    refuse(
        f"{model} is a model of a table",
        {
            **{"--sort-into": sort_into, "--copy": copy or None},
            "--follow-links": follow_links or None,
        },
    )
    from ..tabular import parse_names, predict_table, read_model, require_suffix, write_table

    file = out or Path(f"{data.stem}-predicted{data.suffix or '.parquet'}")
    require_suffix(file)
    if file.exists() and data.exists() and file.samefile(data):
        raise ValueError(f"--out {file} is the table itself; choose another")
    with reporting() as report:
        found = predict_table(
            read_model(model),
            data,
            keep=parse_names(keep),
            all_classes=probabilities,
            reject_below=reject_below,
            form=table_format(separator, encoding, decimal),
            as_written=file.suffix.lower() != ".parquet",
            report=report,
        )
    write_table(file, found.table)
    show_predictions(found)
    print_line(f"predictions: {file}")
    none = {"rejected": found.rejected, "unlike": found.unlike}
    write_predictions(json, file, found, none)


def scan_table_file(file: Path, form: "TableFormat", json: Path | None) -> None:
    """Print what a table holds and what would become of it; also write it to a file of JSON."""
    from ..tabular.reading import read_table
    from ..tabular.scan import scan_table, summary_lines, to_json

    with errors.status(escape(f"reading {file}")):
        found = scan_table(read_table(file, form))
    rows = []
    for column in found.columns:
        becomes = f"{column.features:,} x {column.kind}" if column.features > 1 else column.kind
        distinct = "-" if column.distinct is None else f"{column.distinct:,}"
        stored = (column.name, column.stored, f"{column.cells:,}", distinct)
        rows.append((*stored, ", ".join(column.examples), becomes or "refused"))
    print_table(("column", "in the file", "cells", "different", "such as", "becomes"), rows)
    for line in summary_lines(found):
        print_line(line)
    write_values(json, to_json(found))


def parse_shape(text: str) -> tuple[int, int, int]:
    """Return the three whole numbers of C,H,W.

    Raises:
        ValueError: if they are not.
    """
    try:
        channels, height, width = map(int, text.split(","))
    except ValueError:
        raise ValueError(f"--image-shape must be C,H,W such as 1,28,28, got {text!r}") from None
    return channels, height, width


@contextmanager
def named_by_options() -> Iterator[None]:
    """Name the option to change where the classifier refuses an argument of its own."""
    try:
        yield
    except ValueError as error:
        name, _, reason = str(error).partition(" ")
        if name not in OPTIONS:
            raise
        raise ValueError(f"{OPTIONS[name]} {reason}") from error


@contextmanager
def elapsed(what: str) -> Iterator[None]:
    """Show the time that has passed, on a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bars:
        bars.add_task(what, total=None)
        yield


def show_table(rows: "TrainingTable") -> None:
    """Print what was read, so that the user notices a wrong table before the fit."""
    labels = rows.labels
    shown = ", ".join(f"{name} {count:,}" for name, count in list(labels.counts.items())[:10])
    more = ", ..." if len(labels.counts) > 10 else ""
    width = rows.features.shape[1]
    print_line(
        f"{len(rows.features):,} rows, {width:,} {'feature' if width == 1 else 'features'}, "
        f"{sum(labels.counts.values()):,} labelled: {shown}{more}"
    )
    show_notes(rows.notices)


def show_fit(rows: "TrainingTable", fitted: "TableFit", folder: Path) -> None:
    """Print the error of held-out labels, what each opinion counts, and where the report is."""
    from ..tabular.findings import held_out_error

    model = fitted.model
    show_notes(fitted.notices)
    show_opinions(model)
    print_line(held_out_error(model.risk_table_))
    if model.risk_table_ is not None:
        print_line("the same by least confidence of a prediction:")
        print_line(str(model.risk_table_))
    print_line(f"fitted in {fitted.seconds:,.1f} seconds")
    print_line(f"model: {folder}")
    print_line(f"report: {folder / 'report.html'}")


def show_predictions(found: "Predictions") -> None:
    """Print how often each class is predicted, and the error where labels are known."""
    counts = [(name, f"{count:,}") for name, count in found.counts.items()]
    if found.rejected:
        counts.append(("none", f"{found.rejected:,}"))
    print_table(("prediction", "rows"), counts)
    if found.unlike is not None:
        print_line(f"unlike the unlabelled rows of fit, p < 0.01: {found.unlike:,} rows")
    show_error(found.error, "rows")
    show_notes(found.notices)
