"""Row 18: people who never look, and answer what was rarer so far, as feedback told them.

In studies whose truth is a fair coin they must do no better than guessing. The same people in a
study of before, where half of each session is generated, do better: so the row can fail.
"""

import math
from pathlib import Path

from sqlalchemy import text

from convergan.turing.simulation.participants import Participants
from convergan.turing.simulation.simulator import simulate
from convergan.turing.statistics.votes import HALF
from convergan.turing.study.study import StudySettings, open_study
from convergan.turing.web.server_process import serving

from .rows import Row, Trial
from .studies import make_study

PROTOCOLS = ("single", "pair", "timed")
SMALL = 1
"""Trials with few people."""
DEVIATIONS = 3
"""Standard errors below one half that chance explains: it exceeds them once in 700 studies."""


def counted_error(folder: Path, protocol: str, people: int, trials: int, truth: str) -> float:
    """Return the error of people who count, in a study of their own.

    Args:
        folder: for the study, a new one.
        protocol: of the study.
        people: how many.
        trials: of each person, or of each block.
        truth: half, as studies of before draw it, or independent.
    """
    settings = StudySettings(
        protocol=protocol, trials=trials, attention=0, feedback="on", annotators_wanted=people
    )
    make_study(folder, settings, images=6 * trials)
    with open_study(folder) as study, study.database.writing() as connection:
        connection.execute(text("UPDATE study SET truth = :truth"), {"truth": truth})
    with serving(folder) as url:
        visits = simulate(folder, url, Participants(people, ["counter"]))
    wrong: int = sum(visit.wrong for visit in visits)
    judged: int = sum(visit.judged for visit in visits)
    return wrong / judged


def least_by_chance(votes: int) -> float:
    """Return the least error that chance explains where nobody looks.

    Example:
        >>> round(least_by_chance(2000), 3)
        0.466
    """
    return 0.5 - DEVIATIONS * 0.5 / math.sqrt(votes)


def _count(trial: int, folder: Path) -> Trial:
    protocol = PROTOCOLS[trial % len(PROTOCOLS)]
    people, trials = (12, 50) if trial < SMALL else (40, 50)
    least = least_by_chance(people * trials * (3 if protocol == "timed" else 1))
    figures = {}
    for truth in ("independent", HALF):
        error = counted_error(folder / truth, protocol, people, trials, truth)
        figures[f"error in %, {protocol}, {truth}"] = round(100 * error, 1)
    fair, half = figures.values()
    lost = ["counting beats a fair coin"] * (fair < 100 * least)
    lost += ["counting does not beat a study of before"] * (half > 100 * least)
    return Trial(f"{people} people who count, {protocol}", people, "; ".join(lost), figures)


COUNTING = Row(
    number=18,
    fault="people who count what feedback told them and never look, in each protocol",
    holds="an error of 50 %; the same people beat a study of before, half of it generated",
    ci=SMALL,
    full=SMALL + 5,
    perform=_count,
)
