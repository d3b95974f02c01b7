"""Put finished runs that differ in their seed into one table, every seed listed.

``python -m bench.seeds runs/digits-50-*`` prints, for each recipe and method, the test error of
each run in percent, and mean and sample standard deviation. Runs without a result are named.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

from convergan.runs.reading import GAN, read_config, table
from convergan.sweeps.statistics import format_mean, mean_and_deviation


def rows_of(folder: Path) -> dict[str, float | None]:
    """Test error by method, the last weights of the trained model among them."""
    result = json.loads((folder / "result.json").read_text())
    rows = {row.name: row.test_error for row in table(folder)}
    return rows | {f"{GAN}, last weights": result["test_error_last"]}


def describe(errors: list[float | None]) -> str:
    known = [100 * error for error in errors if error is not None]
    if not known:
        return "-"
    every = ", ".join(f"{error:.2f}" for error in known)
    return f"{format_mean(mean_and_deviation(known), '.2f', '.2f')}  ({every})"


def errors_at(folder: Path) -> dict[int, float]:
    """Test error of the tested weights by step, as logged."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line["test_error"] for line in lines if "test_error" in line}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--at", type=int, nargs="*", default=[], help="steps to report as well")
    arguments = parser.parse_args()
    collected: dict[str, dict[str, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for folder in sorted(arguments.runs):
        recipe = read_config(folder)["settings"]["recipe"]
        logged = errors_at(folder)
        for step in arguments.at:
            collected[recipe][f"{GAN}, step {step:,}"].append(logged.get(step))
        if not (folder / "result.json").exists():
            print(f"{folder} is not finished")
            continue
        for method, error in rows_of(folder).items():
            collected[recipe][method].append(error)
    for recipe, methods in collected.items():
        print(f"\n{recipe}: test error in %, mean ± standard deviation (every seed)")
        for method, errors in methods.items():
            print(f"  {method:24} {describe(errors)}")


if __name__ == "__main__":
    main()
