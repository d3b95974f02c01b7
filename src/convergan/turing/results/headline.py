"""What a study found in sentences, each claim with its verdict, and the caveats."""

from ..statistics.equivalence import LEVEL
from ..statistics.exclusion import broken_rules
from ..statistics.votes import HALF, Design
from .analysis import Analysis, People
from .estimates import Estimates
from .formats import milliseconds, percent, span

FEW_ANNOTATORS = 15
"""Of fewer annotators, the interval over annotators is itself too narrow (about 92 % at 15)."""
DISTINGUISHED = (
    "That real and generated images can be told apart: shown (the interval is below 50 %)."
)


def headline(analysis: Analysis) -> list[str]:
    """Return the findings of the study, a sentence for each claim."""
    result = analysis.result
    if result is None:
        return [nothing_yet(analysis.annotators, analysis.design)]
    who = f"{result.annotators} annotator{'' if result.annotators == 1 else 's'}"
    if timed := analysis.timed:
        where = span(timed.threshold.interval, milliseconds)
        return [
            f"{who} needed {milliseconds(timed.threshold.ms)} to be right in 75 % of their votes "
            f"(95 % interval over annotators: {where}).",
            error_of_staircase(result),
        ]
    where = span(result.error.interval, percent)
    return [
        f"{who} erred in {percent(result.error.error)} of {result.error.votes:,} votes "
        f"(95 % interval over annotators: {where}).",
        against_guessing(result),
        result.equivalence.sentence() if enough(result) else undecided("equivalence", result),
    ]


def nothing_yet(people: People, design: Design) -> str:
    """Return why there is no figure: nobody, or nobody who finished, or nobody who counts.

    Args:
        people: all who have votes; the votes of none of them count.
        design: of the study.
    """
    excluded = [person.behaviour for person in people if person.excluded]
    if excluded:
        who = f"{len(excluded)} of {len(people)} annotator{'' if len(people) == 1 else 's'}"
        were = "was" if len(excluded) == 1 else "were"
        left = len(people) - len(excluded)
        others = f" and {left} did not finish" if left else ""
        why = broken_rules(excluded, design.exclusion)
        return f"{who} {were} excluded ({why}){others}, so no vote counts."
    if people and design.exclusion.complete_only:
        return "There are no complete sessions that count yet; only complete ones do."
    return "There are no votes that count yet."


def error_of_staircase(result: Estimates) -> str:
    """Return what the error of a timed study says: nothing, where it is as the staircase wants."""
    if (result.error.interval or result.error.pooled).contains(0.25):
        return "The staircase holds the error near 25 %: the time is the result, not the error."
    return (
        f"The error is {percent(result.error.error)}, not the 25 % at which the staircase rests: "
        "it was on its way there, or at an end of 100 to 1,000 ms. The time allows for that."
    )


def enough(result: Estimates) -> bool:
    """Whether there are so many annotators that a claim can be shown."""
    return result.annotators >= FEW_ANNOTATORS


def undecided(claim: str, result: Estimates) -> str:
    """Return that there are too few annotators for a claim."""
    people = f"{result.annotators} annotator{'' if result.annotators == 1 else 's'}"
    return f"On {claim}: no verdict with {people}, as {FEW_ANNOTATORS} or more are wanted."


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
            "any claim, so none is made."
        )
    if analysis.finished < design.annotators_wanted:
        found.append(
            f"The study is not over: {analysis.finished} of {design.annotators_wanted} annotators "
            "have finished. To stop when the figures please is no fair test."
        )
    if analysis.timed is not None and analysis.timed.threshold.outside:
        found.append("The time lies outside of what was shown, 100 to 1,000 ms, and is a bound.")
    for parts, name in ((analysis.arms, "both arms"), (analysis.models, "all models")):
        if parts:
            found.append(f"The figures of all votes mix {name}; below, each has its own.")
    return found


def against_guessing(result: Estimates) -> str:
    """Return in words whether annotators differ from guessing, by the interval over annotators.

    The pooled test has to agree, so that a few annotators who happen to be alike cannot show it;
    with fewer than `FEW_ANNOTATORS` nothing is shown.
    """
    if not enough(result):
        return undecided("whether real and generated images can be told apart", result)
    interval = result.error.interval if result.pooled_p < LEVEL else None
    if interval is not None and interval.high < 0.5:
        return DISTINGUISHED
    if interval is not None and interval.low > 0.5:
        return (
            "That annotators are wrong more often than right: shown (the interval is above 50 %)."
        )
    return "That real and generated images can be told apart: not shown."
