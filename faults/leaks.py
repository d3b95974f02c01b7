"""Row 16: what betrays a generated image beside its pixels? A classifier looks at all the rest.

Two classifiers get what a browser could see but for pixels: letters and bits of identifiers,
headers and their order, lengths, the file's chunks, positions, and how long replies took. Whole
sessions are held out. The 95 % interval of the area under the curve must hold 0.5; it misses one
time in twenty by chance, so the study is then played anew, and a classifier fails that misses it
again. Servers that leak on purpose are the control. Copies of a session get right answers in one
and wrong ones in the other, and all replies must be the same bytes.
"""

import base64
import http.client
import json
import shutil
import struct
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sqlalchemy import text

from convergan.turing.owner import invite
from convergan.turing.simulation.simulator import open_truth
from convergan.turing.study.study import StudySettings, open_study
from convergan.turing.web.server_process import serving

from .leaky import IN_PLANS, IN_REPLIES, LEAKS, leaking
from .rows import Row, Trial
from .studies import make_study

TRIALS = 100
"""Of a session."""
DRAWS = 1000
"""Sets of trials, drawn anew, for the interval."""
PARTS = 2 + len(LEAKS)
"""Trials of a whole audit; the first one is small."""
LEVEL = 0.95
"""Of the intervals."""

Seen = dict[str, float | str]
Array = NDArray[np.float64]


class Reply(NamedTuple):
    """One reply as it came."""

    headers: list[tuple[str, str]]
    body: bytes
    seconds: float


class Spy:
    """Somebody who takes part and notes everything."""

    def __init__(self, address: str, place: str) -> None:
        """Load a session's page."""
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        self.place = place
        page = self.ask("GET", place).body.decode()
        self.form = page.split('name="form-token" content="')[1].split('"')[0]

    def ask(self, method: str, path: str, body: object = None) -> Reply:
        """Send a request and time its reply."""
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"X-Form-Token": self.form}
        headers |= {} if body is None else {"Content-Type": "application/json"}
        started = time.perf_counter()
        self.connection.request(method, path, data, headers)
        reply = self.connection.getresponse()
        found = reply.read()
        return Reply(reply.getheaders(), found, time.perf_counter() - started)

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def begin(self) -> list[Any]:
        """Agree and read the tutorial; return the first trials."""
        state = json.loads(self.ask("GET", f"{self.place}/state").body)
        self.ask("POST", f"{self.place}/consent", {"version": state["consent"]["version"]})
        found: list[Any] = json.loads(self.ask("POST", f"{self.place}/tutorial", {}).body)["trials"]
        return found

    def answer(self, trial: Mapping[str, Any], answer: str) -> Reply:
        """Answer a trial."""
        screen = {"width": 1280, "height": 720, "ratio": 1, "shown_px": 256}
        body = {"trial": trial["trial"], "answer": answer, "reaction_ms": 700, "shown_ms": 700}
        return self.ask("POST", f"{self.place}/answers", {**body, "ignored": 0, "screen": screen})


def follow(link: str) -> str:
    """Return where the session of an invitation is."""
    connection = http.client.HTTPConnection(urlsplit(link).netloc, timeout=60)
    connection.request("GET", urlsplit(link).path)
    place = connection.getresponse().headers["location"]
    connection.close()
    return str(place)


def play(spy: Spy) -> Iterator[tuple[str, Seen]]:
    """Answer all trials; yield each one's identifier and what could be seen beside pixels."""
    waiting = json.loads(spy.ask("GET", f"{spy.place}/state").body)["trials"]
    while waiting:
        trial = waiting[0]
        image = spy.ask("GET", trial["images"][0])
        reply = spy.answer(trial, "generated" if trial["number"] % 2 else "real")
        seen: Seen = {"number": trial["number"], "fields": ",".join(trial)}
        seen |= _letters("trial", trial["trial"])
        seen |= _letters("view", trial["images"][0].rpartition("/")[2])
        seen |= _reply("image", image) | _reply("answer", reply) | _chunks(image.body)
        yield trial["trial"], seen
        waiting = json.loads(reply.body)["next"]


