"""Options that several commands have, and what they ask of torch."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import errors, output, print_aside

if TYPE_CHECKING:
    from ..data import SourceOptions
    from ..tabular import TableFormat


def _be_quiet(quiet: bool) -> bool:
    errors.quiet = quiet
    return quiet


def _leave_standard_output_to_json(file: Path | None) -> Path | None:
    """Refuse a file whose folder is not there, before anything is done."""
    output.quiet = str(file) == "-"
    if file is not None and not file.parent.is_dir():
        raise ValueError(f"--json {file}: there is no folder {file.parent}")
    return file


Quiet = Annotated[
    bool, typer.Option("--quiet", help="Print results and errors alone.", callback=_be_quiet)
]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="Write the result as JSON to this file; - for standard output, where it stands alone.",
        callback=_leave_standard_output_to_json,
    ),
]
Run = Annotated[Path, typer.Argument(help="Folder of a run, as written by train.")]
Threads = Annotated[
    int,
    typer.Option(
        min=0,
        help="Threads on the CPU; 0 takes $OMP_NUM_THREADS, or up to four. Small networks want 1.",
    ),
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
FollowLinks = Annotated[
    bool,
    typer.Option(
        "--follow-links",
        help="Read files and folders that links out of the data's folder lead to. Links that stay "
        "inside are always followed.",
    ),
]
ImageColumn = Annotated[
    str | None,
    typer.Option(help="Column of Parquet or hub data with the images. Default: the only one."),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        help="Column with the labels, '' for none. Default: the only class label, or label."
    ),
]
Split = Annotated[
    str | None,
    typer.Option(help="Split of Parquet or hub data to learn from. Default: train, or the only."),
]
TestSplit = Annotated[
    str | None,
    typer.Option(
        help="Split to measure on, '' for none. Default: test, validation, val, valid or dev."
    ),
]
SkipNonFinite = Annotated[
    int,
    typer.Option(
        min=0,
        help="Leave out up to so many steps in a row whose loss or gradient is not finite, "
        "rather than stop.",
    ),
]
AllowChangedCode = Annotated[
    bool,
    typer.Option(
        "--allow-changed-code",
        help="Go on though my_file.py, or what it imports from beside it, is other code than the "
        "run was trained with; the run notes both.",
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
Separator = Annotated[
    str | None,
    typer.Option(
        help="Between the columns of a text table: a character, comma, semicolon, tab or bar. "
        "Default: found out."
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(help="Of a text table, such as cp1252 or utf-16-le. Default: found out."),
]
Decimal = Annotated[
    str | None,
    typer.Option(
        help="Decimal mark of a text table's numbers: point or comma; the other one then groups "
        "digits. Default: point, and no groups."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Precision = Annotated[str, typer.Option(help="float32, or bfloat16 for matrix products.")]


def table_format(separator: str | None, encoding: str | None, decimal: str | None) -> "TableFormat":
    """Return what the options say of a text table."""
    from ..tabular import TableFormat, TextFormat

    marks = {None: None, "point": ".", "comma": ",", ".": ".", ",": ","}
    if decimal not in marks:
        raise ValueError(f"--decimal must be point or comma, got {decimal!r}")
    text = TextFormat(separator=separator, encoding=encoding)
    return TableFormat(text=text, decimal=marks[decimal])


def source_options(
    follow_links: bool,
    image_column: str | None,
    split: str | None,
    label_column: str | None = None,
    test_split: str | None = None,
) -> "SourceOptions":
    """Return what the options say of a source."""
    from ..data import SourceOptions

    return SourceOptions(
        follow_links=follow_links,
        image_column=image_column,
        label_column=label_column,
        split=split,
        test_split=test_split,
    )


def parse_whole_numbers(kind: str, text: str) -> tuple[int, ...]:
    """Return the numbers in a text such as ``20,50``.

    Example:
        >>> parse_whole_numbers("labels", "20, 50")
        (20, 50)
        >>> parse_whole_numbers("labels", "20;50")
        Traceback (most recent call last):
        ValueError: labels must be whole numbers with commas between them, got '20;50'
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"{kind} must be whole numbers with commas between them, got {text!r}"
        ) from None


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds in a text: how many, from 0, or which.

    Example:
        >>> parse_seeds("3"), parse_seeds("7,"), parse_seeds("0-2,8001")
        ((0, 1, 2), (7,), (0, 1, 2, 8001))
        >>> parse_seeds("0")
        Traceback (most recent call last):
        ValueError: seeds must be a number of them such as 10, or a list such as 0-9,42; got '0'
    """
    if re.fullmatch(r"[1-9]\d*", text):
        return tuple(range(int(text)))
    seeds: list[int] = []
    if re.fullmatch(r"\d+[-,](\d+[-,]?)*", text):
        for part in filter(None, text.split(",")):
            first, _, last = part.partition("-")
            seeds += range(int(first), int(last or first) + 1)
    if not seeds:
        raise ValueError(
            f"seeds must be a number of them such as 10, or a list such as 0-9,42; got {text!r}"
        )
    return tuple(seeds)


def prepare(threads: int, device: str) -> None:
    """Give torch its threads, and exact repetition on a GPU.

    For 0 threads, those of ``$OMP_NUM_THREADS``, or one for each core up to four; of several
    processes on a machine, each gets its part of the cores.
    """
    import torch

    if not threads and "OMP_NUM_THREADS" not in os.environ:
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        threads = max(1, min(4, (os.cpu_count() or 1) // beside))
    if threads:
        torch.set_num_threads(threads)
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
        torch.use_deterministic_algorithms(True)


def show_notes(notes: Iterable[str]) -> None:
    """Print what the user should know, such as what was guessed, unless ``--quiet`` was said."""
    for note in notes:
        print_aside(f"note: {note}")


def source_words(options: "SourceOptions") -> list[str]:
    """Return the words by which another command reads a source in the same way."""
    named = {
        "--image-column": options.image_column,
        "--label-column": options.label_column,
        "--split": options.split,
        "--test-split": options.test_split,
    }
    words = [word for name, value in named.items() if value is not None for word in (name, value)]
    return [*words, *(["--follow-links"] if options.follow_links else [])]
