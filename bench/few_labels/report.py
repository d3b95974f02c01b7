"""Tables of the few-label benchmark, from its file of results alone.

Of two methods or more that are compared, only what all of them were measured on counts: the same
places (sets, draws and numbers of labels) and seeds. A set's mean is that of its places, and every
set counts once.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from bench.few_labels.cells import Cell, Grid, Place, arrange
from bench.few_labels.methods import FOREST, LOGISTIC, OURS, Array
from bench.few_labels.statistics import paired_test, ranks
from convergan.sweeps.statistics import count_seeds, format_mean, mean_and_deviation

ALLOWED = 3.0
"""Points that ours may be above the better of logistic regression and random forest on a set."""


def report(cells: Sequence[Cell], methods: Sequence[str] | None = None) -> str:
    """Return all tables as text.

    Args:
        cells: to report on.
        methods: to compare; None for all that the cells have.

    Raises:
        ValueError: if there are no cells of these methods.
    """
    chosen = list(methods or dict.fromkeys(cell.method for cell in cells))
    cells = [cell for cell in cells if cell.method in chosen]
    if not cells:
        raise ValueError(f"there are no results of {', '.join(chosen) or 'any method'}")
    grid = arrange(cells)
    lines = [*tables(grid, chosen), *mixed_code(cells), "", *ranking(grid, chosen)]
    if OURS in chosen:
        lines += ["", *against_others(grid, chosen), "", *limit_check(grid)]
    return "\n".join(lines)


def tables(grid: Grid, methods: Sequence[str]) -> Iterator[str]:
    """Yield a table for each set: errors by place, then means over all its cells."""
    width = max(map(len, methods))
    for name in dict.fromkeys(place.set for place in grid):
        places = [place for place in grid if place.set == name]
        cells = [cell for place in places for row in grid[place].values() for cell in row.values()]
        yield f"\n{name}: {cells[0].rows:,} rows, {cells[0].test_rows:,} test rows; errors in %"
        heads = " ".join(f"{f'{place.labels} by {place.draw}':>12}" for place in places)
        yield f"  {'':{width}} {heads}  balanced    nll    ece  seconds"
        for method in methods:
            found = [cell for cell in cells if cell.method == method]
            if not found:
                continue
            errors = " ".join(f"{_errors(grid, place, method):>12}" for place in places)
            _, balanced, nll, ece = np.mean([measures(cell) for cell in found], axis=0)
            seconds, lost = np.mean([(cell.seconds, cell.lost) for cell in found], axis=0)
            yield (
                f"  {method:{width}} {errors}  {balanced:8.1f} {nll:6.2f} {ece:6.1f} {seconds:8.2f}"
                + (f"  without probabilities {lost:.1f} %" if lost else "")
            )
            failed = [n for cell in found for n in cell.notices if n.startswith("failed")]
            for note in sorted(set(failed)):
                yield f"    {note} ({failed.count(note)} of {len(found)} cells)"


def mixed_code(cells: Sequence[Cell]) -> Iterator[str]:
    codes = sorted({cell.code for cell in cells if cell.code})
    if len(codes) > 1:
        yield f"\nresults of {len(codes)} versions of the estimator: {', '.join(codes)}"


def ranking(grid: Grid, methods: Sequence[str]) -> Iterator[str]:
    """Yield mean ranks by error and mean figures; every set counts once."""
    found = means_by_set(grid, methods)
    used = sum(map(len, found.values()))
    left = len(grid) - used
    seeds = [len(_common_seeds(grid, place, methods)) for place in grid]
    yield (
        f"means over {len(found)} sets, {used} places, {count_seeds([n for n in seeds if n])}, by "
        "rank" + (f"; left out for lack of a seed of every method: {left}" if left else "")
    )
    if not found:
        return
    places = [ranks(figures[:, :, 0]).mean(axis=0) for figures in found.values()]
    mean_rank = np.mean(places, axis=0)
    mean = np.mean([figures.mean(axis=0) for figures in found.values()], axis=0)
    width = max(map(len, methods))
    yield f"  {'':{width}}  rank  error  balanced    nll    ece"
    for number in np.argsort(mean_rank, kind="stable"):
        error, balanced, nll, ece = mean[number]
        yield (
            f"  {methods[number]:{width}} {mean_rank[number]:5.2f} {error:6.2f} {balanced:9.2f} "
            f"{nll:6.3f} {ece:6.2f}"
        )


def against_others(grid: Grid, methods: Sequence[str]) -> Iterator[str]:
    yield (
        f"{OURS} against others: sets where its mean error is less, equal, more; mean difference "
        "in points; p of the signed-rank and of the sign test over sets"
    )
    width = max(map(len, methods))
    for other in (method for method in methods if method != OURS):
        found = means_by_set(grid, (OURS, other))
        if not found:
            yield f"  {other:{width}}  no cells in common"
            continue
        errors = [figures[:, :, 0].mean(axis=0) for figures in found.values()]
        test = paired_test([mine - theirs for mine, theirs in errors])
        yield (
            f"  {other:{width}} {test.wins:3d} {test.ties:3d} {test.losses:3d} {test.mean:+7.2f}  "
            f"p {test.wilcoxon:.4f} {test.sign:.4f}"
        )


def limit_check(grid: Grid) -> Iterator[str]:
    """Yield the sets where ours is too far above the better of two simple methods.

    The better one is chosen by its test errors, which is in its favour.
    """
    found = means_by_set(grid, (OURS, LOGISTIC, FOREST))
    above = []
    for name, figures in found.items():
        mine, logistic, forest = figures[:, :, 0].mean(axis=0)
        if mine - min(logistic, forest) > ALLOWED:
            above.append(
                f"  {name}: {mine:.2f}, {LOGISTIC} {logistic:.2f}, {FOREST} {forest:.2f}, "
                f"{mine - min(logistic, forest):+.2f}"
            )
    yield (
        f"{OURS} more than {ALLOWED:g} points above the better of {LOGISTIC} and {FOREST}: on "
        f"{len(above)} of {len(found)} sets"
    )
    yield from above


def means_by_set(grid: Grid, methods: Sequence[str]) -> dict[str, Array]:
    """Return by set the `measures` of methods, (places, methods, 4), means over common seeds.

    Places where not all methods have a seed in common are left out, and so are sets without others.
    """
    found: dict[str, list[Array]] = defaultdict(list)
    for place, by_method in grid.items():
        seeds = _common_seeds(grid, place, methods)
        if seeds:
            each = [[measures(by_method[method][seed]) for seed in seeds] for method in methods]
            found[place.set].append(np.mean(each, axis=1))
    return {name: np.stack(places) for name, places in found.items()}


def measures(cell: Cell) -> tuple[float, float, float, float]:
    return cell.error, cell.balanced_error, cell.nll, cell.calibration


def _common_seeds(grid: Grid, place: Place, methods: Sequence[str]) -> list[int]:
    by_method = grid[place]
    return sorted(set.intersection(*(set(by_method.get(method, {})) for method in methods)))


def _errors(grid: Grid, place: Place, method: str) -> str:
    errors = [cell.error for _, cell in sorted(grid[place].get(method, {}).items())]
    return format_mean(mean_and_deviation(errors) if errors else None, ".1f", ".1f")
