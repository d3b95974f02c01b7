"""All figures of a study as one frozen value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace

import numpy as np

from ..checks import check
from ..statistics.agreement import Agreement, answer_counts, fleiss_kappa, krippendorff_alpha
from ..statistics.annotator_bootstrap import DRAWS, rng_for
from ..statistics.exclusion import Behaviour, behaviours
from ..statistics.intervals import Interval, wilson
from ..statistics.learning import Learning, learning
from ..statistics.model_comparison import Comparison, compare
from ..statistics.power import annotators_needed
from ..statistics.signal_detection import sensitivity
from ..statistics.staircase import block_of, time_score
from ..statistics.votes import BoolArray, Design, FloatArray, Votes
from .estimates import Estimates, confusion_counts, crossed_interval, estimate
from .timed import TimedResult, timed_result

HALF_WIDTHS = (0.05, 0.03, 0.02)


@dataclass(frozen=True)
class AnnotatorResult:
    """An annotator.

    Attributes:
        model: whose images were shown.
        feedback: whether the annotator learns right or wrong.
        finished: whether every trial is answered.
        wrong: wrong votes on judged images, of ``behaviour.votes``.
        interval: Wilson's interval of the error; none without votes.
        time_score: mean over blocks of the modal exposure in ms; none unless timed.
        behaviour: what the rules of exclusion depend on.
        excluded: why the votes do not count by the rules on behaviour; empty if they may.
        counts: whether the votes are in the figures: of who is not excluded and, in studies where
            complete sessions alone count, has finished.
    """

    alias: str
    model: str
    feedback: bool
    finished: bool
    wrong: int
    interval: Interval | None
    d_prime: float
    criterion: float
    time_score: float | None
    behaviour: Behaviour
    excluded: tuple[str, ...]
    counts: bool


People = Sequence[AnnotatorResult]


@dataclass(frozen=True)
class ImageResult:
    """A judged image, of pairs the generated one, and how many of the votes on it are wrong."""

    image: int
    generated: bool
    votes: int
    wrong: int


@dataclass(frozen=True)
class Subgroup:
    """A part of the study: an arm or a model.

    ``result`` is none without votes that count, ``timed`` unless the study is timed.
    """

    name: str
    result: Estimates | None
    timed: TimedResult | None


@dataclass(frozen=True)
class Analysis:
    """A study.

    Attributes:
        draws: of every bootstrap.
        attention_votes: answers to attention trials.
        finished: annotators who answered every trial.
        result: the figures after exclusion; none without votes that count.
        crossed: interval of the error over annotators and images.
        with_partial: the figures with those who are not excluded and did not finish.
        without_exclusion: the figures of all annotators and votes.
        comparison: between models, by those who finished.
        timed: what the staircase found; none unless timed.
        power: annotators for each of ``HALF_WIDTHS`` at this study's votes and ``rho``; none where
            the latter is undefined.
        images: each one that was judged by annotators whose votes count.
    """

    design: Design
    draws: int
    attention_votes: int
    finished: int
    result: Estimates | None
    crossed: Interval | None
    with_partial: Estimates | None
    without_exclusion: Estimates | None
    arms: tuple[Subgroup, ...]
    models: tuple[Subgroup, ...]
    comparison: Comparison
    learning: Learning
    alpha: Agreement
    kappa: Agreement
    timed: TimedResult | None
    power: tuple[int, ...] | None
    annotators: tuple[AnnotatorResult, ...]
    images: tuple[ImageResult, ...]

    @property
    def partial(self) -> int:
        """The number of annotators who are not excluded and whose sessions are not complete."""
        return sum(not (person.excluded or person.finished) for person in self.annotators)

    @property
    def excluded(self) -> int:
        """The number of annotators whose votes do not count by the rules on behaviour."""
        return sum(bool(person.excluded) for person in self.annotators)


def analyse(votes: Votes, design: Design, *, draws: int = DRAWS) -> Analysis:
    """Return all figures of a study, of all its votes.

    Args:
        votes: all of them, excluded ones as well.
        design: what was fixed before the first one.
        draws: resampled studies of every bootstrap.

    Raises:
        ValueError: if ``draws`` is not positive, or votes have trials that the design does not.
    """
    group = primary_group(votes, design, draws=draws)
    people, counted, kept = group.everybody, group.people, group.votes
    with_partial, without_exclusion = sensitivity_analyses(votes, group)
    result = group.result()
    answer = kept.said_generated if design.protocol != "pair" else kept.correct
    answers = answer_counts(kept.image, answer.astype(np.int64))
    return Analysis(
        design=design,
        draws=draws,
        attention_votes=int(votes.attention.sum()),
        finished=sum(person.finished for person in people),
        result=result,
        crossed=crossed_interval(kept, design, draws=draws),
        with_partial=with_partial,
        without_exclusion=without_exclusion,
        arms=group.arms(),
        models=group.models(),
        comparison=compare(_figures_by_model(counted)),
        learning=learning(
            kept.annotator,
            kept.trial,
            kept.correct,
            kept.feedback,
            draws=draws,
            rng=rng_for(design.seed, "learning"),
        ),
        alpha=krippendorff_alpha(answers),
        kappa=fleiss_kappa(answers),
        timed=group.timed(),
        power=_power(result),
        annotators=people,
        images=_images(kept, design),
    )


def primary_group(votes: Votes, design: Design, *, draws: int = DRAWS) -> "Group":
    """Return the annotators and votes of the primary analysis, whose figures are the headline.

    Arguments and errors are those of `analyse`.
    """
    check({"draws": draws}, (draws >= 1, "draws", "at least 1"))
    if len(votes) and (last := int(votes.trial.max())) >= design.trials:
        raise ValueError(f"votes: trial {last}, but the design has {design.trials}, from 0")
    people = _annotators(votes, design)
    counted = [person for person in people if person.counts]
    return Group(counted_votes(votes, people), counted, design, draws, people)


def sensitivity_analyses(votes: Votes, group: "Group") -> tuple[Estimates | None, Estimates | None]:
    """Return the figures with partial sessions too, and those of everybody; None without votes.

    Args:
        votes: all of them.
        group: of the primary analysis.
    """
    behaved = np.array([not person.excluded for person in group.everybody], bool)
    stayed = votes.select(behaved[votes.annotator] & ~votes.attention)
    with_partial, everybody = (
        estimate(some, group.design, draws=group.draws, purpose="study")
        for some in (stayed, votes.judged())
    )
    return with_partial, everybody


def counted_votes(votes: Votes, people: People) -> Votes:
    """Return the votes that the figures are made of: judged, by annotators who count.

    ``people`` are all who have votes, in order of ``votes.annotators``.
    """
    counts = np.array([person.counts for person in people], bool)
    return votes.select(counts[votes.annotator] & ~votes.attention)


def to_json(analysis: Analysis) -> dict[str, object]:
    """Return an analysis as JSON values by name; values that are not finite are null."""
    found = _plain(analysis)
    assert isinstance(found, dict)
    return found


def _plain(value: object) -> object:
    if isinstance(value, Interval | Agreement):
        return {name: _plain(entry) for name, entry in value._asdict().items()}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if is_dataclass(value):
        names = [column.name for column in fields(value)]
        names += [name for name, kind in vars(type(value)).items() if isinstance(kind, property)]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _annotators(votes: Votes, design: Design) -> tuple[AnnotatorResult, ...]:
    edges = np.searchsorted(votes.annotator, np.arange(len(votes.annotators) + 1))
    table, found, pairs = confusion_counts(votes), [], design.protocol == "pair"
    for number, behaviour in enumerate(behaviours(votes, pairs=pairs)):
        rows = slice(edges[number], edges[number + 1])
        hits, fakes, alarms, reals = (int(count) for count in table[number])
        wrong, count = fakes - hits + alarms, fakes + reals
        overall = sensitivity(hits, fakes, alarms, reals, pairs=pairs)
        seen = ~votes.attention[rows]
        score, finished = None, len(seen) == design.trials
        reasons = behaviour.reasons(design.exclusion)
        if design.protocol == "timed" and count:
            block = block_of(votes.trial[rows][seen], design.trials)
            score = time_score(votes.exposure_ms[rows][seen], block)
        found.append(
            AnnotatorResult(
                alias=votes.annotators[number],
                model=votes.models[votes.model[rows][0]] if len(seen) else "",
                feedback=bool(votes.feedback[rows].any()),
                finished=finished,
                wrong=wrong,
                interval=wilson(wrong, count) if count else None,
                d_prime=float(overall.d_prime),
                criterion=float(overall.criterion),
                time_score=score,
                behaviour=behaviour,
                excluded=reasons,
                counts=not reasons and (finished or not design.exclusion.complete_only),
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class Group:
    """Some annotators, those of their votes that count, and all annotators of the study."""

    votes: Votes
    people: People
    design: Design
    draws: int
    everybody: tuple[AnnotatorResult, ...]

    def result(self) -> Estimates | None:
        """Return the error with its intervals, and more; None without votes."""
        return estimate(self.votes, self.design, draws=self.draws, purpose="study")

    def arms(self) -> tuple[Subgroup, ...]:
        """Return the annotators without and with feedback."""
        if self.design.feedback != "split":
            return ()
        return tuple(
            self._subgroup(
                name,
                self.votes.feedback == arm,
                [person for person in self.people if person.feedback == arm],
            )
            for name, arm in (("without feedback", False), ("with feedback", True))
        )

    def models(self) -> tuple[Subgroup, ...]:
        """Return the annotators of each model."""
        if len(self.votes.models) < 2:
            return ()
        return tuple(
            self._subgroup(
                name,
                self.votes.model == number,
                [person for person in self.people if person.model == name],
            )
            for number, name in enumerate(self.votes.models)
        )

    def _subgroup(self, name: str, rows: BoolArray, people: People) -> Subgroup:
        group = replace(self, votes=self.votes.select(rows), people=people)
        result = estimate(group.votes, self.design, draws=self.draws, purpose=name)
        return Subgroup(name, result, group.timed())

    def timed(self) -> TimedResult | None:
        """Return the threshold, the modal exposure and errors by exposure; None unless timed.

        The modal exposure is of those who finished, of all while nobody has: people who left early
        have seen little but the exposure that a staircase begins with.
        """
        chosen = [person for person in self.people if person.finished] or self.people
        scores = [person.time_score for person in chosen if person.time_score is not None]
        return timed_result(self.votes, scores, self.design, self.draws)


def _figures_by_model(people: People) -> dict[str, FloatArray]:
    """Return the time score where there is one, else the error, of each who finished.

    Everybody weighs the same in a comparison, so a few votes would make extreme figures.
    """
    figures: dict[str, list[float]] = {}
    for person in people:
        if person.finished and (count := person.behaviour.votes):
            error = person.wrong / count
            score = error if person.time_score is None else person.time_score
            figures.setdefault(person.model, []).append(score)
    return {model: np.array(values) for model, values in sorted(figures.items())}


def _power(result: Estimates | None) -> tuple[int, ...] | None:
    if result is None or result.rho is None:
        return None
    each, rho = result.votes_each, result.rho
    return tuple(annotators_needed(half, each, rho) for half in HALF_WIDTHS)


def _images(votes: Votes, design: Design) -> tuple[ImageResult, ...]:
    numbers, first, place = np.unique(votes.image, return_index=True, return_inverse=True)
    counts = np.bincount(place, minlength=len(numbers))
    wrong = np.bincount(place[~votes.correct], minlength=len(numbers))
    truth = votes.generated[first] | (design.protocol == "pair")
    columns = zip(numbers.tolist(), truth.tolist(), counts.tolist(), wrong.tolist(), strict=True)
    return tuple(ImageResult(*row) for row in columns)
