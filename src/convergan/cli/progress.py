"""A bar for each method on a terminal; elsewhere ten lines for each."""

import itertools
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from ..core.progress import Progress
from .console import errors

Found = TypeVar("Found")


class Bars:
    """A bar for each method; without a terminal ten lines for each.

    Args:
        bars: that are drawn, of `bars_of`.
    """

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._tenths: dict[str, int] = {}

    def show(self, event: Progress) -> None:
        """Show how far a method has come."""
        bars = self._bars
        for notice in event.notices:
            bars.console.print(notice, highlight=False, markup=False, soft_wrap=True)
        if event.method not in self._tasks:
            self._tasks[event.method] = bars.add_task(event.method, total=event.steps, figures="")
        shown = figures(event.metrics)
        bars.update(self._tasks[event.method], completed=event.step, figures=shown)
        tenth = 10 * event.step // max(event.steps, 1)
        if bars.disable and tenth > self._tenths.get(event.method, 0):
            self._tenths[event.method] = tenth
            line = f"{event.method} {event.step:,}/{event.steps:,} {shown}".rstrip()
            bars.console.print(line, highlight=False, markup=False, soft_wrap=True)


def bars_of(console: Console) -> RichProgress:
    """Return bars to be drawn on a terminal, as a context manager; elsewhere they are disabled."""
    columns = (
        TextColumn("{task.description:21}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=20),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TimeRemainingColumn(elapsed_when_finished=True, compact=True),
        TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=True)),
    )
    return RichProgress(*columns, console=console, disable=not console.is_terminal)


def show_progress(events: Iterator[Progress]) -> None:
    """Draw one bar per method until all are done; without a terminal, print ten lines for each."""
    first = next(events, None)  # so that an error before the first step comes alone
    if first is None:
        return
    with bars_of(errors) as bars:
        shown = Bars(bars)
        for event in itertools.chain([first], events):
            shown.show(event)


@contextmanager
def reporting() -> Iterator[Callable[[Progress], None]]:
    """Show what is reported as bars, with an estimate of what is left; elsewhere as ten lines."""
    with bars_of(errors) as bars:
        yield Bars(bars).show


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
