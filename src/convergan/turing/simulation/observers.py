"""Simulated annotators, whose truth is known, and studies of them.

An annotator is a frozen value with a pure method ``answer``, which takes its
randomness as an argument.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import expit, ndtr

from ..statistics.staircase import START_MS, block_of, next_exposure
from ..statistics.votes import HALF, Design, FloatArray, Votes
from ..study.trials import images_needed

ATTENTIVE = 0.98
"""Share of attention trials that honest annotators answer rightly."""
POOL = 200
"""Images of a model in a simulated study; as many real ones."""
ATTENTION_EVERY = 10
"""One trial in so many is one of attention."""


class Stimulus(NamedTuple):
    """What an annotator sees in one trial.

    Attributes:
        generated: the truth; of pairs, whether the left image is generated.
        trial: position in the session, from 0.
        exposure_ms: how long the image is seen; may be infinite.
        feedback: whether the annotator learns right or wrong.
        attention: whether the image is obvious: a scrambled one, or one that is seen to be real.
        told_generated: trials so far of which the annotator learned that the image was generated,
            of pairs the left one.
        told_real: trials so far of which the annotator learned the opposite.
    """

    generated: bool
    trial: int = 0
    exposure_ms: float = math.inf
    feedback: bool = False
    attention: bool = False
    told_generated: int = 0
    told_real: int = 0


class Annotator(Protocol):
    """Somebody who answers."""

    def answer(self, stimulus: Stimulus, rng: np.random.Generator) -> tuple[bool, float]:
        """Return an answer and the time it took.

        Args:
            stimulus: what the annotator sees.
            rng: source of randomness.

        Returns:
            whether the answer was "generated" (of pairs, "left"), and the reaction time in ms.
        """


def _reaction_ms(rng: np.random.Generator) -> float:
    return 900.0 * math.exp(0.35 * float(rng.standard_normal()))


class Honest(ABC):
    """Tries to answer right, with a probability that depends on the stimulus."""

    @abstractmethod
    def right(self, stimulus: Stimulus) -> float:
        """Return the probability of a right answer."""

    def answer(self, stimulus: Stimulus, rng: np.random.Generator) -> tuple[bool, float]:
        """Return an answer and the time it took."""
        right = ATTENTIVE if stimulus.attention else self.right(stimulus)
        is_right = bool(rng.random() < right)
        return stimulus.generated == is_right, _reaction_ms(rng)


@dataclass(frozen=True)
class Guesser(Honest):
    """Right with a fixed probability, its skill, whatever it sees."""

    skill: float = 0.5

    def right(self, stimulus: Stimulus) -> float:
        """Return the skill."""
        return self.skill


@dataclass(frozen=True)
class Observer(Honest):
    """Signal detection: answers "generated" where evidence with normal noise exceeds a criterion.

    Attributes:
        d_prime: distance of the two kinds of images, in deviations of the noise.
        criterion: from the middle between them.
        pairs: two images at once, whose evidence differs by the root of 2 times as much.

    Example:
        >>> round(Observer(2.0).right(Stimulus(generated=True)), 4)
        0.8413
    """

    d_prime: float
    criterion: float = 0.0
    pairs: bool = False

    def right(self, stimulus: Stimulus) -> float:
        """Return the probability of evidence on the right side of the criterion."""
        mean = self.d_prime * (math.sqrt(0.5) if self.pairs else 0.5)
        return float(ndtr(mean - self.criterion if stimulus.generated else mean + self.criterion))


@dataclass(frozen=True)
class Crowd:
    """People whose skills differ, so that votes of the same person are correlated.

    Attributes:
        skill: mean probability of a right answer.
        rho: correlation of two votes of a person, 0 to below 1: skills have the variance
            ``rho skill (1 - skill)`` of a beta distribution.
    """

    skill: float
    rho: float

    def skills(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return the skills of some people."""
        if self.rho == 0:
            return np.full(count, self.skill)
        strength = (1 - self.rho) / self.rho
        return rng.beta(self.skill * strength, (1 - self.skill) * strength, count)

    def people(self, count: int, rng: np.random.Generator) -> list[Guesser]:
        """Return some people."""
        return [Guesser(float(skill)) for skill in self.skills(count, rng)]


@dataclass(frozen=True)
class Learner(Honest):
    """Improves with every trial, above all with feedback.

    Attributes:
        slope: change of the log odds of a right answer over 100 trials, with feedback.
        without: likewise, without feedback.
        start: log odds at the first trial; 0 is guessing.
    """

    slope: float
    without: float = 0.0
    start: float = 0.0

    def right(self, stimulus: Stimulus) -> float:
        """Return the probability at a trial."""
        slope = self.slope if stimulus.feedback else self.without
        return float(expit(self.start + slope * stimulus.trial / 100))


@dataclass(frozen=True)
class StaircaseObserver(Honest):
    """Sees better the longer it sees; a psychometric curve in ms.

    Attributes:
        threshold_ms: exposure at which 75 % are right.
        spread_ms: of the logistic curve from guessing to certainty.

    Example:
        >>> observer = StaircaseObserver(400)
        >>> [observer.right(Stimulus(True, exposure_ms=ms)) for ms in (400, np.inf)]
        [0.75, 1.0]
    """

    threshold_ms: float
    spread_ms: float = 60.0

    def right(self, stimulus: Stimulus) -> float:
        """Return the probability at an exposure."""
        return 0.5 + 0.5 * float(expit((stimulus.exposure_ms - self.threshold_ms) / self.spread_ms))


