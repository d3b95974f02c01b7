"""How figures are spelled."""

from collections.abc import Callable

from ..statistics.intervals import Interval


def percent(share: float) -> str:
    """Format a share.

    Example:
        >>> percent(0.476)
        '47.6 %'
    """
    return f"{100 * share:.1f} %"


def people(count: int) -> str:
    """Format a number of people.

    Example:
        >>> people(1), people(1200)
        ('1 person', '1,200 people')
    """
    return f"{count:,} {'person' if count == 1 else 'people'}"


def number(value: float) -> str:
    """Format a figure without unit; minus zero has no sign.

    Example:
        >>> number(1.642), number(-0.0001)
        ('1.64', '0.00')
    """
    return f"{round(value, 2) + 0.0:.2f}"


def milliseconds(value: float) -> str:
    """Format a time.

    Example:
        >>> milliseconds(412.4)
        '412 ms'
    """
    return f"{value:.0f} ms"


def span(interval: Interval | None, form: Callable[[float], str]) -> str:
    """Format an interval.

    Example:
        >>> span(Interval(0.4, 0.5), percent), span(None, percent)
        ('40.0 to 50.0 %', 'none over fewer than 2 annotators')
    """
    if interval is None:
        return "none over fewer than 2 annotators"
    low, high = (form(end) for end in interval)
    head, _, unit = low.rpartition(" ")
    return f"{head} to {high}" if head and high.endswith(f" {unit}") else f"{low} to {high}"


def p_value(p: float) -> str:
    """Format a p-value.

    Example:
        >>> p_value(0.0336), p_value(1e-9)
        ('0.034', 'below 0.001')
    """
    return f"{p:.3f}" if p >= 0.001 else "below 0.001"
