"""What a study says, in words and rows: for the terminal, for CSV, and for the page."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .agreement import Agreement
from .analysis import HALF_WIDTHS, Analysis
from .intervals import Interval
from .part_result import PartResult, Rate

ANTI_CONSERVATIVE = "anti-conservative"
"""The label of what takes votes of the same person as independent: too sure of itself."""


class Row(NamedTuple):
    """A figure.

    Attributes:
        quantity: its name.
        value: of it.
        interval: where it lies, at 95 %; may be empty.
        meaning: how it is defined.
        caution: ``anti-conservative``, ``conservative`` or empty.
    """

    quantity: str
    value: str
    interval: str
    meaning: str
    caution: str = ""


def percent(share: float) -> str:
    """Spell a share.

    Example:
        >>> percent(0.476)
        '47.6 %'
    """
    return f"{100 * share:.1f} %"


def number(value: float) -> str:
    """Spell a figure without unit; what would be minus zero has no sign.

    Example:
        >>> number(1.642), number(-0.0001)
        ('1.64', '0.00')
    """
    return f"{round(value, 2) + 0.0:.2f}"


def milliseconds(value: float) -> str:
    """Spell a time.

    Example:
        >>> milliseconds(412.4)
        '412 ms'
    """
    return f"{value:.0f} ms"


def span(interval: Interval | None, spell: Callable[[float], str]) -> str:
    """Spell an interval.

    Example:
        >>> span(Interval(0.4, 0.5), percent), span(None, percent)
        ('40.0 to 50.0 %', 'none over fewer than 2 annotators')
    """
    if interval is None:
        return "none over fewer than 2 annotators"
    low, high = (spell(end) for end in interval)
    head, _, unit = low.rpartition(" ")
    return f"{head} to {high}" if head and high.endswith(f" {unit}") else f"{low} to {high}"


def p_value(p: float) -> str:
    """Spell a p-value.

    Example:
        >>> p_value(0.0336), p_value(1e-9)
        ('0.034', 'below 0.001')
    """
    return f"{p:.3f}" if p >= 0.001 else "below 0.001"


def headline(analysis: Analysis) -> list[str]:
    """Return what the study says, a sentence for each claim."""
    result = analysis.result
    if result is None:
        return ["There are no votes that count yet."]
    who = f"{result.annotators} annotator{'' if result.annotators == 1 else 's'}"
    where = span(result.error.interval, percent)
    sentences = [
        f"{who} erred in {percent(result.error.error)} of {result.error.votes:,} votes "
        f"(95 % interval over annotators: {where})."
    ]
    if timed := analysis.timed:
        where = span(timed.interval, milliseconds)
        sentences = [
            f"{who} needed {milliseconds(timed.score_ms)} to be right in 75 % of their votes "
            f"(95 % interval over annotators: {where}).",
            "The staircase holds the error near 25 %: the time is the result, not the error.",
        ]
        return sentences
    return [*sentences, against_guessing(result), result.equivalence.sentence()]


def against_guessing(result: PartResult) -> str:
    """Return in words whether annotators differ from guessing, by the interval over annotators."""
    interval = result.error.interval
    if interval is not None and interval.high < 0.5:
        return (
            "That real and generated images can be told apart: shown (the interval is below 50 %)."
        )
    if interval is not None and interval.low > 0.5:
        return (
            "That annotators are wrong more often than right: shown (the interval is above 50 %)."
        )
    return "That real and generated images can be told apart: not shown."


def rows(analysis: Analysis) -> list[Row]:
    """Return the figures of a study, in the order of their importance."""
    result = analysis.result
    if result is None:
        return []
    pair = analysis.design.protocol == "pair"
    found = list(_timed_rows(analysis))
    found += _error_rows(result, pair)
    if analysis.crossed:
        found.append(
            Row(
                "Error, other images too",
                percent(result.error.error),
                span(analysis.crossed, percent),
                "annotators and images are both drawn anew",
                "conservative",
            )
        )
    found += _pooled_rows(result)
    found += _sensitivity_rows(result, pair)
    found += _learning_rows(analysis)
    found += [
        _agreement_row("Krippendorff's alpha", analysis.alpha),
        _agreement_row("Fleiss' kappa", analysis.kappa),
    ]
    if not analysis.timed:
        found += _equivalence_rows(result)
    found += _power_rows(analysis)
    return [*found, *_exclusion_rows(analysis)]


def _timed_rows(analysis: Analysis) -> Iterator[Row]:
    if timed := analysis.timed:
        meaning = "modal exposure of a block, mean over blocks, mean over annotators"
        where = span(timed.interval, milliseconds)
        yield Row("Time to be right in 75 %", milliseconds(timed.score_ms), where, meaning)


def _error_rows(result: PartResult, pair: bool) -> Iterator[Row]:
    kinds: list[tuple[str, Rate | None]] = [
        ("Error", result.error),
        ("Error, generated on the left" if pair else "Error on generated", result.on_generated),
        ("Error, generated on the right" if pair else "Error on real", result.on_real),
    ]
    for name, rate in kinds:
        if rate is not None:
            meaning = f"{rate.wrong:,} wrong of {rate.votes:,} votes; annotators are drawn anew"
            yield Row(name, percent(rate.error), span(rate.interval, percent), meaning)


def _pooled_rows(result: PartResult) -> Iterator[Row]:
    error = percent(result.error.error)
    yield Row(
        "Error, pooled",
        error,
        span(result.error.pooled, percent),
        "Wilson's interval, as if all votes were independent",
        ANTI_CONSERVATIVE,
    )
    yield Row(
        "p against guessing, pooled",
        p_value(result.pooled_p),
        "",
        "two-sided exact binomial test, as if all votes were independent",
        ANTI_CONSERVATIVE,
    )
    if result.rho is not None:
        yield Row(
            "Design effect",
            number(result.effect),
            "",
            f"1 + (m - 1) rho: votes of an annotator m = {result.votes_each:.0f}, their "
            f"correlation rho = {result.rho:.3f}",
        )
        where = span(result.widened, percent)
        yield Row("Error, widened", error, where, "Wilson's interval, widened by that effect")


def _sensitivity_rows(result: PartResult, pair: bool) -> Iterator[Row]:
    where = span(result.d_prime_interval, number)
    meaning = "distance of real and generated in deviations, apart from bias; 0 is guessing"
    yield Row("Sensitivity d'", number(result.d_prime), where, meaning)
    where = span(result.criterion_interval, number)
    kinds = '"left", above 0 "right"' if pair else '"generated", above 0 "real"'
    meaning = f"below 0, {kinds} is said more often"
    yield Row("Bias (criterion c)", number(result.criterion), where, meaning)


def _learning_rows(analysis: Analysis) -> Iterator[Row]:
    meaning = "change of the log odds of a right answer over 100 trials"
    for arm in analysis.learning.arms:
        name = f"Learning {'with' if arm.feedback else 'without'} feedback"
        yield Row(name, number(arm.slope), span(arm.interval, number), meaning)
    if analysis.learning.difference is not None:
        value, where = analysis.learning.difference, span(analysis.learning.interval, number)
        yield Row("Learning, difference", number(value), where, "with feedback less without")


def _agreement_row(name: str, agreement: Agreement) -> Row:
    if agreement.value is None:
        return Row(name, "undefined", "", agreement.why)
    meaning = f"agreement on {agreement.images:,} images; 1 is perfect, 0 is chance"
    return Row(name, number(agreement.value), "", meaning)


def _equivalence_rows(result: PartResult) -> Iterator[Row]:
    equivalence = result.equivalence
    margin = f"50 ± {100 * equivalence.margin:g} %"
    where = span(equivalence.interval, percent)
    yield Row(
        f"Error within {margin}",
        "shown" if equivalence.shown else "not shown",
        where if equivalence.interval is None else f"{where} (90 %)",
        "two one-sided tests over annotators, at the margin fixed beforehand",
    )
    yield Row(
        f"p of error within {margin}, pooled",
        p_value(equivalence.pooled_p),
        "",
        "two one-sided exact tests, as if all votes were independent",
        ANTI_CONSERVATIVE,
    )


def _power_rows(analysis: Analysis) -> Iterator[Row]:
    if analysis.power is None or analysis.result is None:
        return
    each = analysis.result.votes_each
    for half, annotators in zip(HALF_WIDTHS, analysis.power, strict=True):
        meaning = f"for a 95 % interval of the error, {each:.0f} votes each, rho of this study"
        yield Row(f"Annotators for ± {100 * half:g} points", f"{annotators:,}", "", meaning)


def _exclusion_rows(analysis: Analysis) -> Iterator[Row]:
    people = len(analysis.annotators)
    share = f"{analysis.excluded} of {people}"
    yield Row("Annotators excluded", share, "", "by the rules fixed beforehand")
    if everyone := analysis.without_exclusion:
        where = span(everyone.error.interval, percent)
        meaning = f"nobody excluded, {everyone.error.votes:,} votes"
        yield Row("Error without exclusion", percent(everyone.error.error), where, meaning)


def csv_text(analysis: Analysis) -> str:
    """Return the rows as CSV with a line of names."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows(analysis))
    return buffer.getvalue()
