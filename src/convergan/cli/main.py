"""The command line: parse, call, show. Loads torch only once a command needs it."""

import sys
from typing import Annotated

try:
    import typer

    from .console import (
        degrade_output,
        errors,
        flush,
        output,
        require_standard_output,
        restore_output,
    )
except ModuleNotFoundError as missing:
    from ..core.version import __version__

    if sys.argv[1:] == ["--version"]:
        print(__version__)
        raise SystemExit(0) from None
    needed = f"the command line needs {missing.name}: pip install 'convergan[train]'"
    print(f"convergan: {needed}", file=sys.stderr)
    raise SystemExit(2) from None

from . import labels, photos, publishing, runs, scores, sweeps, tables, turing_people
from .exits import UNREAD, explain
from .help import Commands
from .turing import turing

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Train GANs that converge: few-label classifiers and generators, after Salimans et al. "
    "(2016).\n\nStart with: convergan train digits --threads 1, or with photographs or a table "
    "of yours: convergan fit",
)
for command in (
    tables.fit,
    tables.predict,
    photos.example,
    labels.label,
    runs.train,
    sweeps.sweep,
    scores.scan,
    runs.sample,
    runs.probe,
    runs.recipes,
    runs.report,
    scores.classifier,
    scores.score,
    publishing.push,
    publishing.pull,
):
    app.command()(command)
for about_people in turing_people.COMMANDS:
    turing.command()(about_people)
app.add_typer(turing, name="turing")


@app.callback(invoke_without_command=True)
def top(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Answer what concerns no command."""
    if version:
        from ..core.version import __version__

        output.print(__version__, highlight=False)
        raise typer.Exit


def main() -> None:
    """Run the command line and turn errors into one line and an exit code."""
    try:
        require_standard_output()
        degrade_output()
        app()
    except Exception as error:
        code, message = explain(error)
        restore_output()
        errors.print(f"convergan: {message}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(code)
    except SystemExit as end:
        flush()
        if not end.code and output.abandoned:
            sys.exit(UNREAD)
        raise
    finally:
        restore_output()
