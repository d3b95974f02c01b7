"""Few labels of 22 data sets: our classifier beside others, in one command that can be resumed.

``python -m bench.few_labels run --out FILE`` fits every method on every set, draw of labels, number
of labels a class and seed that FILE lacks, appends a line of JSON for each, then prints what
``python -m bench.few_labels report FILE`` prints. A stopped run goes on when it is called again.
``--jobs``, and several calls at once with other ``--sets`` or ``--methods``, share a file. Each fit
has one thread. Methods that take long are measured on five seeds at most.

What is chosen on some sets is judged on others: ``report FILE --sets ...`` has those alone.

See `bench.few_labels.measure` for what is measured, `bench.few_labels.sets` for the data and
`bench.few_labels.methods` for the methods.
"""

import argparse
from pathlib import Path

from joblib import Parallel, delayed

from bench.few_labels.cells import read
from bench.few_labels.measure import DRAWS, add_cell, keys_of_grid
from bench.few_labels.methods import METHODS
from bench.few_labels.report import report
from bench.few_labels.sets import SETS

LABELS = (2, 5, 10)


def command_line() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m bench.few_labels", description=__doc__, formatter_class=raw
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="fit what the file lacks")
    run.add_argument("--out", type=Path, required=True, help="file of results, one a line")
    run.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    run.add_argument("--seeds", type=int, default=10, help="number of them, from 0 (default: 10)")
    add_selection(run, "")
    shown = commands.add_parser("report", help="print tables of a file")
    shown.add_argument("out", type=Path, metavar="FILE")
    add_selection(shown, " that the file has")
    return parser


def add_selection(parser: argparse.ArgumentParser, which: str) -> None:
    """Add options that name sets, draws, labels and methods; None for all of them."""
    every = {"sets": SETS, "draws": DRAWS, "methods": METHODS}
    for option, names in every.items():
        known = " ".join(f"'{name}'" if " " in name else name for name in names)
        text = f"of {known} (default: all{which})"
        parser.add_argument(
            f"--{option}", nargs="+", choices=names, metavar=option[:-1].upper(), help=text
        )
    text = f"of each class (default: {'all' + which if which else '2 5 10'})"
    parser.add_argument("--labels", type=int, nargs="+", metavar="COUNT", help=text)


def run(arguments: argparse.Namespace) -> None:
    """Measure what the file lacks."""
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    done = {cell.key for cell in read(arguments.out)}
    grid = keys_of_grid(
        arguments.sets or SETS,
        arguments.draws or list(DRAWS),
        arguments.labels or list(LABELS),
        arguments.seeds,
        arguments.methods or list(METHODS),
    )
    left = [key for key in grid if key not in done]
    print(f"{len(left)} cells to measure, {len(done)} in {arguments.out}", flush=True)
    Parallel(n_jobs=arguments.jobs)(delayed(add_cell)(key, arguments.out) for key in left)


def main() -> None:
    parser = command_line()
    arguments = parser.parse_args()
    running = arguments.command == "run"
    if running and min(*(arguments.labels or LABELS), arguments.seeds, arguments.jobs) < 1:
        parser.error("--labels, --seeds and --jobs must be 1 or more")
    try:
        if running:
            run(arguments)
        cells = [
            cell
            for cell in read(arguments.out)
            if (not arguments.sets or cell.set in arguments.sets)
            and (not arguments.draws or cell.draw in arguments.draws)
            and (not arguments.labels or cell.labels in arguments.labels)
        ]
        if not cells:
            parser.error(f"{arguments.out} has no results of these sets, draws and labels")
        print(report(cells, arguments.methods))
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
