"""The findings of a study in sentences and rows: for the terminal, for CSV, and for the page."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ...core.files import csv_lines
from ..statistics.equivalence import LEVEL
from ..statistics.intervals import Interval
from ..statistics.votes import HALF
from .analysis import HALF_WIDTHS, Analysis, Subgroup
from .estimates import ErrorEstimate, Estimates

ANTI_CONSERVATIVE = "anti-conservative"
"""Label of figures that take votes of the same person as independent: too sure of themselves."""
FEW_ANNOTATORS = 15
"""Of fewer annotators, the interval over annotators is itself too narrow (about 92 % at 15)."""
DISTINGUISHED = (
    "That real and generated images can be told apart: shown (the interval is below 50 %)."
)


class ResultRow(NamedTuple):
    """A figure.

    Attributes:
        interval: where it lies, at 95 %; may be empty.
        meaning: how it is defined.
        caution: ``anti-conservative``, ``conservative`` or empty.
    """

    quantity: str
    value: str
    interval: str
    meaning: str
    caution: str = ""
    group: str = ""


def percent(share: float) -> str:
    """Format a share.

    Example:
        >>> percent(0.476)
        '47.6 %'
    """
    return f"{100 * share:.1f} %"


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


def headline(analysis: Analysis) -> list[str]:
    """Return the findings of the study, a sentence for each claim."""
    result = analysis.result
    if result is None:
        return ["There are no votes that count yet."]
    who = f"{result.annotators} annotator{'' if result.annotators == 1 else 's'}"
    if timed := analysis.timed:
        where = span(timed.interval, milliseconds)
        return [
            f"{who} needed {milliseconds(timed.score_ms)} to be right in 75 % of their votes "
            f"(95 % interval over annotators: {where}).",
            "The staircase holds the error near 25 %: the time is the result, not the error.",
        ]
    where = span(result.error.interval, percent)
    return [
        f"{who} erred in {percent(result.error.error)} of {result.error.votes:,} votes "
        f"(95 % interval over annotators: {where}).",
        against_guessing(result),
        result.equivalence.sentence(),
    ]


def cautions(analysis: Analysis) -> list[str]:
    """Return the caveats of the headline, a sentence for each."""
    found, design = [], analysis.design
    if design.truth == HALF:
        pairs = design.protocol == "pair"
        single, pair = "images were generated", "generated images stood on the left"
        found.append(
            f"Half of each session's {pair if pairs else single}, as this study was begun before "
            "each trial's truth was drawn on its own: "
            "whoever counts could beat it without looking, above all with feedback."
        )
    if (result := analysis.result) is None:
        return found
    if result.annotators < FEW_ANNOTATORS:
        found.append(
            f"With {result.annotators} annotator{'' if result.annotators == 1 else 's'} the "
            f"intervals over annotators are too narrow; {FEW_ANNOTATORS} or more are wanted for "
            "any claim."
        )
    if analysis.finished < design.annotators_wanted:
        found.append(
            f"The study is not over: {analysis.finished} of {design.annotators_wanted} annotators "
            "have finished. To stop when the figures please is no fair test."
        )
    for parts, name in ((analysis.arms, "both arms"), (analysis.models, "all models")):
        if parts:
            found.append(f"The figures of all votes mix {name}; below, each has its own.")
    return found


def against_guessing(result: Estimates) -> str:
    """Return in words whether annotators differ from guessing, by the interval over annotators.

    The pooled test has to agree, so that a few annotators who happen to be alike cannot show it.
    """
    interval = result.error.interval if result.pooled_p < LEVEL else None
    if interval is not None and interval.high < 0.5:
        return DISTINGUISHED
    if interval is not None and interval.low > 0.5:
        return (
            "That annotators are wrong more often than right: shown (the interval is above 50 %)."
        )
    return "That real and generated images can be told apart: not shown."


def rows(analysis: Analysis) -> list[ResultRow]:
    """Return the figures of a study, in the order of their importance."""
    result = analysis.result
    if result is None:
        return []
    pair, timed = analysis.design.protocol == "pair", analysis.timed is not None
    groups: list[tuple[str, Iterable[ResultRow]]] = [
        ("Time", _timed_rows(analysis)),
        ("Error", _error_rows(result, analysis.crossed, pair)),
        ("Equivalence", [] if timed else _equivalence_rows(result)),
        ("As if votes were independent", _pooled_rows(result, timed)),
        ("Arms", map(_subgroup_row, analysis.arms)),
        ("Models", map(_subgroup_row, analysis.models)),
        ("Differences of models", _difference_rows(analysis)),
        ("Sensitivity and bias", _sensitivity_rows(result, pair)),
        ("Learning", _learning_rows(analysis)),
        ("Agreement", _agreement_rows(analysis)),
        ("Annotators", _annotator_rows(analysis)),
    ]
    return [row._replace(group=group) for group, part in groups for row in part]


def _figure_row(
    name: str,
    value: float,
    interval: Interval | None,
    form: Callable[[float], str],
    meaning: str,
    caution: str = "",
) -> ResultRow:
    return ResultRow(name, form(value), span(interval, form), meaning, caution)


def _timed_rows(analysis: Analysis) -> Iterator[ResultRow]:
    if timed := analysis.timed:
        meaning = "modal exposure of a block, mean over blocks, mean over annotators who finished"
        name = "Time to be right in 75 %"
        yield _figure_row(name, timed.score_ms, timed.interval, milliseconds, meaning)


def _error_rows(result: Estimates, crossed: Interval | None, pair: bool) -> Iterator[ResultRow]:
    kinds: list[tuple[str, ErrorEstimate | None]] = [
        ("Error", result.error),
        ("Error, generated on the left" if pair else "Error on generated", result.on_generated),
        ("Error, generated on the right" if pair else "Error on real", result.on_real),
    ]
    for name, rate in kinds:
        if rate is not None:
            meaning = f"{rate.wrong:,} wrong of {rate.votes:,} votes; annotators are drawn anew"
            yield _figure_row(name, rate.error, rate.interval, percent, meaning)
    error = result.error.error
    if crossed is not None:
        name, meaning = "Error, other images too", "annotators and images are both drawn anew"
        yield _figure_row(name, error, crossed, percent, meaning, "conservative")
    if result.rho is not None:
        meaning = (
            f"Wilson's interval, widened by the design effect {number(result.effect)} = "
            f"1 + (m - 1) rho: votes of an annotator m = {result.votes_each:.0f}, their "
            f"correlation rho = {result.rho:.3f}"
        )
        yield _figure_row("Error, widened", error, result.widened, percent, meaning)


def _pooled_rows(result: Estimates, timed: bool) -> Iterator[ResultRow]:
    error, meaning = result.error, "Wilson's interval"
    yield _figure_row("Error", error.error, error.pooled, percent, meaning, ANTI_CONSERVATIVE)
    if not timed:  # the staircase fixes the error, whatever people can see
        for name, p, meaning in (
            ("p against guessing", result.pooled_p, "two-sided exact binomial test"),
            ("p of equivalence", result.equivalence.pooled_p, "two one-sided exact tests"),
        ):
            yield ResultRow(name, p_value(p), "", meaning, ANTI_CONSERVATIVE)


def _subgroup_row(part: Subgroup) -> ResultRow:
    if (result := part.result) is None:
        return ResultRow(part.name, "none", "", "no votes that count")
    counts = (
        f"{result.annotators} annotators, {result.error.votes:,} votes, d' {number(result.d_prime)}"
    )
    if (timed := part.timed) is not None:
        return _figure_row(part.name, timed.score_ms, timed.interval, milliseconds, counts)
    told = "shown" if against_guessing(result) == DISTINGUISHED else "not shown"
    error, meaning = result.error, f"{counts}; told apart: {told}"
    return _figure_row(part.name, error.error, error.interval, percent, meaning)


def _difference_rows(analysis: Analysis) -> Iterator[ResultRow]:
    if len(analysis.models) < 2:
        return
    comparison = analysis.comparison
    if comparison.p is None or comparison.f is None:
        yield ResultRow("Any difference", "undefined", "", comparison.why)
        return
    form, what = (milliseconds, "time") if analysis.timed else (percent, "error")
    meaning = f"p of the analysis of variance of annotators' {what}, F = {number(comparison.f)}"
    yield ResultRow("Any difference", p_value(comparison.p), "", meaning)
    for pair in comparison.differences:
        meaning = (
            f"difference of {what}; corrected for the number of pairs, Tukey's interval and p = "
            f"{p_value(pair.tukey_p)}, Welch's test by Holm p = {p_value(pair.holm_p)}"
        )
        names = f"{pair.first} less {pair.second}"
        yield _figure_row(names, pair.difference, pair.interval, form, meaning)


def _sensitivity_rows(result: Estimates, pair: bool) -> Iterator[ResultRow]:
    meaning = "distance of real and generated in deviations, apart from bias; 0 is guessing"
    yield _figure_row("Sensitivity d'", result.d_prime, result.d_prime_interval, number, meaning)
    kinds = '"left", above 0 "right"' if pair else '"generated", above 0 "real"'
    name, meaning = "Bias (criterion c)", f"below 0, {kinds} is said more often"
    yield _figure_row(name, result.criterion, result.criterion_interval, number, meaning)


def _learning_rows(analysis: Analysis) -> Iterator[ResultRow]:
    learning = analysis.learning
    meaning = "change of the log odds of a right answer over 100 trials"
    for arm in learning.arms:
        name = f"Learning {'with' if arm.feedback else 'without'} feedback"
        yield _figure_row(name, arm.slope, arm.interval, number, meaning)
    if learning.difference is not None:
        name, meaning = "Learning, difference", "with feedback less without"
        yield _figure_row(name, learning.difference, learning.interval, number, meaning)


def _agreement_rows(analysis: Analysis) -> Iterator[ResultRow]:
    kinds = (("Krippendorff's alpha", analysis.alpha), ("Fleiss' kappa", analysis.kappa))
    for name, agreement in kinds:
        if agreement.value is None:
            yield ResultRow(name, "undefined", "", agreement.why)
        else:
            meaning = f"agreement on {agreement.images:,} images; 1 is perfect, 0 is chance"
            yield ResultRow(name, number(agreement.value), "", meaning)


def _equivalence_rows(result: Estimates) -> Iterator[ResultRow]:
    equivalence = result.equivalence
    where = span(equivalence.interval, percent)
    yield ResultRow(
        f"Error within 50 ± {100 * equivalence.margin:g} %",
        "shown" if equivalence.shown else "not shown",
        where if equivalence.interval is None else f"{where} (90 %)",
        "two one-sided tests over annotators, at the margin fixed beforehand",
    )


def _annotator_rows(analysis: Analysis) -> Iterator[ResultRow]:
    share = f"{analysis.excluded} of {len(analysis.annotators)}"
    yield ResultRow("Excluded", share, "", "by the rules fixed beforehand")
    if analysis.without_exclusion is not None:
        everyone = analysis.without_exclusion.error
        name, meaning = "Error without exclusion", f"nobody excluded, {everyone.votes:,} votes"
        yield _figure_row(name, everyone.error, everyone.interval, percent, meaning)
    if analysis.power is not None and analysis.result is not None and analysis.timed is None:
        points = " / ".join(f"{100 * half:g}" for half in HALF_WIDTHS)
        needed = " / ".join(f"{annotators:,}" for annotators in analysis.power)
        meaning = (
            f"for ± {points} points, {analysis.result.votes_each:.0f} votes "
            f"each and rho = {analysis.result.rho:.3f}, as here"
        )
        yield ResultRow("Needed", needed, "", meaning)


def terminal_text(analysis: Analysis) -> str:
    """Return the findings and the figures as lines; a figure without interval has its meaning."""
    lines, group = [*headline(analysis), *cautions(analysis)], ""
    found = rows(analysis)
    wide = [max((len(row[column]) for row in found), default=0) for column in range(3)]
    for row in found:
        if row.group != group:
            group = row.group
            lines += ["", group]
        where = row.interval or row.meaning
        cells = f"{row.quantity:{wide[0]}}  {row.value:>{wide[1]}}  {where:{wide[2]}}"
        lines.append(f"  {cells}  {row.caution}".rstrip())
    return "\n".join(lines)


def status_text(summary: Mapping[str, Any]) -> str:
    """Return the `turing.owner.summary` of a study that is still running, as lines."""
    counts = [f"{count} {state}" for state, count in summary["people"].items()]
    lines = [
        f"{summary['name']}: {summary['state']}, {summary['wanted']} people wanted; "
        f"{', '.join(counts) or 'nobody yet'}",
        f"{summary['votes']:,} votes, {summary['losses']:,} pictures could not be shown",
    ]
    if (error := summary["error"]) is not None:
        low, high = f"{error['low']:.1%}", f"{error['high']:.1%}"
        interval = f"95% interval {low} to {high}, nobody excluded"
        lines.append(f"error: {error['rate']:.1%}, {interval}")
    return "\n".join(lines)


def csv_text(analysis: Analysis) -> str:
    """Return the rows as CSV with a line of names."""
    return csv_lines([ResultRow._fields, *rows(analysis)])
