"""Row 19: people whose true time is known take part in a timed study, through its pages.

Their threshold must be found, and its interval must hold it; the staircase starts from 500 ms and
has few trials, so that HYPE's modal exposure is far off.
"""

from pathlib import Path

from convergan.turing.owner import read_design, read_votes
from convergan.turing.results.analysis import analyse
from convergan.turing.simulation.participants import Participants
from convergan.turing.simulation.simulator import simulate
from convergan.turing.study.study import StudySettings, open_study
from convergan.turing.web.server_process import serving

from .rows import Row, Trial
from .studies import make_study

TRUTHS_MS = (200, 400, 700)
SMALL = 1
"""Trials with few people and few questions."""


def timed_truth(
    folder: Path, truth_ms: int, people: int, trials: int, seed: int = 0
) -> dict[str, float]:
    """Return the truth, the threshold with its interval, and the modal exposure of a study, in ms.

    Args:
        folder: for the study, a new one.
        truth_ms: exposure at which everybody is right in 75 %.
        people: how many.
        trials: of each block.
        seed: of people's answers.
    """
    make_study(
        folder,
        StudySettings(
            protocol="timed", trials=trials, attention=0, feedback="on", annotators_wanted=people
        ),
        images=6 * trials,
    )
    with serving(folder) as url:
        simulate(folder, url, Participants(people, [f"staircase:threshold={truth_ms}"], seed=seed))
    with open_study(folder) as study:
        found = analyse(read_votes(study), read_design(study), draws=1000).timed
    assert found is not None and found.threshold.interval is not None
    low, high = found.threshold.interval
    names = ("truth", "threshold", "low", "high", "mode")
    values = (truth_ms, found.threshold.ms, low, high, found.score_ms)
    return {name: round(value, 1) for name, value in zip(names, values, strict=True)}


def missed(found: dict[str, float]) -> str:
    """Return what does not hold of `timed_truth`: nothing, where the threshold is found.

    An interval of 95 % may miss, so it is taken twice as wide.
    """
    lost = []
    half = found["high"] - found["low"]
    middle = (found["high"] + found["low"]) / 2
    if abs(middle - found["truth"]) > half:
        lost.append("the interval, twice as wide, does not hold the truth")
    if abs(found["threshold"] - found["truth"]) > abs(found["mode"] - found["truth"]):
        lost.append("the mode of the exposures is nearer to the truth")
    return "; ".join(lost)


def _measure(trial: int, folder: Path) -> Trial:
    truth = TRUTHS_MS[trial % len(TRUTHS_MS)]
    people, trials = (6, 20) if trial < SMALL else (30, 50)
    found = timed_truth(folder / "study", truth, people, trials, seed=trial)
    figures = {f"{name}, ms, truth {truth}": value for name, value in found.items()}
    return Trial(
        f"{people} people, 3 x {trials} trials, {truth} ms", people, missed(found), figures
    )


THRESHOLDS = Row(
    number=19,
    fault="a true time of 200, 400 or 700 ms, met by a staircase that starts from 500 ms",
    holds="the threshold's interval holds it; the threshold is nearer than the modal exposure",
    ci=SMALL,
    full=SMALL + 6,
    perform=_measure,
)
