"""The commands for tables, fit and predict: parse, call, show."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .console import errors, output, print_line

if TYPE_CHECKING:
    from ..estimator import GuardReport
    from ..tabular.fitting import Fitted, Opened
    from ..tabular.prediction import Predicted


def fit(
    table: Annotated[
        Path,
        typer.Argument(help="A row a line, .csv, .tsv or .parquet. Rows are counted from 0."),
    ],
    target: Annotated[
        str, typer.Option(help="Column of labels; where it is empty, a row is unlabelled.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the model, a new one.")],
    features: Annotated[
        str | None,
        typer.Option(
            help="Columns to learn from, with commas between them. Default: all but the target. "
            "Text of up to 20 kinds becomes a feature for each; a Parquet column of lists of "
            "numbers, such as embeddings, one for each number."
        ),
    ] = None,
    drop: Annotated[
        str | None,
        typer.Option(
            help="Columns not to learn from, such as an identifier; the first three stand beside "
            "the rows to label next."
        ),
    ] = None,
    missing: Annotated[
        str,
        typer.Option(help="Of features without a value: refuse, or mean for the column's mean."),
    ] = "refuse",
    unlabeled: Annotated[
        str | None, typer.Option(help="A label that means none, such as -1, beside empty cells.")
    ] = None,
    image_shape: Annotated[
        str | None, typer.Option(help="C,H,W where the features of a row are an image's pixels.")
    ] = None,
    estimators: Annotated[
        int, typer.Option(help="Classifiers to average; the paper averages ten.")
    ] = 1,
    guard: Annotated[
        bool,
        typer.Option(
            help="Hold labels out to tell errors, and fall back to a simpler classifier where it "
            "is better. Off, a fit takes about a quarter of the time and tells no errors."
        ),
    ] = True,
    max_epochs: Annotated[
        int | None,
        typer.Option(help="Passes over all rows. Default: 10, within 500 and 2,000 steps."),
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Of all training. Default: no limit.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides weights, order and noise.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Fit a classifier to a table in which few rows have a label.

    For example: convergan fit wine.csv --target kind --drop id --out wine-model

    OUT has the model, report.html and to_label.csv, the rows whose labels would help most. Errors
    are of labels held out in turn, so no rows need to be kept for a test.

    Ctrl-C and SIGTERM write nothing and exit with 130 and 143. Exit codes: 2 wrong arguments, 65
    refused data, 74 storage.
    """
    from ..core.signals import stopping
    from ..tabular import (
        Choices,
        Effort,
        fit_table,
        judge_rows,
        open_table,
        require_new,
        write_model,
    )

    require_new(out)
    if missing not in ("refuse", "mean"):
        raise ValueError(f"missing must be refuse or mean, got {missing!r}")
    choices = Choices(
        target=target,
        features=None if features is None else features.split(","),
        drop=drop.split(",") if drop else (),
        fill=missing == "mean",
        unlabeled=unlabeled,
    )
    effort = Effort(
        members=estimators,
        guard=guard,
        max_epochs=max_epochs,
        max_seconds=max_seconds,
        image_shape=None if image_shape is None else parse_shape(image_shape),
        seed=seed,
        device=device,
    )
    with stopping("while fitting; nothing was written"):
        with errors.status(escape(f"reading {table}")):
            opened = open_table(table, choices)
        show_table(opened)
        with elapsed("fitting"):
            fitted = fit_table(opened, effort)
        write_model(out, opened, fitted, judge_rows(opened, fitted), effort)
    show_fit(fitted, out)


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a model, as written by fit.")],
    table: Annotated[
        Path,
        typer.Argument(
            help="A row a line, .csv, .tsv or .parquet, with the model's columns in any order."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="File, .csv, .tsv or .parquet. Default: TABLE-predicted, here."),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            help="Columns to copy, such as an identifier, with commas between them. Default: none, "
            "and rows are numbered from 0."
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write the probability of every class as well.")
    ] = False,
    reject_below: Annotated[
        float,
        typer.Option(help="Leave the prediction empty where its probability is less."),
    ] = 0.0,
) -> None:
    """Predict the rows of a table; where the target column has labels, tell the error.

    A line has prediction, probability and ood_pvalue, the share of unlabelled rows, of some that
    fit has kept aside, that are as unlike the others as this row: low where a row is of no kind
    that fit has seen.

    For example: convergan predict wine-model new.csv --keep id

    Exit codes: 2 wrong arguments, 65 refused data or model, 74 storage.
    """
    from ..tabular import predict_table, read_model, require_suffix, write_table

    file = out or Path(f"{table.stem}-predicted{table.suffix}")
    require_suffix(file)
    if file.exists() and table.exists() and file.samefile(table):
        raise ValueError(f"--out {file} is the table itself; choose another")
    found = predict_table(
        read_model(model),
        table,
        keep=keep.split(",") if keep else (),
        all_classes=probabilities,
        reject_below=reject_below,
    )
    write_table(file, found.table)
    show_predictions(found)
    print_line(f"predictions: {file}")


