"""The votes of a study, and what was fixed before the first of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import Rule, check

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

PROTOCOLS = ("single", "pair", "timed")
FEEDBACK = ("off", "on", "split")
HALF, INDEPENDENT = "half", "independent"
"""How the truth of a session's trials is drawn: half of them generated, as studies of before have
it, or each by a fair coin of its own."""
COLUMN_TYPES: Mapping[object, tuple[type, str, str]] = {
    IntArray: (np.int64, "iu", "whole numbers"),
    FloatArray: (np.float64, "fiu", "numbers"),
    BoolArray: (np.bool_, "b", "true or false"),
}
"""Of each type of array: how it is kept, which kinds of NumPy are taken, and its name in words."""


@dataclass(frozen=True, eq=False)
class Votes:
    """The answered trials of a study, in order of (annotator, trial).

    Attributes:
        annotator: who answered, 0 to A - 1.
        image: the judged image, of pairs the generated one, 0 or more; -1 for attention trials.
        generated: the truth; of pairs, whether the left image is the generated one.
        said_generated: the answer; of pairs, whether the left image is called generated.
        attention: trials of attention, which are part of no error rate.
        trial: position in the session, from 0, the tutorial not counted.
        reaction_ms: from display to answer, 0 or more.
        exposure_ms: how long the image was to be seen, above 0; infinite where it stays.
        feedback: whether the annotator learns right or wrong.
        model: whose images the session shows, an index of ``models``.
        annotators: the pseudonym of each annotator.
        models: the name of each model.

    Raises:
        ValueError: if the columns do not fit each other or this description.

    Example:
        >>> yes = np.array([True, False])
        >>> none, zero = np.zeros(2, bool), np.zeros(2, int)
        >>> votes = Votes(annotator=zero, image=np.arange(2), generated=yes, said_generated=~none,
        ...     attention=none, trial=np.arange(2), reaction_ms=np.full(2, 800.0),
        ...     exposure_ms=np.full(2, np.inf), feedback=none, model=zero,
        ...     annotators=("P-7f3a",), models=("digits",))
        >>> len(votes), votes.correct.tolist()
        (2, [True, False])
    """

    annotator: IntArray
    image: IntArray
    generated: BoolArray
    said_generated: BoolArray
    attention: BoolArray
    trial: IntArray
    reaction_ms: FloatArray
    exposure_ms: FloatArray
    feedback: BoolArray
    model: IntArray
    annotators: tuple[str, ...]
    models: tuple[str, ...]

    def __post_init__(self) -> None:
        # Copies, so that no caller can change what was checked.
        for column in fields(self)[:-2]:
            object.__setattr__(self, column.name, _column(column.name, getattr(self, column.name)))
        _check_columns(self)
        _check_values(self)
        _check_sessions(self)

    def __len__(self) -> int:
        return len(self.annotator)

    @property
    def correct(self) -> BoolArray:
        """Whether each answer is right."""
        right: BoolArray = self.generated == self.said_generated
        return right

    def select(self, rows: BoolArray) -> "Votes":
        """Return some rows; annotators without any of them are gone, and the others renumbered."""
        left, numbers = np.unique(self.annotator[rows], return_inverse=True)
        kept = {column.name: getattr(self, column.name)[rows] for column in fields(self)[1:-2]}
        names = tuple(self.annotators[number] for number in left)
        return replace(self, annotator=numbers, annotators=names, **kept)

    def judged(self) -> "Votes":
        """Return the votes that error rates are made of: all but those of attention trials."""
        return self.select(~self.attention)


def _column(name: str, values: ArrayLike) -> NDArray[np.generic]:
    kept, kinds, words = COLUMN_TYPES[Votes.__annotations__[name]]
    given = np.asarray(values)
    if given.ndim != 1:
        raise ValueError(f"votes: {name} has {given.ndim} dimensions, but a column has one")
    if given.size and given.dtype.kind not in kinds:
        raise ValueError(f"votes: {name} has {given.dtype}, but should have {words}")
    column: NDArray[np.generic] = np.array(given, kept)
    column.setflags(write=False)
    return column


def _check_columns(votes: Votes) -> None:
    lengths = {column.name: len(getattr(votes, column.name)) for column in fields(votes)[:-2]}
    for name, length in lengths.items():
        if length != lengths["annotator"]:
            raise ValueError(
                f"votes: {name} has {length} rows, but annotator has {lengths['annotator']}"
            )
    for name, entries in (("annotators", votes.annotators), ("models", votes.models)):
        if len(set(entries)) != len(entries):
            raise ValueError(f"votes: a name occurs twice in {name}")


def _check_values(votes: Votes) -> None:
    for name, column, count in (
        ("annotator", votes.annotator, len(votes.annotators)),
        ("model", votes.model, len(votes.models)),
    ):
        if len(column) and not 0 <= column.min() <= column.max() < count:
            raise ValueError(
                f"votes: {name} goes from {column.min()} to {column.max()}, "
                f"but {count} {name}s are numbered from 0"
            )
    if len(votes) and votes.trial.min() < 0:
        raise ValueError(f"votes: trial {votes.trial.min()} is negative")
    if (bad := votes.image < -1).any() or (bad := (votes.image == -1) != votes.attention).any():
        raise ValueError(
            f"votes: image {votes.image[bad][0]} in row {bad.argmax()}: attention trials have -1, "
            "all others 0 or more"
        )
    if not ((votes.reaction_ms >= 0) & np.isfinite(votes.reaction_ms)).all():
        raise ValueError("votes: reaction_ms has values that are negative or not finite")
    if not (votes.exposure_ms > 0).all():
        raise ValueError("votes: exposure_ms has values that are not above 0")


def _check_sessions(votes: Votes) -> None:
    same = votes.annotator[1:] == votes.annotator[:-1]
    ordered = (votes.annotator[1:] > votes.annotator[:-1]) | (
        same & (votes.trial[1:] > votes.trial[:-1])
    )
    if not ordered.all():
        row = int(ordered.argmin()) + 1
        raise ValueError(
            f"votes: row {row} (annotator {votes.annotator[row]}, trial {votes.trial[row]}) is out "
            "of order or twice there; rows go by annotator and trial"
        )
    for name, column in (("feedback", votes.feedback), ("model", votes.model)):
        if (same & (column[1:] != column[:-1])).any():
            raise ValueError(f"votes: {name} changes within an annotator's session")


@dataclass(frozen=True)
class Exclusion:
    """Rules for whose votes do not count, fixed before the first vote.

    A rule that does not apply to an annotator, as one on attention without such trials, excludes
    nobody. Only scrambled images show attention, of which a session may have few: a slip or two are
    allowed, whatever their share.

    Attributes:
        min_attention: least share of scrambled images answered rightly.
        min_median_reaction_ms: least median of the reaction times.
        max_same_answer: largest share of the answer that is given more often.
        max_alternation: largest share of answers that differ from the one before.
        allowed_slips: wrong answers to scrambled images that exclude nobody.
        complete_only: whether the votes of sessions that were left count in no figure but those
            that say so; studies of before count them.

    Raises:
        ValueError: if a share is not in [0, 1] or another value negative.
    """

    min_attention: float = 0.8
    min_median_reaction_ms: float = 250.0
    max_same_answer: float = 0.9
    max_alternation: float = 0.9
    allowed_slips: int = 1
    complete_only: bool = True

    def __post_init__(self) -> None:
        check(
            vars(self),
            (0 <= self.min_attention <= 1, "min_attention", "from 0 to 1"),
            (0 <= self.max_same_answer <= 1, "max_same_answer", "from 0 to 1"),
            (0 <= self.max_alternation <= 1, "max_alternation", "from 0 to 1"),
            (0 <= self.min_median_reaction_ms < np.inf, "min_median_reaction_ms", "0 or more"),
            (self.allowed_slips >= 0, "allowed_slips", "0 or more"),
        )


def design_rules(protocol: str, feedback: str, people: int, margin: float) -> list[Rule]:
    """Return what must hold of every study, for `check`."""
    return [
        (protocol in PROTOCOLS, "protocol", f"one of {', '.join(PROTOCOLS)}"),
        (feedback in FEEDBACK, "feedback", f"one of {', '.join(FEEDBACK)}"),
        (people >= 1, "annotators_wanted", "at least 1"),
        (0 < margin < 0.5, "margin", "between 0 and 0.5"),
    ]


@dataclass(frozen=True, kw_only=True)
class Design:
    """What was fixed before the first vote.

    Attributes:
        protocol: ``single`` (one image), ``pair`` (two, one of them generated) or ``timed`` (one
            image for a short time, which a staircase sets).
        trials: of a session, those of attention among them.
        feedback: ``off``, ``on``, or ``split``: every other annotator learns right or wrong.
        margin: of equivalence to guessing, above 0, below 1/2.
        annotators_wanted: the study ends with so many.
        exclusion: whose votes do not count.
        seed: of all that is drawn.
        consent_version: of the text that annotators agreed to; all versions and how many people
            agreed to each, once somebody has.
        created: when, in ISO 8601, UTC.
        truth: `HALF` of a session's trials are generated, or `INDEPENDENT` ones by a coin each.

    Raises:
        ValueError: if a value is out of its range.
    """

    protocol: str
    trials: int
    feedback: str
    margin: float
    annotators_wanted: int
    exclusion: Exclusion = field(default_factory=Exclusion)
    seed: int
    consent_version: str
    created: str
    truth: str = INDEPENDENT

    def __post_init__(self) -> None:
        utc = datetime.fromisoformat(self.created).utcoffset() == timedelta(0)
        check(
            vars(self),
            *design_rules(self.protocol, self.feedback, self.annotators_wanted, self.margin),
            (self.trials >= 1, "trials", "at least 1"),
            (self.seed >= 0, "seed", "at least 0"),
            (bool(self.consent_version), "consent_version", "a text"),
            (utc, "created", "a time in UTC"),
            (self.truth in (HALF, INDEPENDENT), "truth", f"{HALF} or {INDEPENDENT}"),
        )
