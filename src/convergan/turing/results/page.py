"""One self-contained page about a study."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from ...core.html import Bullets, Caution, Folded, Paragraph, Part, Section, Table, render
from ..statistics.votes import HALF, INDEPENDENT, Votes
from .analysis import Analysis, AnnotatorResult, counted_votes
from .formats import milliseconds, number, percent, span
from .headline import cautions, headline
from .plots import (
    annotator_plot,
    exposure_plot,
    image_plot,
    interval_plot,
    learning_plot,
    reaction_plot,
    staircase_plot,
)
from .text import ANTI_CONSERVATIVE, ResultRow, rows

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

TRUTH = {
    HALF: "half of a session's images are generated",
    INDEPENDENT: "generated or real by a fair coin in each trial",
}

PARTIAL = {
    True: "do not count, except where the table says so",
    False: "count with the votes that they have",
}


def results_page(
    analysis: Analysis,
    votes: Votes,
    title: str,
    images: Section | None = None,
    preregistered: str = "",
) -> bytes:
    """Return the page of a study.

    Args:
        analysis: its figures.
        votes: all of its votes.
        title: of the page.
        images: pictures of single images, if they are known.
        preregistered: whether the study is as it was said to be, in words.
    """
    sections = [Section("", list(_opening(analysis)))]
    if figures := rows(analysis):
        sections.append(Section("Figures", _figures(analysis, figures)))
    if analysis.result is not None:
        sections += _plots(analysis, counted_votes(votes, analysis.annotators))
    sections += [] if images is None else [images]
    sections += [
        Section("Fixed before the first vote", _fixed_parts(analysis, preregistered)),
        Section("Exclusions", [*_exclusions(analysis), _annotators(analysis)]),
        Section("What this does not say", [_limits(analysis)]),
    ]
    return render(title, sections)


def _opening(analysis: Analysis) -> Iterator[Part]:
    first, *others = map(_unbroken, headline(analysis))
    yield Paragraph(first, lead=True)
    yield from map(Paragraph, others)
    if found := cautions(analysis):
        yield Caution([_unbroken(caution) for caution in found])
    if analysis.result is not None and not analysis.timed:
        yield interval_plot(analysis)


def _unbroken(text: str) -> str:
    """Keep numbers and their units on one line."""
    return text.replace(" %", "\u00a0%").replace(" ms", "\u00a0ms")


def _figures(analysis: Analysis, figures: Sequence[ResultRow]) -> list[Part]:
    note = (
        f"What is {ANTI_CONSERVATIVE} takes votes of the same person as independent and is too "
        "sure of itself. Intervals over annotators are percentiles of "
        f"{analysis.draws:,} resampled studies."
    )
    lines = [(row.group, *map(_unbroken, (*row[:3], _meaning(row)))) for row in figures]
    head = ("figure", "value", "95 % interval", "meaning")
    return [Table(head, lines, numbers=(1,), groups=True), Paragraph(note)]


def _meaning(row: ResultRow) -> str:
    return f"{row.caution}: {row.meaning}" if row.caution else row.meaning


def _plots(analysis: Analysis, kept: Votes) -> Iterator[Section]:
    if analysis.timed:
        yield Section("Exposure", [staircase_plot(kept), exposure_plot(analysis)])
    else:
        yield Section("Annotators", [annotator_plot(analysis)])
        yield Section("Learning", [learning_plot(analysis)])
    yield Section("Reaction times", [reaction_plot(kept)])
    yield Section("Images", [image_plot(analysis)])


def _fixed_parts(analysis: Analysis, preregistered: str) -> list[Part]:
    return [*([Paragraph(preregistered)] if preregistered else []), _fixed(analysis)]


def _fixed(analysis: Analysis) -> Table:
    design, rules = analysis.design, analysis.design.exclusion
    lines = [
        ("Protocol", PROTOCOLS[design.protocol]),
        ("Feedback", FEEDBACK[design.feedback]),
        ("Trials of a session", f"{design.trials:,}"),
        ("Annotators wanted", f"{design.annotators_wanted:,}; the study ends with them"),
        ("Margin of equivalence", f"± {100 * design.margin:g} points"),
        ("Truth", TRUTH[design.truth]),
        ("Attention", f"at least {100 * rules.min_attention:g} % of scrambled images right"),
        ("Allowed slips", f"{rules.allowed_slips}, whatever their share"),
        ("Sessions that were left", PARTIAL[rules.complete_only]),
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
    return Table((), lines)


def _exclusions(analysis: Analysis) -> Iterator[Part]:
    people, everyone = len(analysis.annotators), analysis.without_exclusion
    if analysis.partial:
        yield Paragraph(f"{analysis.partial} of {people} annotators did not finish.")
    if not analysis.excluded:
        yield Paragraph(f"None of {people} annotators is excluded.")
    else:
        yield Paragraph(f"{analysis.excluded} of {people} annotators are excluded.")
    if not (analysis.excluded or analysis.partial):
        return
    both = (
        ("the analysis", analysis.result),
        ("partial sessions too", analysis.with_partial),
        ("without exclusion", everyone),
    )
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
    yield Table(head, lines, numbers=(1, 2, 3, 5))
    why = [(p.alias, "; ".join(p.excluded)) for p in analysis.annotators if p.excluded]
    if why:
        yield Table(("annotator", "why excluded"), why)


def _annotators(analysis: Analysis) -> Folded:
    head = ["annotator", "votes", "error", "95 % interval", "d'", "c", "attention", "median"]
    timed, own = ["mode", "threshold"] if analysis.timed else [], dict[str, float | None]()
    if analysis.timed:
        threshold = analysis.timed.threshold
        own = dict(zip(analysis.timed.annotators, threshold.people_ms, strict=True))
    lines = [_annotator(person, own if timed else None) for person in analysis.annotators]
    numbers = [1, 2, 4, 5, 6, 7, *([8, 9] if timed else [])]
    inner = Table([*head, *timed, "counts"], lines, numbers)
    return Folded(f"All {len(lines)} annotators", inner)


def _annotator(person: AnnotatorResult, thresholds: Mapping[str, float | None] | None) -> list[str]:
    votes, behaviour = person.behaviour.votes, person.behaviour
    attention, median = behaviour.attention, behaviour.median_reaction_ms
    times: list[str] = []
    if thresholds is not None:
        both = (person.time_score, thresholds.get(person.alias))
        times = ["" if ms is None else milliseconds(ms) for ms in both]
    return [
        person.alias,
        f"{votes}",
        percent(person.wrong / votes) if votes else "",
        span(person.interval, percent) if votes else "",
        number(person.d_prime),
        number(person.criterion),
        "" if attention is None else percent(attention),
        "" if median is None else milliseconds(median),
        *times,
        "yes" if person.counts else "no" if person.excluded else "partial",
    ]


def _limits(analysis: Analysis) -> Bullets:
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
    return Bullets(points)
