"""What people do in a session, without a server."""

from dataclasses import replace
from typing import Any

from convergan.turing.study.admission import join_from_panel
from convergan.turing.study.progress import ProgressClock
from convergan.turing.study.recruitment import Arrival
from convergan.turing.study.sessions import Answer, Session
from convergan.turing.study.study import Study


def come(study: Study, person: str = "ann", adapter: str = "prolific", visit: str = "v") -> Session:
    arrival = Arrival(adapter, person=person, visit=visit, task="t")
    return Session(study, join_from_panel(study, arrival))


def begin(session: Session) -> dict[str, Any]:
    text = session.state()["consent"]
    session.consent(text["version"])
    return session.tutorial()


def reply_to(trial: dict[str, Any], answer: str = "generated") -> Answer:
    screen = {"width": 1.0, "height": 1.0, "ratio": 1.0, "shown_px": 1.0}
    return Answer(trial["trial"], answer, 700.0, 700.0, 0, screen)


def run_through(session: Session, answer: str = "generated") -> dict[str, Any]:
    found = session.state()
    while found["stage"] == "trials":
        session.answer(reply_to(found["trials"][0], answer))
        found = session.state()
    return found


class Hands:
    """A machine's clocks, set by hand."""

    def __init__(self, study: Study) -> None:
        self.wall, self.steady = study.clock(), 0.0
        progress = ProgressClock(lambda: self.wall, lambda: self.steady)
        self.study = replace(study, clock=lambda: self.wall, progress=progress)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.steady += seconds
