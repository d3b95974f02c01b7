"""The findings of a study in sentences and rows: for the terminal, for CSV, and for the page."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ...core.files import csv_lines
from ..statistics.intervals import Interval
from .analysis import HALF_WIDTHS, Analysis, Subgroup
from .estimates import ErrorEstimate, Estimates
from .formats import milliseconds, number, p_value, people, percent, span
from .headline import (
    DISTINGUISHED,
    FEW_ANNOTATORS,
    against_guessing,
    cautions,
    enough,
    headline,
)

ANTI_CONSERVATIVE = "anti-conservative"
"""Label of figures that take votes of the same person as independent: too sure of themselves."""


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


def rows(analysis: Analysis) -> list[ResultRow]:
    """Return the figures of a study, in the order of their importance.

    Where no vote counts, those of partial sessions and without exclusion are all there is.
    """
    result = analysis.result
    if result is None:
        found = _annotator_rows(analysis) if analysis.annotators else ()
        return [row._replace(group="Annotators") for row in found]
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
        ("Images", _image_rows(analysis)),
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
        fit = timed.threshold
        meaning = (
            f"threshold of the psychometric function: width {fit.width:.2f} and spread of people "
            f"{fit.spread:.2f} in logarithms, lapses {percent(fit.lapse)}; annotators drawn anew"
        )
        name = "Time to be right in 75 %"
        yield _figure_row(name, fit.ms, fit.interval, milliseconds, meaning)
        meaning = "HYPE's score, mean over blocks and annotators; pulled towards its start, 500 ms"
        yield _figure_row("Modal exposure", timed.score_ms, timed.interval, milliseconds, meaning)


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
        fit = timed.threshold
        return _figure_row(part.name, fit.ms, fit.interval, milliseconds, counts)
    told = "shown" if against_guessing(result) == DISTINGUISHED else "not shown"
    told = told if enough(result) else f"no verdict below {FEW_ANNOTATORS} annotators"
    error, meaning = result.error, f"{counts}; told apart: {told}"
    return _figure_row(part.name, error.error, error.interval, percent, meaning)


def _difference_rows(analysis: Analysis) -> Iterator[ResultRow]:
    if len(analysis.models) < 2:
        return
    comparison = analysis.comparison
    if comparison.p is None or comparison.f is None:
        yield ResultRow("Any difference", "undefined", "", comparison.why)
        return
    form, what = (milliseconds, "modal exposure") if analysis.timed else (percent, "error")
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
        ("shown" if equivalence.shown else "not shown") if enough(result) else "no verdict",
        where if equivalence.interval is None else f"{where} (90 %)",
        "two one-sided tests over annotators, at the margin fixed beforehand",
    )


def _image_rows(analysis: Analysis) -> Iterator[ResultRow]:
    pair = analysis.design.protocol == "pair"
    for generated, name in ((True, "generated image"), (False, "real image")):
        counts = sorted(image.votes for image in analysis.images if image.generated == generated)
        if counts:
            least, most = counts[0], counts[-1]
            middle = f"{counts[len(counts) // 2]}"
            meaning = f"median; from {least} to {most}, on {len(counts):,} images judged"
            share = f"{sum(counts):,} votes in all; " if not pair else ""
            yield ResultRow(f"Votes of a {name}", middle, "", share + meaning)


def _annotator_rows(analysis: Analysis) -> Iterator[ResultRow]:
    share = f"{analysis.excluded} of {len(analysis.annotators)}"
    yield ResultRow("Excluded", share, "", "by the rules fixed beforehand")
    if analysis.with_partial is not None and analysis.design.exclusion.complete_only:
        stayed = analysis.with_partial.error
        left = f"{analysis.partial} left early" if analysis.partial != 1 else "1 left early"
        name, meaning = "Error with partial sessions", f"{left}, {stayed.votes:,} votes"
        yield _figure_row(name, stayed.error, stayed.interval, percent, meaning)
    if analysis.without_exclusion is not None:
        everyone = analysis.without_exclusion.error
        name, meaning = "Error without exclusion", f"every vote of everybody, {everyone.votes:,}"
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
        f"{summary['name']}: {summary['state']}, {people(summary['wanted'])} wanted; "
        f"{', '.join(counts) or 'nobody yet'}",
        f"{summary['votes']:,} votes, {summary['losses']:,} pictures could not be shown",
    ]
    if summary["votes"] and summary["why_none"]:
        lines.append(summary["why_none"])
    for name, error in (
        ("error", summary["error"]),
        ("error with partial sessions", summary["with_partial"]),
        ("error without exclusion", summary["without_exclusion"]),
    ):
        if error is not None:
            interval = f"95% interval {error['low']:.1%} to {error['high']:.1%}, as in results"
            who = people(error["annotators"])
            lines.append(f"{name}: {error['rate']:.1%}, {interval}, of {who}")
    if (time := summary["threshold"]) is not None:
        interval = f"95% interval {time['low']:.0f} to {time['high']:.0f} ms, as in results"
        lines.append(f"time to be right in 75%: {time['ms']:.0f} ms, {interval}")
    return "\n".join(lines)


def csv_text(analysis: Analysis) -> str:
    """Return the rows as CSV with a line of names."""
    return csv_lines([ResultRow._fields, *rows(analysis)])
