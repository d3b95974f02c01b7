"""The command that serves the pages for labels."""

import shlex
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from .console import errors, print_line
from .options import Decimal, Encoding, FollowLinks, Separator, show_notes, table_format

if TYPE_CHECKING:
    from ..labeling.items import Items
    from ..labeling.project import Project
    from ..tabular import TableFormat

NEEDED = ("fastapi", "jinja2", "uvicorn")


def label(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTOS",
            help="A folder of photographs, or a .csv, .tsv or .parquet table.",
        ),
    ],
    target: Annotated[
        str | None,
        typer.Option(help="Of a table: column of labels. It may be empty, or not be there."),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(help="Of a table: column of texts to learn from, instead of all columns."),
    ] = None,
    drop: Annotated[
        str | None,
        typer.Option(help="Of a table: columns not to learn from, separated by commas."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File of labels. Default: PHOTOS/labels.csv; of a table, NAME-labels.csv beside "
            "it. The history of all answers stands beside it, hidden."
        ),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            help="Network that describes photographs or texts, as for fit. Default: "
            "efficientnet-lite0 and minilm, where they are installed."
        ),
    ] = None,
    batch: Annotated[
        int, typer.Option(help="New labels after which the classifier is fitted again.")
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. Another one of this machine lets a phone in its network "
            "take part; the link, which holds a secret, is then sent unencrypted."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free.")
    ] = 8010,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
    follow_links: FollowLinks = False,
    separator: Separator = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
) -> None:
    """Label photographs, rows or texts in the browser.

    Those come first whose labels help most.

    For example: convergan label photos

    The page shows one at a time: a key for each class, Z to undo, S to skip, N for none of these,
    C for a new class, G for a grid of those that the classifier is sure of. The classifier is
    fitted in the background, and the page shows how its error falls, with its interval, measured
    on one in five that are drawn at random, and when more labels stop paying.

    Every label is on disk, and in labels.csv, before the page says so. Ctrl-C stops; the same
    command goes on. Two people with the link never get the same photo. Nothing leaves this
    machine.

    Exit codes: 2 wrong arguments, 65 refused data, 74 storage, 130 after Ctrl-C.
    """
    import webbrowser

    from ..core.signals import Interrupted, stopping

    for name in NEEDED:
        if find_spec(name) is None:
            raise ValueError(f"labelling needs {name}: pip install 'convergan[turing]'")
    from ..labeling.opening import open_project
    from ..labeling.project import Settings
    from ..labeling.server import address, serve

    settings = Settings(batch, seed)
    file = out or default_file(source)
    with errors.status(escape(f"reading {source}")):
        if source.is_dir() and not target:
            items = read_photos(source, text or drop, extractor, follow_links)
        else:
            form = table_format(separator, encoding, decimal)
            items = read_rows(source, target, text, drop, extractor, form)
    with open_project(items, file, settings) as project, listening(host, port) as listener:
        token = project.store.value("token")
        url = address(host, listener.getsockname()[1], token)
        show_notes(project.notices)
        labels = len(project.store.labels())
        print_line(f"{len(items.names):,} {items.noun[1]}, {labels:,} with a label, in {file}")
        print_line(f"page: {url}")
        print_line("stop with Ctrl-C; every label is on disk")
        if browser:
            webbrowser.open(url)
        try:
            with stopping("while labelling; nothing is lost"):
                serve(project, token, host, listener)
        except Interrupted:
            show_end(project, file)
            raise


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: if the port is taken; the message says how to take another.
    """
    from ..web.server import listen

    try:
        return listen(host, port)
    except OSError as error:
        raise OSError(f"{error}; choose another with --port, or 0 for any that is free") from None


def default_file(source: Path) -> Path:
    """Return the file of labels of a folder of photographs or of a table.

    Example:
        >>> str(default_file(Path("data/wine.csv")))
        'data/wine-labels.csv'
    """
    photos = source.is_dir() and source.suffix.lower() != ".parquet"
    return source / "labels.csv" if photos else source.with_name(f"{source.stem}-labels.csv")


def read_photos(
    folder: Path, of_tables: str | None, extractor: str | None, follow_links: bool
) -> "Items":
    """Find the photographs of a folder.

    Raises:
        ValueError: for options of tables.
    """
    from ..labeling.photo_items import photo_items

    if of_tables is not None:
        raise ValueError(f"--text and --drop are for tables, {folder} is a folder")
    return photo_items(folder, extractor=extractor or "auto", follow_links=follow_links)


def read_rows(
    file: Path,
    target: str | None,
    text: str | None,
    drop: str | None,
    extractor: str | None,
    form: "TableFormat",
) -> "Items":
    """Read a table.

    Raises:
        ValueError: if no target is named, or a network that is of no use.
    """
    from ..labeling.table_items import table_items
    from ..tabular import parse_names

    if not file.exists():
        raise ValueError(f"there is no {file}: name a folder of photographs, or a table")
    if target is None:
        raise ValueError(
            f"--target must name the column of labels of {file}; it need not be there yet"
        )
    if extractor is not None and text is None:
        raise ValueError("--extractor describes photographs or texts; name the column with --text")
    return table_items(
        file,
        target,
        text=text,
        drop=parse_names(drop),
        extractor=extractor or "minilm",
        form=form,
    )


def show_end(project: "Project", file: Path) -> None:
    """Say how many labels are on disk, and how to go on."""
    labels = len(project.store.labels())
    print_line(f"\n{labels:,} {'label is' if labels == 1 else 'labels are'} on disk, in {file}")
    print_line("go on: the same command again")
    print_line(f"fit: {project.items.next_step}")
    if (hidden := file.with_name(f".{file.stem}.sqlite3")).exists():
        print_line(f"the history of all answers is in {shlex.quote(str(hidden))}")
