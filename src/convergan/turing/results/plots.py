"""The plots of a study's page."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from ...core.html import Picture, plot
from ..statistics.intervals import Interval
from ..statistics.psychometric import right_probability
from ..statistics.votes import Votes
from .analysis import Analysis, AnnotatorResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY, PALE = "#2f6690", "#d1603d", "#6b7280", "#dde3ea"
TRACES = 40
"""Staircases that are drawn; more would hide each other."""


def interval_plot(analysis: Analysis) -> Picture:
    """Draw the error of the study and its parts, each with its interval."""
    from matplotlib.ticker import MaxNLocator

    found = _errors(analysis)

    def draw(axes: "Axes") -> None:
        low, high = (50 + sign * 100 * analysis.design.margin for sign in (-1, 1))
        axes.axvspan(low, high, color=PALE, linewidth=0, label=_margin(analysis))
        axes.axvline(50, color=GREY, linestyle="--", linewidth=1, label="guessing")
        for place, (_, error, interval, colour) in enumerate(found):
            left, right = interval or (error, error)
            axes.hlines(place, 100 * left, 100 * right, color=colour, alpha=0.5, linewidth=3)
            axes.plot(100 * error, place, "o", color=colour, markersize=7)
        axes.set_yticks(range(len(found)), [name for name, *_ in found], parse_math=False)
        axes.set(xlabel="error with its 95 % interval, %", ylim=(len(found) - 0.4, -0.6))
        edges = [100 * end for _, error, interval, _ in found for end in interval or (error, error)]
        axes.set_xlim(max(0, min(low, *edges) - 3), min(100, max(high, *edges) + 3))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        _calm(axes, "x")

    return plot(draw, "error of the study and its parts with their intervals", legend=False)


def _errors(analysis: Analysis) -> list[tuple[str, float, Interval | None, str]]:
    """Return what to draw: a name, the error, its interval and the colour."""
    result, everyone = analysis.result, analysis.without_exclusion
    assert result is not None and everyone is not None
    error, pair = result.error.error, analysis.design.protocol == "pair"
    found = [("all votes", error, result.error.interval, BLUE)]
    kinds = ("generated left", "generated right") if pair else ("on generated", "on real")
    for name, rate in zip(kinds, (result.on_generated, result.on_real), strict=True):
        if rate is not None:
            found.append((name, rate.error, rate.interval, BLUE))
    for part in (*analysis.arms, *analysis.models):
        if part.result is not None:
            found.append((part.name, part.result.error.error, part.result.error.interval, BLUE))
    found.append(("other images too", error, analysis.crossed, GREY))
    if analysis.partial and analysis.with_partial is not None:
        error_too = analysis.with_partial.error
        found.append(("partial sessions too", error_too.error, error_too.interval, GREY))
    if analysis.excluded:
        found.append(("nobody excluded", everyone.error.error, everyone.error.interval, GREY))
    return [*found, ("as if independent", error, result.error.pooled, ORANGE)]


def annotator_plot(analysis: Analysis) -> Picture:
    """Draw each annotator's error with its interval, in order of the error."""
    people = [person for person in analysis.annotators if person.interval is not None]
    people.sort(key=lambda person: person.wrong / person.behaviour.votes)

    def draw(axes: "Axes") -> None:
        _chance(axes, analysis)
        _bars(axes, people, False, BLUE, "annotator, 95 % interval of their votes")
        if not all(person.counts for person in people):
            _bars(axes, people, True, ORANGE, "does not count")
        axes.set(xlabel="annotators, in order of error", ylabel="error, %", ylim=(0, 100))
        axes.set_xlim(-1, len(people))
        axes.set_xticks([])
        _calm(axes)

    return plot(draw, "error of each annotator with its interval", legend=False)


def _bars(
    axes: "Axes", people: list[AnnotatorResult], excluded: bool, colour: str, label: str
) -> None:
    chosen = [(x, p) for x, p in enumerate(people) if (not p.counts) == excluded]
    width, size = (1.6, 5) if len(people) <= 60 else (0.8, 2.5)
    shape = "X" if excluded else "o"
    places = [x for x, _ in chosen]
    errors = [100 * p.wrong / p.behaviour.votes for _, p in chosen]
    ends = np.array([p.interval for _, p in chosen if p.interval]).reshape(-1, 2) * 100
    axes.vlines(places, ends[:, 0], ends[:, 1], color=colour, alpha=0.35, linewidth=width)
    axes.plot(places, errors, shape, color=colour, markersize=size, label=label)


def learning_plot(analysis: Analysis) -> Picture:
    """Draw the error in the course of a session, of each arm, with bands over annotators."""
    colours = {False: BLUE, True: ORANGE}

    def draw(axes: "Axes") -> None:
        _chance(axes, analysis)
        lowest, highest = 0.4, 0.6
        for arm in analysis.learning.arms:
            colour = colours[arm.feedback]
            middle = [(point.first + point.last) / 2 for point in arm.curve]
            bands = [point.interval or (point.error, point.error) for point in arm.curve]
            low, high = 100 * np.array(bands).T
            lowest = min([lowest, *(end for end, _ in bands)])
            highest = max([highest, *(end for _, end in bands)])
            label = f"{'with' if arm.feedback else 'without'} feedback, 95 % band over annotators"
            axes.fill_between(middle, low, high, color=colour, alpha=0.15, linewidth=0)
            errors = [100 * point.error for point in arm.curve]
            axes.plot(middle, errors, "o-", color=colour, markersize=4, label=label)
        axes.set(xlabel="trial of the session", ylabel="error, %")
        axes.set_ylim(max(0, 100 * lowest - 5), min(100, 100 * highest + 5))
        _calm(axes)

    return plot(draw, "error against trial number", legend=False)


