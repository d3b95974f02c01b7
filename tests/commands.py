"""The commands of a user, run in this process."""

import sys

from convergan.cli import main as cli


def convergan(*arguments: object) -> int:
    """Run a command line; return its exit code."""
    before = sys.argv
    sys.argv = ["convergan", *map(str, arguments)]
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = before
    return 0