def _letters(name: str, identifier: str) -> Seen:
    """Return the letters and the bits of an identifier."""
    data = base64.urlsafe_b64decode(identifier + "==")
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).tolist()
    seen: Seen = {f"{name} letter {i}": ord(letter) for i, letter in enumerate(identifier)}
    return seen | {f"{name} bit {i}": bit for i, bit in enumerate(bits)}


def _reply(name: str, reply: Reply) -> Seen:
    seen: Seen = {
        f"{name} ms": reply.seconds * 1000,
        f"{name} bytes": len(reply.body),
        f"{name} order": ",".join(header for header, _ in reply.headers),
    }
    for header, value in reply.headers:
        seen[f"{name} {header} length"] = len(value)
        seen[f"{name} {header}"] = value
    return seen


def _chunks(webp: bytes) -> Seen:
    """Return the names and lengths of a WebP file's chunks, and what it says of itself."""
    place, found = 12, [webp[:12].hex()]
    while place + 8 <= len(webp):
        kind, length = struct.unpack("<4sI", webp[place : place + 8])
        found.append(f"{kind.decode('latin-1')} {length}")
        place += 8 + length + length % 2
    return {"chunks": ",".join(found), "header": webp[20:25].hex(), "after": len(webp) - place}


def table(rows: list[Seen]) -> Array:
    """Return numbers as columns, and a column for each text that is in 1% of the rows or more."""
    names = sorted({name for row in rows for name in row})
    columns = []
    for name in names:
        values = [row.get(name, "") for row in rows]
        if all(not isinstance(value, str) for value in values):
            columns.append(np.array(values, float))
            continue
        for value, count in Counter(values).items():
            if len(rows) / 100 <= count < len(rows):
                columns.append(np.array([entry == value for entry in values], float))
    varied = [column for column in columns if np.ptp(column) > 0]
    return np.stack(varied, axis=1)


@dataclass(frozen=True)
class Area:
    """Under the curve of a classifier on held-out sessions, with its interval."""

    area: float
    low: float
    high: float


def areas(
    x: Array, generated: NDArray[np.bool_], sessions: NDArray[np.int64], level: float
) -> dict[str, Area]:
    """Return how well two classifiers tell generated from real in sessions they did not see.

    Args:
        x: what was seen, a row for each trial.
        generated: the truth.
        sessions: of each trial.
        level: of the intervals.
    """
    models = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(C=0.01)),
        "gradient boosting": HistGradientBoostingClassifier(max_iter=50, random_state=0),
    }
    folds = GroupKFold(min(5, len(np.unique(sessions))))
    found = {}
    for name, model in models.items():
        scores = cross_val_predict(
            model, x, generated, groups=sessions, cv=folds, method="predict_proba"
        )[:, 1]
        found[name] = _area(generated, scores, level)
    return found


def _area(generated: NDArray[np.bool_], scores: Array, level: float) -> Area:
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        chosen = rng.integers(0, len(scores), len(scores))
        drawn.append(roc_auc_score(generated[chosen], scores[chosen]))
    low, high = np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2))
    return Area(float(roc_auc_score(generated, scores)), float(low), float(high))


def audit(
    folder: Path, sessions: int, leak: str | None, level: float, length: int = TRIALS
) -> dict[str, Area]:
    """Play a study and return what can be told of the truth without looking at pixels.

    Args:
        folder: for the study, a new one.
        sessions: how many.
        leak: one of `LEAKS`, or None for the application as it is.
        level: of the intervals.
        length: of a session in trials.
    """
    make_study(folder, StudySettings(trials=length, attention=0, annotators_wanted=sessions))
    rows: list[Seen] = []
    truth: list[bool] = []
    served = leaking(folder, leak) if leak in IN_REPLIES else serving(folder)
    with served as url, open_study(folder) as study, open_truth(folder) as known:
        for link in invite(study, url, sessions, 1):
            place = follow(link)
            session = place.rpartition("/")[2]
            with closing(Spy(url, place)) as spy:
                spy.begin()  # trials are drawn at consent
                if leak in IN_PLANS:
                    with study.database.writing() as connection:
                        connection.execute(text(IN_PLANS[leak]), {"session": session})
                generated = known(session)
                for trial, seen in play(spy):
                    rows.append(seen)
                    truth.append(generated[trial].generated)
    numbers = np.repeat(np.arange(sessions), length)
    return areas(table(rows), np.array(truth), numbers, level)


