"""``convergan score`` in several processes against one: seconds, and that the figures are the same.

``python -m bench.scores [--rows 5000] [--processes 2] [fashion_mnist] [efficientnet-lite0@128]``:
rows of Fashion-MNIST against others and as many test rows, so three times ``--rows`` images, one
thread a process; both extractors if none is named. *features* is the pass over the images, in
which processes share the work; *in all* has reading, figures, pictures and the start as well, which
they do not share.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

DATA = "zalando-datasets/fashion_mnist"
EXTRACTORS = ("fashion_mnist", "efficientnet-lite0@128")


class Measured(NamedTuple):
    """One score.

    Attributes:
        features: seconds of the pass over the images.
        in_all: seconds of the command.
        found: what ``score.json`` says, without times and environment.
    """

    features: float
    in_all: float
    found: dict[str, Any]


def measure(extractor: str, rows: int, processes: int, folder: Path) -> Measured:
    """Run the command."""
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    numbers = ["--samples", str(rows), "--rows", str(rows), "--threads", "1", "--device", "cpu"]
    words = ["score", DATA, "--against", DATA, "--extractor", extractor, *numbers]
    started = time.perf_counter()
    subprocess.run(
        [
            sys.executable,
            *(launch if processes > 1 else []),
            *("-m", "convergan", *words, "--metrics", "is,prdc", "--out", str(folder)),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    in_all = time.perf_counter() - started
    found = json.loads((folder / "score.json").read_text())
    seconds = found.pop("seconds")
    found.pop("environment")
    figures = seconds.pop("figures")
    print(
        f"{extractor}, {processes} processes: {sum(seconds.values()):.1f} s features, "
        f"{figures:.1f} s figures, {in_all:.1f} s in all",
        flush=True,
    )
    return Measured(sum(seconds.values()), in_all, found)


def main() -> None:
    """Measure every extractor in one process and in several."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("extractors", nargs="*", default=EXTRACTORS)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before", flush=True)
    for extractor in asked.extractors:
        with tempfile.TemporaryDirectory() as place:
            one, several = (
                measure(extractor, asked.rows, processes, Path(place) / str(processes))
                for processes in (1, asked.processes)
            )
        same = "the same" if one.found == several.found else "OTHER"
        print(
            f"{extractor}: {one.features / several.features:.2f} times as fast in features, "
            f"{one.in_all / several.in_all:.2f} in all; {same} figures"
        )


if __name__ == "__main__":
    main()
