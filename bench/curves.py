"""Test error against steps and against seconds, of runs and of `bench.port`, in one table and plot.

``python -m bench.curves FOLDER ... --out curves.png`` reads the ``metrics.jsonl`` of every folder,
whose name is shown. Seconds are those of the run's own clock: from the first search for neighbors
to the step, tests included, reading and describing the images not.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

SHOWN_SECONDS = (30, 60, 120, 240, 480)

Curve = list[tuple[int, float, float]]
"""Step, seconds and test error."""


def read_curve(folder: Path) -> Curve:
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [(r["step"], r["seconds"], r["test_error"]) for r in lines if "test_error" in r]


def table(curves: dict[str, Curve]) -> list[str]:
    """Return each run's last error before some seconds, and its last of all, in percent."""
    lines = ["| run | " + " | ".join(f"{s} s" for s in SHOWN_SECONDS) + " | end |"]
    lines.append("| --- " * (len(SHOWN_SECONDS) + 2) + "|")
    for name, curve in curves.items():
        cells = []
        for limit in SHOWN_SECONDS:
            before = [error for _, seconds, error in curve if seconds <= limit]
            cells.append(f"{before[-1]:.2%}" if before and curve[-1][1] > limit / 2 else "-")
        step, seconds, error = curve[-1]
        end = f"{error:.2%} after {step:,} steps, {seconds:,.0f} s"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {end} |")
    return lines


def draw(curves: dict[str, Curve], file: Path) -> None:
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, index, label in zip(figure.subplots(1, 2), (0, 1), ("steps", "seconds"), strict=True):
        for name, curve in curves.items():
            axes.plot([c[index] for c in curve], [100 * c[2] for c in curve], label=name)
        axes.set(xlabel=label, ylabel="test error, percent", xscale="log", yscale="log")
        axes.grid(alpha=0.3, which="both")
    figure.axes[0].legend()
    figure.savefig(file, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("curves.png"))
    chosen = parser.parse_args(arguments)
    curves = {folder.name: read_curve(folder) for folder in chosen.folders}
    print("\n".join(table(curves)))
    draw(curves, chosen.out)


if __name__ == "__main__":
    main()