def parse_shape(text: str) -> tuple[int, int, int]:
    """Return the three whole numbers of C,H,W.

    Raises:
        ValueError: if they are not.
    """
    try:
        channels, height, width = map(int, text.split(","))
    except ValueError:
        raise ValueError(f"image-shape must be C,H,W such as 1,28,28, got {text!r}") from None
    return channels, height, width


@contextmanager
def elapsed(what: str) -> Iterator[None]:
    """Show for how long something has been going on; nothing without a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bars:
        bars.add_task(what, total=None)
        yield


def show_table(opened: "Opened") -> None:
    """Print what was read, so that a wrong table is noticed before it is fitted to."""
    labels = opened.labels
    shown = ", ".join(f"{name} {count:,}" for name, count in list(labels.counts.items())[:10])
    more = ", ..." if len(labels.counts) > 10 else ""
    width = opened.features.shape[1]
    print_line(
        f"{len(opened.features):,} rows, {width:,} {'feature' if width == 1 else 'features'}, "
        f"{sum(labels.counts.values()):,} labelled: {shown}{more}"
    )
    notes(opened.notices)


def show_fit(fitted: "Fitted", folder: Path) -> None:
    """Print what predicts, how often it errs, and where the report is."""
    model = fitted.model
    notes(fitted.notices)
    show_guard(model.guard_report_)
    if model.risk_table_ is not None:
        print_line("what answering only the surest rows costs, of labels held out:")
        print_line(str(model.risk_table_))
    print_line(f"fitted in {fitted.seconds:,.1f} seconds")
    print_line(f"model: {folder}")
    print_line(f"report: {folder / 'report.html'}")


def show_guard(report: "GuardReport") -> None:
    """Print the candidates' errors on held-out labels."""
    if not report.errors:
        print_line(f"no errors are told: {report.reason}")
        return
    shown = Table("candidate", "error of held-out labels", "p against the GAN", "")
    for name, error in report.errors.items():
        pvalue = f"{report.pvalues[name]:.3g}" if name in report.pvalues else "-"
        shown.add_row(name, f"{error:.2%}", pvalue, "predicts" * (name == report.selected))
    output.print(shown)
    print_line(f"{report.rows:,} labelled rows in {report.folds} folds; {report.reason}")


def show_predictions(found: "Predicted") -> None:
    """Print how often each class is predicted, and the error where labels are known."""
    shown = Table("prediction", "rows")
    for name, count in found.counts.items():
        shown.add_row(escape(name), f"{count:,}")
    if found.rejected:
        shown.add_row("none", f"{found.rejected:,}")
    output.print(shown)
    if found.unlike is not None:
        print_line(f"unlike the unlabelled rows of fit, p < 0.01: {found.unlike:,} rows")
    if found.error is not None:
        rows, wrong, low, high = found.error
        print_line(
            f"error: {wrong / rows:.2%}, {wrong:,} of {rows:,} labelled rows, 95% interval "
            f"{low:.2%} to {high:.2%}"
        )
    notes(found.notices)


def notes(notices: list[str]) -> None:
    """Print what the user should know."""
    for notice in notices:
        print_line(f"note: {notice}")
