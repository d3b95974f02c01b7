"""A bar for each method on a terminal; elsewhere ten lines for each, and one every half minute."""

import itertools
import time
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


EVERY = 30.0
"""Most seconds between two lines of a method where there is no terminal."""


class Bars:
    """A bar for each method; without a terminal ten lines for each, and one every half minute.

    Args:
        bars: that are drawn, of `bars_of`.
        clock: seconds that never go back.
    """

    def __init__(self, bars: RichProgress, clock: Callable[[], float] = time.monotonic) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._lines = _Lines(clock)

    def show(self, event: Progress) -> None:
        """Show how far a method has come."""
        bars = self._bars
        for notice in event.notices:
            bars.console.print(notice, highlight=False, markup=False, soft_wrap=True)
        if event.method not in self._tasks:
            self._tasks[event.method] = bars.add_task(event.method, total=event.steps, figures="")
        shown = figures(event.metrics)
        bars.update(self._tasks[event.method], completed=event.step, figures=shown)
        if bars.disable and (line := self._lines.line(event, shown)) is not None:
            bars.console.print(line, highlight=False, markup=False, soft_wrap=True)


class _Lines:
    """Says when a method is due a line, and what it is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._first: dict[
            str, tuple[float, int]
        ] = {}  # the time and step of a method's first event
        self._last: dict[str, tuple[float, int]] = {}  # the time and tenth of its last line

    def line(self, event: Progress, figures: str) -> str | None:
        """Return the line for an event, None if none is due."""
        now, tenth = self._clock(), 10 * event.step // max(event.steps, 1)
        began, first = self._first.setdefault(event.method, (now, event.step))
        shown, tenths = self._last.setdefault(event.method, (now, 0))
        if tenth <= tenths and now - shown < EVERY:
            return None
        self._last[event.method] = now, max(tenth, tenths)
        line = f"{event.method} {event.step:,}/{event.steps:,} {figures}".rstrip()
        left = event.steps - event.step
        if left <= 0 or event.step <= first or now - began < 1:
            return line
        return f"{line}, {spelled((now - began) / (event.step - first) * left)} left"


def spelled(seconds: float) -> str:
    """Return a time that is left, roughly.

    Example:
        >>> spelled(42.4), spelled(140), spelled(10_000)
        ('42 s', '2 min', '2.8 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


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
    """Draw one bar per method until all are done; without a terminal, print lines for each."""
    first = next(events, None)  # so that an error before the first step comes alone
    if first is None:
        return
    with bars_of(errors) as bars:
        shown = Bars(bars)
        for event in itertools.chain([first], events):
            shown.show(event)


@contextmanager
def reporting() -> Iterator[Callable[[Progress], None]]:
    """Show what is reported as bars, with an estimate of what is left; elsewhere as lines."""
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