def differing_replies(folder: Path, count: int) -> int:
    """Answer "real" in one copy of a session and "generated" in another, and compare the replies.

    Args:
        folder: for the study, a new one.
        count: of trials.

    Returns:
        How many of the replies differ in any byte of the body, or of the headers but for the date.
    """
    make_study(folder, StudySettings(trials=count, attention=0))
    with serving(folder) as url, open_study(folder) as study:
        place = follow(invite(study, url, 1, 1)[0])
        with closing(Spy(url, place)) as spy:
            waiting = spy.begin()
    other = Path(shutil.copytree(folder, folder.with_name(f"{folder.name}-copy")))
    differing = answered = 0
    with (
        serving(folder) as url,
        serving(other) as other_url,
        closing(Spy(url, place)) as one,
        closing(Spy(other_url, place)) as two,
    ):
        while waiting:
            replies = one.answer(waiting[0], "real"), two.answer(waiting[0], "generated")
            first, second = (
                ([pair for pair in reply.headers if pair[0] != "date"], reply.body)
                for reply in replies
            )
            differing += first != second
            answered += 1
            waiting = json.loads(replies[0].body)["next"]
    assert answered == count
    return differing


def telling(found: Mapping[str, Area]) -> set[str]:
    """Return the classifiers that tell generated from real, or the opposite."""
    return {name for name, area in found.items() if not area.low <= 0.5 <= area.high}


def telling_twice(
    place: Path, sessions: int, length: int = TRIALS
) -> tuple[set[str], dict[str, Area]]:
    """Return who tells generated from real in two studies, and what the first one showed.

    One study alone would accuse an honest server in one case of twenty.
    """
    found = audit(place / "study", sessions, None, LEVEL, length)
    told = telling(found)
    if told:
        told &= telling(audit(place / "again", sessions, None, LEVEL, length))
    return told, found


def perform(trial: int, place: Path) -> Trial:
    """Audit the server as it is, one that leaks, or its replies to right and wrong answers."""
    part, sessions = trial % PARTS, 10 if trial < PARTS else 100
    if part == PARTS - 1:
        differing = differing_replies(place / "study", TRIALS)
        lost = f"{differing} replies differ" if differing else ""
        return Trial("right and wrong answers", 1, lost, {"replies compared": TRIALS})
    if part > 0:
        leak = LEAKS[part - 1]
        found = audit(place / "study", 4, leak, LEVEL)
        best = max(found.values(), key=lambda area: area.low)
        lost = "" if best.low > 0.5 else f"the leak is not found: {best}"
        return Trial(f"leak by {leak}", 1, lost, {f"area, leak by {leak}": round(best.area, 3)})
    tell, found = telling_twice(place, sessions)
    figures = {
        f"{name}, {what}": round(value, 3)
        for name, area in found.items()
        for what, value in asdict(area).items()
    }
    lost = f"told the truth twice: {', '.join(sorted(tell))}" if tell else ""
    return Trial("the server as it is", 1, lost, {"trials": sessions * TRIALS, **figures})


LEAK_AUDITS = Row(
    number=16,
    fault="leak audit of the server, of five that leak, and of replies to right and wrong answers",
    holds="95 % interval of the area holds 0.5, leaks are found, replies are the same bytes",
    ci=PARTS,
    full=6 * PARTS,
    perform=perform,
)