@dataclass(frozen=True)
class AlwaysFake:
    """Answers "generated" (of pairs, "left") whatever it sees."""

    def answer(self, stimulus: Stimulus, rng: np.random.Generator) -> tuple[bool, float]:
        """Return an answer and the time it took."""
        return True, _reaction_ms(rng)


@dataclass(frozen=True)
class Alternator:
    """Answers "generated" at every other trial."""

    def answer(self, stimulus: Stimulus, rng: np.random.Generator) -> tuple[bool, float]:
        """Return an answer and the time it took."""
        return stimulus.trial % 2 == 0, _reaction_ms(rng)


@dataclass(frozen=True)
class FastClicker:
    """Answers by chance, sooner than anybody could see."""

    reaction_ms: float = 80.0

    def answer(self, stimulus: Stimulus, rng: np.random.Generator) -> tuple[bool, float]:
        """Return an answer and the time it took."""
        return bool(rng.random() < 0.5), self.reaction_ms


@dataclass(frozen=True)
class Counter:
    """Never looks: answers what was rarer so far (of pairs, on which side), as feedback tells.

    Where exactly half of a session is generated, this beats guessing; where every truth is a fair
    coin, nothing does.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> Counter().answer(Stimulus(True, told_generated=3, told_real=1), rng)[0]
        False
    """

    def answer(self, stimulus: Stimulus, rng: np.random.Generator) -> tuple[bool, float]:
        """Return an answer and the time it took."""
        more = stimulus.told_real - stimulus.told_generated
        guess = bool(rng.random() < 0.5)
        return (more > 0 if more else guess), _reaction_ms(rng)


def simulate_votes(
    observers: Sequence[Annotator],
    design: Design,
    rng: np.random.Generator,
    *,
    models: Sequence[str] = ("model",),
    pool: int = POOL,
) -> Votes:
    """Return the votes of a study, without a server: a full session of each observer.

    Truth is drawn as the design says; one trial in ``ATTENTION_EVERY`` is one of attention. Models
    take turns, and with split feedback every other annotator of a model learns right or wrong.

    Args:
        observers: the annotators, in order of their sessions.
        design: of the study.
        rng: source of randomness.
        models: whose images are shown, one model in a session.
        pool: generated images of a model, and as many real ones of all.

    Raises:
        ValueError: if a session needs more images of a kind than there are.
    """
    needed = images_needed("single", design.trials, 0).real
    if needed > pool:
        raise ValueError(f"{design.trials} trials need {needed} images of a kind, got {pool}")
    columns: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    for number, observer in enumerate(observers):
        model = number % len(models)
        feedback = design.feedback == "on" or (
            design.feedback == "split" and number // len(models) % 2 == 1
        )
        for row in _session(observer, design, feedback, model, pool, rng):
            values = (number, *row, feedback, model)
            for name, value in zip(_COLUMNS, values, strict=True):
                columns[name].append(value)
    names = tuple(f"P-{number:04x}" for number in range(len(observers)))
    return Votes(**columns, annotators=names, models=tuple(models))  # type: ignore[arg-type]


_COLUMNS = (
    "annotator",
    "trial",
    "image",
    "generated",
    "said_generated",
    "attention",
    "reaction_ms",
    "exposure_ms",
    "feedback",
    "model",
)
_Row = tuple[int, int, bool, bool, bool, float, float]


def _session(
    observer: Annotator,
    design: Design,
    feedback: bool,
    model: int,
    pool: int,
    rng: np.random.Generator,
) -> list[_Row]:
    """Return a session's columns from ``trial`` to ``exposure_ms``, a tuple for each trial."""
    if design.truth == HALF:
        truth = rng.permutation(np.arange(design.trials) % 2 == 0)
    else:
        truth = rng.random(design.trials) < 0.5
    obvious = np.zeros(design.trials, bool)
    obvious[rng.choice(design.trials, design.trials // ATTENTION_EVERY, replace=False)] = True
    real, fake = rng.permutation(pool), rng.permutation(pool) + pool * (1 + model)
    timed, pair = design.protocol == "timed", design.protocol == "pair"
    exposure = START_MS if timed else math.inf
    blocks = block_of(np.arange(design.trials), design.trials)
    rows: list[_Row] = []
    for trial, generated in enumerate(truth.tolist()):
        if timed and trial and blocks[trial] != blocks[trial - 1]:
            exposure = START_MS
        of_kind = (trial if pair else int((truth[:trial] == generated).sum())) % pool
        shown = fake if generated or pair else real
        attention = bool(obvious[trial])
        told = int(truth[:trial].sum()) if feedback else 0
        rest = trial - told if feedback else 0
        stimulus = Stimulus(generated, trial, exposure, feedback, attention, told, rest)
        said, reaction = observer.answer(stimulus, rng)
        image = -1 if attention else int(shown[of_kind])
        rows.append((trial, image, generated, said, attention, reaction, exposure))
        if timed and not attention:
            exposure = next_exposure(exposure, said == generated)
    return rows
