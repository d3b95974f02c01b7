"""Few labels of nine data sets: our classifier beside others, in one command that can be resumed.

``python -m bench.few_labels run --out FILE`` fits every method on every set, number of labels a
class and seed that FILE lacks, appends a line of JSON for each, then prints what
``python -m bench.few_labels report FILE`` prints. A stopped run goes on when it is called again.
``--jobs``, and several calls at once with other ``--sets`` or ``--methods``, share a file. Each fit
has one thread.

See `bench.few_labels.measure` for what is measured, `bench.few_labels.sets` for the data and
`bench.few_labels.methods` for the methods.
"""

import argparse
from pathlib import Path

from joblib import Parallel, delayed

from bench.few_labels.cells import read
from bench.few_labels.measure import add_cell, keys_of_grid
from bench.few_labels.methods import METHODS
from bench.few_labels.report import report
from bench.few_labels.sets import SETS

LABELS = (1, 2, 5, 10, 50)


def command_line() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m bench.few_labels", description=__doc__, formatter_class=raw
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="fit what the file lacks")
    run.add_argument("--out", type=Path, required=True, help="file of results, one a line")
    run.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    names = f"(default: all of {', '.join(SETS)})"
    run.add_argument(
        "--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET", help=names
    )
    run.add_argument(
        "--labels",
        type=int,
        nargs="+",
        default=list(LABELS),
        metavar="COUNT",
        help="of each class (default: 1 2 5 10 50)",
    )
    run.add_argument("--seeds", type=int, default=5, help="number of them, from 0 (default: 5)")
    quoted = " ".join(f"'{name}'" for name in METHODS)
    run.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=list(METHODS),
        metavar="METHOD",
        help=f"(default: all of {quoted})",
    )
    shown = commands.add_parser("report", help="print tables of a file")
    shown.add_argument("out", type=Path, metavar="FILE")
    shown.add_argument(
        "--methods", nargs="+", metavar="METHOD", help="to compare (default: all in the file)"
    )
    return parser


def main() -> None:
    parser = command_line()
    arguments = parser.parse_args()
    if arguments.command == "report":
        try:
            print(report(read(arguments.out), arguments.methods))
        except ValueError as error:
            parser.error(f"{arguments.out}: {error}")
        return
    if min(*arguments.labels, arguments.seeds, arguments.jobs) < 1:
        parser.error("--labels, --seeds and --jobs must be 1 or more")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    done = {cell[:4] for cell in read(arguments.out)}
    grid = keys_of_grid(arguments.sets, arguments.labels, arguments.seeds, arguments.methods)
    left = [key for key in grid if key not in done]
    print(f"{len(left)} cells to measure, {len(done)} in {arguments.out}", flush=True)
    Parallel(n_jobs=arguments.jobs)(delayed(add_cell)(key, arguments.out) for key in left)
    print(report(read(arguments.out), None))


if __name__ == "__main__":
    main()
