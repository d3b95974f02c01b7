"""Tables of the few-label benchmark, from its file of results alone."""

from collections.abc import Iterator, Sequence

import numpy as np

from bench.few_labels.cells import Cell, Grid, Place, arrange, is_complete
from bench.few_labels.methods import ENSEMBLE, GUARDED, KNN, LOGISTIC, OURS, RBF, TWIN
from bench.few_labels.statistics import Difference, mean_ranks, paired_difference
from convergan.sweeps.statistics import format_mean, mean_and_deviation

LARGE = 5000
"""A set of more rows counts as large: there we expect to be better than label spreading."""


def report(cells: Sequence[Cell], methods: Sequence[str] | None) -> str:
    """Return all tables as text.

    Args:
        cells: of a file.
        methods: to compare; None for all that the cells have.

    Raises:
        ValueError: if there are no cells of these methods.
    """
    chosen = list(methods or dict.fromkeys(cell.method for cell in cells))
    cells = [cell for cell in cells if cell.method in chosen]
    if not cells:
        raise ValueError(f"there are no results of {', '.join(chosen) or 'any method'}")
    grid = arrange(cells)
    complete = [place for place in grid if is_complete(grid, place, chosen)]
    lines = [*tables(grid, chosen), *mixed_code(cells), "", *ranking(grid, complete, chosen)]
    for name in (OURS, ENSEMBLE, GUARDED):
        if name in chosen:
            lines += ["", *pairwise(grid, name, chosen)]
    lines += ["", *guard_check(grid), "", *spreading_check(grid)]
    return "\n".join(lines)


def tables(grid: Grid, methods: Sequence[str]) -> Iterator[str]:
    shown = ""
    for (name, labels), by_method in grid.items():
        first = next(iter(next(iter(by_method.values())).values()))
        if name != shown:
            yield f"\n{name}: {first.rows:,} rows, {first.test_rows:,} test rows"
            shown = name
        yield f"  {labels} labels a class" if labels > 1 else "  1 label a class"
        width = max(map(len, methods))
        for method in (method for method in methods if method in by_method):
            found = [cell for _, cell in sorted(by_method[method].items())]
            error = format_mean(mean_and_deviation([cell.error for cell in found]), ".2f", ".2f")
            every = " ".join(f"{cell.error:.2f}" for cell in found)
            nll, calibration, seconds, lost = np.mean(
                [(cell.nll, cell.calibration, cell.seconds, cell.lost) for cell in found], axis=0
            )
            yield (
                f"    {method:{width}}  error {error:>13} ({every})  nll {nll:.3f}  "
                f"calibration {calibration:5.2f}  {seconds:.2f} s"
                + (f"  without probabilities {lost:.1f} %" if lost else "")
            )
            failed = {note for cell in found for note in cell.notices if note.startswith("failed")}
            yield from (f"      {note}" for note in sorted(failed))


def mixed_code(cells: Sequence[Cell]) -> Iterator[str]:
    codes = sorted({cell.code for cell in cells if cell.code})
    if len(codes) > 1:
        yield f"\nresults of {len(codes)} versions of the estimator: {', '.join(codes)}"


def ranking(grid: Grid, places: Sequence[Place], methods: Sequence[str]) -> Iterator[str]:
    means = [
        {
            method: float(np.mean([cell.error for cell in grid[place][method].values()]))
            for method in methods
        }
        for place in places
    ]
    left = len(grid) - len(places)
    yield (
        f"mean rank of mean errors, over {len(places)} pairs of a set and a number of labels"
        + (f"; {left} where a method lacks seeds are left out" if left else "")
    )
    first = [table for place, table in zip(places, means, strict=True) if _large(grid, place)]
    best, large = mean_ranks(means), mean_ranks(first)
    for method, rank in sorted(best.items(), key=lambda entry: entry[1]):
        average = np.mean([table[method] for table in means])
        more = f"  rank {large[method]:.2f} above {LARGE:,} rows" if large else ""
        yield f"  {method:20} {rank:5.2f}  mean error {average:6.2f} %{more}"


def pairwise(grid: Grid, ours: str, methods: Sequence[str]) -> Iterator[str]:
    yield (
        f"{ours} against others: pairs in which its error is less, not told apart, more, by "
        "95 % intervals of paired differences over seeds"
    )
    for other in (method for method in methods if method != ours):
        found = [compare(grid, place, ours, other) for place in grid]
        known = [difference for difference in found if difference]
        verdicts = [difference.verdict() for difference in known]
        counts = [verdicts.count(word) for word in ("less", "equal", "more")]
        mean = f"{np.mean([difference.mean for difference in known]):+.2f}" if known else "-"
        yield f"  {other:20} {counts[0]:3d} {counts[1]:3d} {counts[2]:3d}  mean difference {mean}"


def guard_check(grid: Grid) -> Iterator[str]:
    """Compare the guarded with the better of logistic regression and twin, by means over seeds.

    The better one is chosen by its test errors, which is in its favour.
    """
    yield f"{GUARDED} against the better of {LOGISTIC} and {TWIN}"
    worse, count = [], 0
    for place, by_method in grid.items():
        if not {GUARDED, LOGISTIC, TWIN} <= set(by_method):
            continue
        best = min((LOGISTIC, TWIN), key=lambda name: _mean(by_method[name]))
        difference = compare(grid, place, GUARDED, best)
        if difference is None:
            continue
        count += 1
        if difference.verdict() == "more":
            worse.append(f"  worse on {_place_name(place)} than {best}: {_interval(difference)}")
    yield (
        f"  significantly worse in {len(worse)} of {count} pairs; of methods that are alike, "
        f"{0.025 * count:.1f} would be by chance"
    )
    yield from worse


def spreading_check(grid: Grid) -> Iterator[str]:
    """Compare ours with both kinds of label spreading on large sets."""
    yield f"against {RBF} and {KNN} on sets of more than {LARGE:,} rows"
    for ours in (OURS, ENSEMBLE, GUARDED):
        behind, count = [], 0
        for place in grid:
            found = [
                (other, compare(grid, place, ours, other))
                for other in (RBF, KNN)
                if _large(grid, place)
            ]
            for other, difference in found:
                if difference is not None:
                    count += 1
                    if difference.mean >= 0:
                        behind.append(
                            f"    behind {other} on {_place_name(place)}: {_interval(difference)}"
                        )
        if count:
            yield f"  {ours}: mean error less in {count - len(behind)} of {count} comparisons"
            yield from behind


def compare(grid: Grid, place: Place, ours: str, theirs: str) -> Difference | None:
    """Return the difference of errors over common seeds; None where there are none."""
    mine, other = (
        {seed: cell.error for seed, cell in grid[place].get(name, {}).items()}
        for name in (ours, theirs)
    )
    return paired_difference(mine, other) if mine.keys() & other.keys() else None


def _mean(cells: dict[int, Cell]) -> float:
    return float(np.mean([cell.error for cell in cells.values()]))


def _large(grid: Grid, place: Place) -> bool:
    return next(iter(next(iter(grid[place].values())).values())).rows > LARGE


def _place_name(place: Place) -> str:
    return f"{place[0]} with {place[1]} a class"


def _interval(difference: Difference) -> str:
    return f"{difference.mean:+.2f} ({difference.low:+.2f} to {difference.high:+.2f})"
