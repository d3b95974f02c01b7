"""One self-contained page about a study."""

import html
from collections.abc import Iterator
from dataclasses import fields

from ...core.html import page, table
from ..statistics.votes import Votes
from .analysis import Analysis, AnnotatorResult, counted_votes
from .plots import (
    annotator_plot,
    exposure_plot,
    image_plot,
    interval_plot,
    learning_plot,
    reaction_plot,
    staircase_plot,
)
from .text import (
    ANTI_CONSERVATIVE,
    Row,
    cautions,
    headline,
    milliseconds,
    number,
    percent,
    rows,
    span,
)

PROTOCOLS = {
    "single": "one image, no time limit: real or generated?",
    "pair": "two images, one of them generated: which one?",
    "timed": "one image for a short time, which a staircase sets: real or generated?",
}
FEEDBACK = {
    "off": "nobody is told right or wrong",
    "on": "everybody is told right or wrong",
    "split": "every other annotator is told right or wrong",
}


STYLE = """.lead { font-size: 1.4rem; line-height: 1.4 }
.figures table { width: 100%; table-layout: fixed; margin-bottom: 1.5rem }
.figures th:first-child { width: 23% } .figures th:nth-child(2) { width: 12% }
.figures th:nth-child(3) { width: 21% }
.figures td { vertical-align: baseline }
.figures td:nth-child(n+4) { color: #555; font-size: .85em }
.figures th:nth-child(n+2) { color: #777; font-weight: normal; font-size: .85em }
summary { cursor: pointer; margin: 1rem 0 }
"""


def results_page(analysis: Analysis, votes: Votes, title: str) -> bytes:
    """Return the page of a study.

    Args:
        analysis: of the votes.
        votes: all of them.
        title: of the page.
    """
    parts = list(_headline(analysis))
    if analysis.result is not None:
        parts += [] if analysis.timed else [interval_plot(analysis)]
        parts += ["<h2>Figures</h2>", _figures(analysis)]
        parts += list(_plots(analysis, counted_votes(votes, analysis.annotators)))
    parts += list(_fixed(analysis)) + list(_exclusions(analysis))
    parts += list(_annotators(analysis))
    parts += ["<h2>What this does not say</h2>", _limits(analysis)]
    return page(title, parts, STYLE)


def _headline(analysis: Analysis) -> Iterator[str]:
    first, *others = headline(analysis)
    yield f"<p class=lead>{_sentence(first)}</p>"
    if others:
        yield f"<p>{'<br>'.join(map(_sentence, others))}</p>"
    for caution in cautions(analysis):
        yield f"<p class=caution>{_sentence(caution)}</p>"


def _sentence(text: str) -> str:
    """Escape a sentence, and keep numbers and their units on one line."""
    return html.escape(text).replace(" %", "&nbsp;%").replace(" ms", "&nbsp;ms")


def _figures(analysis: Analysis) -> str:
    found = rows(analysis)
    tables = [
        table(
            (group, "value", "95 % interval", "meaning"),
            [(*row[:3], _meaning(row)) for row in found if row.group == group],
            numbers=(1,),
        )
        for group in dict.fromkeys(row.group for row in found)
    ]
    note = (
        f"<p>What is <em>{ANTI_CONSERVATIVE}</em> takes votes of the same person as independent "
        "and is too sure of itself. Intervals over annotators are percentiles of "
        f"{analysis.draws:,} resampled studies.</p>"
    )
    return f"<div class=figures>{''.join(tables)}</div>{note}"


def _meaning(row: Row) -> str:
    return f"{row.caution}: {row.meaning}" if row.caution else row.meaning


def _plots(analysis: Analysis, kept: Votes) -> Iterator[str]:
    if analysis.timed:
        yield "<h2>Exposure</h2>" + staircase_plot(kept) + exposure_plot(analysis)
    else:
        yield "<h2>Annotators</h2>" + annotator_plot(analysis)
        yield "<h2>Learning</h2>" + learning_plot(analysis)
    yield "<h2>Reaction times</h2>" + reaction_plot(kept)
    yield "<h2>Images</h2>" + image_plot(analysis)


