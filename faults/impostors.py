"""Row 20: impostors, who know people's ids at the panel, and previews, which open links.

An impostor takes part in the same study at the panel: they know its id, everybody's ids, a visit of
their own, and what such ids look like. They try to get somebody's session, and to fill the study
with people whom they invent. Beside them, chats and mail scanners open every link.
"""

import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx2

from convergan.turing.owner import invite, summary
from convergan.turing.people import ListedPerson, list_people
from convergan.turing.study.study import StudySettings, open_study
from convergan.turing.web.server_process import serving

from .rows import Row, Trial
from .studies import make_study, on_both, scratch_database

PEOPLE = 8
"""Whom the study wants, and whom the panel sends."""
GUESSES = 20
"""Visits that an impostor guesses of each person, at first and once these have begun."""
SETTINGS = StudySettings(
    trials=4,
    attention=0,
    annotators_wanted=PEOPLE,
    recruiter="prolific",
    completion_code="C1",
    screened_out_code="C2",
)


@dataclass
class Attack:
    """What was tried, and what came of it that must not."""

    client: httpx2.Client
    chance: random.Random
    tries: int = 0
    previews: int = 0
    wrong: list[str] = field(default_factory=list)

    def arrive(self, person: str, visit: str) -> str | None:
        """Come as from the panel; return the session's address, None where that is refused."""
        query = {"PROLIFIC_PID": person, "STUDY_ID": "60aa", "SESSION_ID": visit}
        reply = self.client.get(f"/prolific?{urlencode(query)}")
        if reply.status_code >= 500:
            self.wrong.append(f"status {reply.status_code} for {person}")
        return reply.headers.get("location")

    def begin(self, place: str) -> bool:
        """Agree as the page's script does; return whether that was taken."""
        page = self.client.get(place).text
        form = {"X-Form-Token": page.partition('name="form-token" content="')[2].partition('"')[0]}
        state = self.client.get(f"{place}/state").json()
        if "consent" not in state:
            return False
        version = {"version": (state["consent"] or {}).get("version", "")}
        return self.client.post(f"{place}/consent", json=version, headers=form).is_success

    def guess(self, person: str, own: str) -> None:
        """Try to get somebody's session with other visits than theirs."""
        for visit in ("mine", *(f"60ab{self.chance.getrandbits(64):016x}" for _ in range(GUESSES))):
            self.tries += 1
            found = self.arrive(person, visit)
            if found == own:
                self.wrong.append(f"{person}'s session was handed over")
            elif found is not None and self.begin(found):
                self.wrong.append(f"somebody began as {person}")

    def look(self, link: str) -> None:
        """Open a link as previews and scanners do."""
        for method in ("HEAD", "GET", "GET"):
            self.previews += 1
            reply = self.client.request(method, link, follow_redirects=True)
            if not reply.is_success:
                self.wrong.append(f"a preview got status {reply.status_code}")


def attack(folder: Path, server: str | None, seed: int) -> Trial:
    """Let impostors and previews have a study while eight people of a panel take part.

    Args:
        folder: for the study, a new one.
        server: of PostgreSQL, or None for SQLite.
        seed: of what is guessed.
    """
    chance = random.Random(seed)
    people = {f"5f1e{number:04x}": f"60ab{chance.getrandbits(64):016x}" for number in range(PEOPLE)}
    with ExitStack() as stack:
        make_study(folder, SETTINGS, stack.enter_context(scratch_database(server)))
        with open_study(folder) as study:
            listed = [ListedPerson(person, visit) for person, visit in people.items()]
            list_people(study, listed, allow_only=True)
            links = invite(study, "", PEOPLE, 1)
        url = stack.enter_context(serving(folder))
        client = stack.enter_context(httpx2.Client(base_url=url, timeout=60))
        found = Attack(client, chance)
        for link in links:
            found.look(link)
        for person in people:  # before anybody has begun
            found.guess(person, "")
        for number in range(2 * PEOPLE):  # people whom nobody knows
            found.tries += 1
            place = found.arrive(f"false{number}", f"60ab{number}")
            if place is None or found.begin(place):
                found.wrong.append("somebody invented began, or was not even shown the text")
        places = {person: found.arrive(person, visit) or "" for person, visit in people.items()}
        for person, place in places.items():
            if not found.begin(place):
                found.wrong.append(f"{person} could not begin")
            found.guess(person, place)
            if client.get(f"{place}/state").json().get("stage") != "tutorial":
                found.wrong.append(f"{person} could not go on")
        with open_study(folder) as study:
            taken = summary(study)["people"].get("open", 0)
    if taken != PEOPLE:
        found.wrong.append(f"{taken} places were taken, of {PEOPLE} people")
    injected = f"{found.tries} tries of impostors and {found.previews} previews"
    figures = {"tries": found.tries, "previews": found.previews, "places taken": taken}
    return Trial(injected, found.tries + found.previews, "; ".join(found.wrong[:5]), figures)


def _attacked(trial: int, folder: Path, server: str | None) -> Trial:
    return attack(folder, server, trial)


IMPOSTORS = Row(
    number=20,
    fault="impostors who know people's ids, invented people, previews of links",
    holds="no session handed over, nobody begins as another, no place taken by a link",
    ci=2,
    full=20,
    perform=on_both(_attacked),
)
