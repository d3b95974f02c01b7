"""Time and memory of a fit by number of rows: ours, label spreading, self-training.

``python -m bench.few_labels.speed [--rows 1000 10000 60000] [--methods ...]``: pixels of
Fashion-MNIST in float64, ten labels a class, one thread. Each fit is a process of its own, which
reads its rows from a file. Time is processor time, and wall time beside it. Memory is the peak of
the whole process, libraries and rows included (470 MiB of rows for 60,000), as Linux counts it
(``VmHWM``; ``ru_maxrss`` would also count the parent process). A fit that asks for more address
space than ``--gib`` fails, one that takes longer than ``--minutes`` is stopped.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bench.few_labels.methods import KNN, LOGISTIC, METHODS, OURS, RBF
from convergan.data import load
from convergan.estimator import mask_labels

DEFAULT = (OURS, RBF, KNN, "SelfTraining(LR)", LOGISTIC)


def fit(method: str, folder: Path) -> dict[str, float]:
    """Fit to the rows in the folder; return seconds and the peak in MiB."""
    X, y = np.load(folder / "X.npy"), np.load(folder / "y.npy")
    torch.set_num_threads(1)
    cpu, clock = time.process_time(), time.perf_counter()
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        METHODS[method](X, y, 0)
    return {
        "cpu": time.process_time() - cpu,
        "clock": time.perf_counter() - clock,
        "peak": peak_mib(),
    }


def peak_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status has no VmHWM")


def write(folder: Path, rows: int) -> None:
    """Write rows and labels to files, so that the memory of loading them counts for no method."""
    train = load("zalando-datasets/fashion_mnist").train
    chosen = torch.from_numpy(np.random.default_rng(0).permutation(len(train.labels))[:rows])
    np.save(folder / "X.npy", train.images[chosen].flatten(1).double().numpy() / 255)
    np.save(folder / "y.npy", mask_labels(train.labels[chosen].numpy(), 10, random_state=0))


def run(method: str, folder: Path, minutes: float, gib: float) -> str:
    """Fit in a process of its own; return its time and memory as text."""
    command = [sys.executable, "-m", "bench.few_labels.speed", "--one", method]
    command += ["--folder", str(folder), "--gib", str(gib)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 * minutes)
    except subprocess.TimeoutExpired:
        return f"stopped after {minutes:g} minutes"
    if done.returncode:
        return f"failed: {(done.stderr.strip() or str(done.returncode)).splitlines()[-1][:120]}"
    found = json.loads(done.stdout.splitlines()[-1])
    return "{cpu:9.1f} s  {clock:9.1f} s by the clock  {peak:8,.0f} MiB".format(**found)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 60_000])
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=list(DEFAULT), metavar="METHOD"
    )
    parser.add_argument("--minutes", type=float, default=60, help="for a fit (default: 60)")
    parser.add_argument("--gib", type=float, default=16, help="address space of a fit (16)")
    parser.add_argument("--one", choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        limit = int(arguments.gib * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        print(json.dumps(fit(arguments.one, arguments.folder)))
        return
    for rows in arguments.rows:
        with TemporaryDirectory() as folder:
            write(Path(folder), rows)
            print(f"\n{rows:,} rows", flush=True)
            for method in arguments.methods:
                found = run(method, Path(folder), arguments.minutes, arguments.gib)
                print(f"  {method:20} {found}", flush=True)


if __name__ == "__main__":
    main()