def _fixed(analysis: Analysis) -> Iterator[str]:
    design, rules = analysis.design, analysis.design.exclusion
    lines = [
        ("Protocol", PROTOCOLS[design.protocol]),
        ("Feedback", FEEDBACK[design.feedback]),
        ("Trials of a session", f"{design.trials:,}"),
        ("Annotators wanted", f"{design.annotators_wanted:,}; the study ends with them"),
        ("Margin of equivalence", f"± {100 * design.margin:g} points"),
        ("Attention", f"at least {100 * rules.min_attention:g} % of the obvious images right"),
        ("Reaction time", f"median of at least {rules.min_median_reaction_ms:.0f} ms"),
        ("Same answer", f"at most {100 * rules.max_same_answer:g} % of the votes"),
        (
            "Alternation",
            f"at most {100 * rules.max_alternation:g} % of answers differ from the one before",
        ),
        ("Seed", f"{design.seed}"),
        ("Consent text", f"version {design.consent_version}"),
        ("Fixed at", design.created),
    ]
    assert len(lines) == len(fields(design)) + len(fields(rules)) - 1
    yield "<h2>Fixed before the first vote</h2>"
    yield table(("", ""), lines, numbers=())


def _exclusions(analysis: Analysis) -> Iterator[str]:
    yield "<h2>Exclusions</h2>"
    people, everyone = len(analysis.annotators), analysis.without_exclusion
    if not analysis.excluded:
        yield f"<p>None of {people} annotators is excluded.</p>"
        return
    yield f"<p>{analysis.excluded} of {people} annotators are excluded.</p>"
    both = (("with exclusion", analysis.result), ("without exclusion", everyone))
    lines = [
        (
            name,
            f"{result.annotators}",
            f"{result.error.votes:,}",
            percent(result.error.error),
            span(result.error.interval, percent),
            number(result.d_prime),
        )
        for name, result in both
        if result is not None
    ]
    head = ("", "annotators", "votes", "error", "interval over annotators", "d'")
    yield table(head, lines, numbers=(1, 2, 3, 5))
    why = [(p.alias, "; ".join(p.excluded)) for p in analysis.annotators if p.excluded]
    yield f"<p>Why:</p>{table(('', ''), why, numbers=())}"


def _annotators(analysis: Analysis) -> Iterator[str]:
    head = ["annotator", "votes", "error", "95 % interval", "d'", "c", "attention", "median"]
    timed = ["time"] if analysis.timed else []
    lines = [_annotator(person, bool(timed)) for person in analysis.annotators]
    numbers = (1, 2, 4, 5, 6, 7, 8)
    inner = table([*head, *timed, "counts"], lines, numbers=numbers)
    yield f"<details><summary>All {len(lines)} annotators</summary>{inner}</details>"


def _annotator(person: AnnotatorResult, timed: bool) -> list[str]:
    votes, behaviour = person.behaviour.votes, person.behaviour
    attention, median = behaviour.attention, behaviour.median_reaction_ms
    time = "" if person.time_score is None else milliseconds(person.time_score)
    return [
        person.alias,
        f"{votes}",
        percent(person.wrong / votes) if votes else "",
        span(person.interval, percent) if votes else "",
        number(person.d_prime),
        number(person.criterion),
        "" if attention is None else percent(attention),
        "" if median is None else milliseconds(median),
        *([time] if timed else []),
        "no" if person.excluded else "yes",
    ]


def _limits(analysis: Analysis) -> str:
    points = [
        "It holds for people like these annotators, for these images and this set-up. Salimans et "
        "al. found that set-up and motivation change the result, and that experts err far less.",
        "A large p-value is no evidence that images are as good as real. Only the row on the "
        "margin can show that.",
        "An error of 50 % is no praise of variety: a generator of a single perfect image has it.",
        "Whoever knows the public data set can look up the real images.",
    ]
    if analysis.timed:
        points.append(
            "Short exposures exclude people who cannot see flashing images or answer in haste."
        )
    return "<ul>" + "".join(f"<li>{html.escape(point)}</li>" for point in points) + "</ul>"
