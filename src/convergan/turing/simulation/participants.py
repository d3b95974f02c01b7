"""Who takes part in a simulated study, parsed from ``observer:d=1,c=0.2`` and ``two-tabs``."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..checks import check
from .observers import (
    Alternator,
    AlwaysFake,
    Annotator,
    Counter,
    Crowd,
    FastClicker,
    Guesser,
    Learner,
    Observer,
    StaircaseObserver,
)

Values = Mapping[str, float]
DEFAULTS: Mapping[str, Values] = {
    "observer": {"d": 1.0, "c": 0.0},
    "guesser": {"skill": 0.5},
    "crowd": {"skill": 0.7, "rho": 0.05},
    "learner": {"slope": 2.0, "without": 0.0, "start": 0.0},
    "staircase": {"threshold": 400.0, "spread": 60.0},
    "always-fake": {},
    "alternator": {},
    "fast-clicker": {"ms": 80.0},
    "counter": {},
}
"""Fields of each kind of annotator, with their defaults; see `observers` for what they mean."""
MAKERS: Mapping[str, Callable[..., Annotator]] = {
    "guesser": Guesser,
    "learner": Learner,
    "staircase": StaircaseObserver,
    "always-fake": AlwaysFake,
    "alternator": Alternator,
    "fast-clicker": FastClicker,
    "counter": Counter,
}
"""Of the kinds whose fields, in their order, are all that there is to an annotator."""


@dataclass(frozen=True)
class Habit:
    """How an annotator behaves on the network.

    Attributes:
        sends: how often each answer is sent: the last copy late, with the answer after it. From
            2 on, answers also go early, where the one before them is not recorded yet. What is sent
            together is sent in random order.
        tabs: windows with the same page; all answer at once, every other one the opposite.
        reloads: whether the page is loaded anew before every answer.
        leaves: share of the trials after which the person leaves; 1 for all.
        returns: whether a person who left comes back and finishes.
    """

    sends: int = 1
    tabs: int = 1
    reloads: bool = False
    leaves: float = 1.0
    returns: bool = False


HABITS: Mapping[str, Habit] = {
    "steady": Habit(),
    "quitter": Habit(leaves=0.5),
    "returner": Habit(leaves=0.5, returns=True),
    "reloader": Habit(reloads=True),
    "double-sender": Habit(sends=3),
    "two-tabs": Habit(tabs=2),
}


@dataclass(frozen=True)
class Participants:
    """Who takes part.

    Attributes:
        count: how many people.
        kinds: of annotators, each ``NAME`` or ``NAME:FIELD=NUMBER,...`` of `DEFAULTS`; they take
            turns.
        habit_names: of `HABITS`; they take turns as well.
        workers: people who answer at once.
        seed: of their skills and answers.

    Raises:
        ValueError: if a number is too small or a habit is unknown.
    """

    count: int = 30
    kinds: Sequence[str] = ("observer",)
    habit_names: Sequence[str] = ("steady",)
    workers: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        habits = f"one of {', '.join(HABITS)}"
        check(
            vars(self),
            (self.count >= 1, "count", "at least 1"),
            (self.workers >= 1, "workers", "at least 1"),
            (self.seed >= 0, "seed", "at least 0"),
            (bool(self.kinds), "kinds", "at least one"),
            (bool(self.habit_names), "habit_names", "at least one"),
        )
        for name in self.habit_names:
            check({"habit": name}, (name in HABITS, "habit", habits))

    @property
    def habits(self) -> list[Habit]:
        """Of each person.

        Example:
            >>> people = Participants(3, habit_names=("steady", "double-sender"))
            >>> [habit.sends for habit in people.habits]
            [1, 3, 1]
        """
        turns = itertools.cycle(self.habit_names)
        return [HABITS[name] for name in itertools.islice(turns, self.count)]

    def annotators(self, *, pairs: bool = False) -> list[Annotator]:
        """Return what answers for each person.

        Args:
            pairs: whether they see two images at once.

        Raises:
            ValueError: if a kind or a field is unknown, or a value no number.

        Example:
            >>> Participants(1, ["observer:d=1.5"]).annotators()
            [Observer(d_prime=1.5, criterion=0.0, pairs=False)]
        """
        rng = np.random.default_rng([self.seed, 12])
        sources = itertools.cycle([_people(k, self.count, rng, pairs) for k in self.kinds])
        return [next(source) for source in itertools.islice(sources, self.count)]


def _people(kind: str, count: int, rng: np.random.Generator, pairs: bool) -> Iterator[Annotator]:
    name, _, text = kind.partition(":")
    check({"kind": name}, (name in DEFAULTS, "kind", f"one of {', '.join(DEFAULTS)}"))
    values = dict(DEFAULTS[name])
    for part in filter(None, text.split(",")):
        key, _, number = part.partition("=")
        if key not in values:
            known = ", ".join(values) or "none"
            raise ValueError(f"{name} has no field {key!r}; its fields: {known}")
        values[key] = _number(key, number)
    if name == "crowd":
        if not (0 < values["skill"] < 1 and 0 <= values["rho"] < 1):
            raise ValueError(f"a crowd needs 0 < skill < 1 and 0 <= rho < 1, got {kind!r}")
        return iter(Crowd(values["skill"], values["rho"]).people(count, rng))
    if name == "observer":
        return itertools.repeat(Observer(values["d"], values["c"], pairs))
    return itertools.repeat(MAKERS[name](*values.values()))


def _number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    check({key: text}, (math.isfinite(value), key, "a number"))
    return value