def reaction_plot(votes: Votes) -> Picture:
    """Draw how long right and wrong answers took; ``votes`` are without attention trials."""
    times = np.maximum(votes.reaction_ms, 1)

    def draw(axes: "Axes") -> None:
        edges = np.geomspace(times.min() * 0.98, times.max() * 1.02, 41).tolist()
        for right, colour, name in ((True, BLUE, "right"), (False, ORANGE, "wrong")):
            chosen = times[votes.correct == right]
            if len(chosen):
                label = f"{name}, median {np.median(chosen):,.0f} ms"
                axes.hist(chosen, edges, histtype="stepfilled", color=colour, alpha=0.25)
                axes.hist(chosen, edges, histtype="step", color=colour, label=label)
        axes.set_xscale("log")
        ticks = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000]
        shown = [tick for tick in ticks if edges[0] <= tick <= edges[-1]]
        axes.set_xticks(shown, [f"{tick:,}" for tick in shown])
        axes.minorticks_off()
        axes.set(xlabel="reaction time, ms (logarithmic)", ylabel="answers")
        _calm(axes)

    return plot(draw, "histogram of reaction times of right and wrong answers", legend=False)


def staircase_plot(votes: Votes) -> Picture:
    """Draw how the exposure of a timed study went, of some annotators, and the median of all."""

    def draw(axes: "Axes") -> None:
        for number in range(min(TRACES, len(votes.annotators))):
            rows = votes.annotator == number
            trials = votes.trial[rows] + 1
            axes.plot(trials, votes.exposure_ms[rows], color=BLUE, alpha=0.2, linewidth=0.8)
        trials, place = np.unique(votes.trial, return_inverse=True)
        order = np.argsort(place, kind="stable")
        edges = np.cumsum(np.bincount(place))[:-1]
        median = [np.median(part) for part in np.split(votes.exposure_ms[order], edges)]
        axes.plot(trials + 1, median, color=ORANGE, linewidth=2, label="median of annotators")
        axes.set(xlabel="trial of the session", ylabel="exposure, ms", ylim=(0, 1050))
        _calm(axes)

    return plot(draw, "exposure against trial number", legend=False)


def exposure_plot(analysis: Analysis) -> Picture:
    """Draw the error by exposure, and the psychometric function of the typical person."""
    assert analysis.timed is not None
    steps, fit = analysis.timed.exposures, analysis.timed.threshold
    shown = np.geomspace(100, 1000, 91)
    curve = 100 - 100 * right_probability(shown, np.array(fit.ms), fit.width, fit.lapse)

    def draw(axes: "Axes") -> None:
        middle = [(step.first_ms + step.last_ms) / 2 for step in steps]
        errors = np.array([100 * step.wrong / step.votes for step in steps])
        ends = 100 * np.array([step.pooled for step in steps])
        axes.vlines(middle, ends[:, 0], ends[:, 1], color=BLUE, alpha=0.4, linewidth=2)
        axes.plot(middle, errors, "o", color=BLUE, label="votes of all annotators, pooled 95 %")
        fitted = [100 * step.fitted for step in steps]
        axes.plot(middle, fitted, "x", color=ORANGE, label="the fit at the same votes")
        axes.plot(shown, curve, color=ORANGE, linewidth=1.5, label="the typical person, fitted")
        low, high = fit.interval or (fit.ms, fit.ms)
        axes.hlines(25, low, high, color=ORANGE, linewidth=4, alpha=0.4)
        axes.plot(fit.ms, 25, "o", color=ORANGE, label=f"threshold, {fit.ms:.0f} ms")
        axes.axhline(50, color=GREY, linestyle="--", linewidth=1)
        axes.set(xlabel="exposure, ms", ylabel="error, %", xlim=(0, 1100), ylim=(0, 60))
        _calm(axes)

    return plot(draw, "error by exposure", legend=False)


def image_plot(analysis: Analysis) -> Picture:
    """Draw the histogram of the images' error rates."""
    pair = analysis.design.protocol == "pair"

    def draw(axes: "Axes") -> None:
        edges = np.linspace(0, 100, 11).tolist()
        kinds = ((True, ORANGE, "pairs" if pair else "generated"), (False, BLUE, "real"))
        for generated, colour, name in kinds:
            chosen = [image for image in analysis.images if image.generated == generated]
            if chosen:
                errors = [100 * image.wrong / image.votes for image in chosen]
                label = f"{len(chosen):,} {name}{'' if pair else ' images'}"
                axes.hist(errors, edges, histtype="stepfilled", color=colour, alpha=0.25)
                axes.hist(errors, edges, histtype="step", color=colour, label=label)
        axes.set(xlabel="error on the image, %", ylabel="images", xlim=(0, 100))
        _calm(axes)

    return plot(draw, "histogram of the error on each image", legend=False)


def _chance(axes: "Axes", analysis: Analysis) -> None:
    low, high = (50 + sign * 100 * analysis.design.margin for sign in (-1, 1))
    axes.axhspan(low, high, color=PALE, linewidth=0, label=_margin(analysis))
    axes.axhline(50, color=GREY, linestyle="--", linewidth=1, label="guessing")


def _margin(analysis: Analysis) -> str:
    return f"margin of ± {100 * analysis.design.margin:g} points"


def _calm(axes: "Axes", grid: Literal["x", "y"] = "y") -> None:
    """Take away what is no data, and name the rest above the plot, where it hides nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=GREY, labelcolor="black")
    axes.grid(axis=grid, color=PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False)
