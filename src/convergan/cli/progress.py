"""A bar for each method on a terminal; elsewhere ten lines for each."""

import itertools
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Column

from ..core.progress import Progress
from .console import errors

Found = TypeVar("Found")


def show_progress(events: Iterator[Progress]) -> None:
    """Draw one bar per method until all are done; without a terminal, print ten lines for each."""
    columns = (
        TextColumn("{task.description:21}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=20),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TimeRemainingColumn(elapsed_when_finished=True, compact=True),
        TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=True)),
    )
    first = next(events, None)  # so that an error before the first step comes alone
    if first is None:
        return
    with Bars(*columns, console=errors, disable=not errors.is_terminal) as bars:
        tasks: dict[str, Any] = {}
        tenths: dict[str, int] = {}
        for event in itertools.chain([first], events):
            for notice in event.notices:
                bars.console.print(notice, highlight=False, markup=False, soft_wrap=True)
            if event.method not in tasks:
                tasks[event.method] = bars.add_task(event.method, total=event.steps, figures="")
            shown = figures(event.metrics)
            bars.update(tasks[event.method], completed=event.step, figures=shown)
            tenth = 10 * event.step // event.steps
            if bars.disable and tenth > tenths.get(event.method, 0):
                tenths[event.method] = tenth
                line = f"{event.method} {event.step:,}/{event.steps:,} {shown}"
                errors.print(line, highlight=False, markup=False, soft_wrap=True)


def finish(events: Generator[Progress, None, Found], *, shown: bool) -> Found:
    """Draw a bar until all is done, if it is to be shown, and return what came out."""
    results: list[Found] = []

    def watched() -> Iterator[Progress]:
        results.append((yield from events))

    if shown:
        show_progress(watched())
    else:
        for _ in watched():
            pass
    return results[0]


def figures(metrics: dict[str, Any]) -> str:
    """Return the newest error, the modes found, or the losses where there are none yet."""
    if metrics.get("test_error") is not None:
        return f"error {metrics['test_error']:.2%}"
    if "found" in metrics:
        return f"{metrics['found']:.0f} modes, KL {metrics['kl']:.3f}"
    losses = [f"{n.split('_')[0]} {v:.2f}" for n, v in metrics.items() if n.endswith("_loss")]
    return " ".join(losses)
