"""Row 14: requests that nobody's browser would send to the study's server, over raw sockets.

Each begins as one that the pages send, with identifiers and tokens of people who are in the middle
of a session, and is then changed up to three times, see `grammar`. Where the program schemathesis
is on the path, it sends as many again from the application's OpenAPI description.
"""

import json
import random
import re
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from convergan.turing.owner import invite
from convergan.turing.study.study import StudySettings, open_study
from convergan.turing.web.app import create_app
from convergan.turing.web.server_process import serving

from .grammar import CHANGES, Request
from .rows import Row, Trial
from .studies import latencies, make_study, on_both, scratch_database

BATCH = 2_000
"""Requests of one trial, of each fuzzer."""
PEOPLE = 8
"""Who are in the middle of a session at any time."""
TOLD = re.compile(
    rb'"truth"|"correct"|"attention"|"model"|said_generated|first_image|P-[0-9a-z]{8}'
)
"""What no reply to anybody but the owner holds where there is no feedback."""
BROKEN = re.compile(rb"Traceback|sqlalchemy|sqlite3|psycopg|File \"")
"""What no reply to anybody holds."""
RAISED = "Exception in ASGI application"
"""What the log says where our code raised. uvicorn logs tracebacks of its own where it wants to
refuse a malformed chunk after it has replied; it closes that connection, and nothing else happens.
"""
SECONDS, CUT_SECONDS = 30.0, 0.1
"""For a reply; for one to a request whose end never comes."""
MOST_SENT = 16_000
"""Bytes beyond which a server may hang up before it has read everything."""


@dataclass(frozen=True)
class Reply:
    """What came back; status 0 for nothing."""

    status: int
    data: bytes
    seconds: float


@dataclass
class Person:
    """A session in progress."""

    place: str
    form: str
    version: str
    waiting: list[dict[str, Any]]


@dataclass
class Findings:
    """What came of it all.

    Attributes:
        statuses: of all replies; 0 where none came.
        wrong: requests and replies that must not be.
        seconds: to each reply that has to come.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def note(self, request: Request, reply: Reply) -> None:
        """Count a reply and see whether it may be."""
        self.statuses[reply.status] += 1
        if request.whole:
            self.seconds.append(reply.seconds)
        fault = fault_of(request, reply)
        if fault:
            self.wrong.append(f"{fault}: {request.to_bytes()[:300]!r} -> {reply.data[:300]!r}")


def fault_of(request: Request, reply: Reply) -> str:
    """Return what is wrong with a reply, or nothing."""
    if reply.status >= 500:
        return "a server's error"
    if request.whole and reply.status == 0 and len(request.to_bytes()) < MOST_SENT:
        return "no reply"
    if BROKEN.search(reply.data):
        return "the inside is shown"
    html = b"content-type: text/html" in reply.data or b"/static/" in request.target
    if not (request.owner or html) and TOLD.search(reply.data):
        return "a class is told"
    return ""


def send(port: int, request: Request) -> Reply:
    """Send a request and read until the server has no more to say."""
    started = time.perf_counter()
    found = b""
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.settimeout(SECONDS if request.whole else CUT_SECONDS)
            with suppress(OSError):  # who is refused early may still be told why
                connection.sendall(request.to_bytes())
            while part := connection.recv(65536):
                found += part
    except OSError:
        pass
    status = re.match(rb"HTTP/1\.1 (\d\d\d)", found)
    return Reply(int(status[1]) if status else 0, found, time.perf_counter() - started)


class Pages:
    """Requests as the pages send them."""

    def __init__(self, port: int, token: str, links: Iterator[str]) -> None:
        """Bring the first people to their first trials."""
        self.port, self.token, self.links = port, token, links
        self.people = [self.join() for _ in range(PEOPLE)]

    def ask(self, request: Request) -> Any:
        """Send a proper request and return its JSON."""
        reply = send(self.port, request)
        assert reply.status == 200, reply.data
        return json.loads(reply.data.partition(b"\r\n\r\n")[2])

    def join(self) -> Person:
        """Bring a person to the first trial, whatever the owner's requests have done before."""
        self.ask(self.owned("POST", "start", {}))
        reply = send(self.port, get(urlsplit(next(self.links)).path))
        place = re.search(rb"location: (\S+)", reply.data)
        assert place is not None, reply.data
        page = send(self.port, get(place[1].decode())).data.decode()
        form = page.split('name="form-token" content="')[1].split('"')[0]
        person = Person(place[1].decode(), form, "", [])
        state = self.ask(get(f"{person.place}/state"))
        person.version = state["consent"]["version"]
        self.ask(post(person, "consent", {"version": person.version}))
        person.waiting = self.ask(post(person, "tutorial", {}))["trials"]
        return person

    def owned(self, method: str, what: str, body: object = None) -> Request:
        """Return a request with the owner's token."""
        headers = (
            f"Authorization: Bearer {self.token}".encode(),
            b"Content-Type: application/json",
        )
        data = b"" if body is None else json.dumps(body).encode()
        return Request(method.encode(), f"/owner/api/{what}".encode(), headers, data, owner=True)

    def draw(self, chance: random.Random) -> tuple[Request, Person]:
        """Return a request of a person, of the owner, or of somebody who arrives."""
        person = chance.choice(self.people)
        kind = chance.choices(
            (self._of_person, self._of_owner, self._of_stranger), weights=(70, 10, 20)
        )[0]
        return kind(person, chance), person

    def _of_person(self, person: Person, chance: random.Random) -> Request:
        trial = chance.choice(person.waiting)
        answer = chance.choice(["real", "generated", "left"])
        screen = {"width": 1280, "height": 720, "ratio": 1.5, "shown_px": 256}
        times = {"reaction_ms": 700.5, "shown_ms": 700, "ignored": 0, "screen": screen}
        posts = {
            "answers": {"trial": trial["trial"], "answer": answer, **times},
            "technical": {"trial": trial["trial"], "what": "decode"},
            "consent": {"version": person.version},
            "tutorial": {},
            "resume": {},
            "withdraw": {},
        }
        what = chance.choices(list(posts), weights=(60, 10, 5, 5, 5, 1))[0]
        gets = [person.place, f"{person.place}/state", f"{person.place}/mistakes", *trial["images"]]
        if chance.random() < 0.4:
            return get(chance.choice(gets))
        return post(person, what, posts[what])

    def _of_owner(self, person: Person, chance: random.Random) -> Request:
        calls = [
            self.owned("GET", "summary"),
            self.owned("GET", "people"),
            self.owned("GET", "export.csv"),
            self.owned("DELETE", f"people/P-{chance.randrange(10**8):08}"),
            self.owned("POST", "people/P-00000000/close", {"state": "returned"}),
            self.owned("POST", "people/P-00000000/reopen", {}),
            self.owned("POST", "start", {}),
            self.owned("POST", "stop", {}),
            self.owned("POST", "invitations", {"count": 2, "days": 1.5}),
        ]
        return chance.choice(calls)

    def _of_stranger(self, person: Person, chance: random.Random) -> Request:
        turk = "assignmentId=3A&hitId=3H&workerId=A1&turkSubmitTo=https%3A%2F%2Fwww.mturk.com"
        paths = [
            "/owner",
            "/static/study.css",
            "/static/annotator.js",
            "/join/WyJhIiwiYiIsMV0.c2lnbmF0dXJl",
            "/prolific?PROLIFIC_PID=5f1e&STUDY_ID=60aa&SESSION_ID=60ab",
            f"/mturk?{turk}",
            "/mturk?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE",
            "/owner/api/summary",
        ]
        return get(chance.choice(paths))

    def after(self, request: Request, person: Person, reply: Reply) -> None:
        """Keep up with what a request has changed."""
        if reply.status == 200 and request.target.endswith((b"/answers", b"/technical")):
            found = json.loads(reply.data.partition(b"\r\n\r\n")[2])
            person.waiting = found["next"] if "next" in found else found["trials"]
        if not person.waiting or b"withdraw" in request.target or reply.status == 409:
            state = send(self.port, get(f"{person.place}/state"))
            found = json.loads(state.data.partition(b"\r\n\r\n")[2] or b"{}")
            if found.get("stage") == "trials":
                person.waiting = found["trials"]
            else:
                self.people[self.people.index(person)] = self.join()


def get(path: str) -> Request:
    """Return a request for a path."""
    return Request(b"GET", path.encode())


def post(person: Person, what: str, body: object) -> Request:
    """Return a request as a session's page sends it."""
    headers = (b"X-Form-Token: " + person.form.encode(), b"Content-Type: application/json")
    return Request(b"POST", f"{person.place}/{what}".encode(), headers, json.dumps(body).encode())


def fuzz(pages: Pages, count: int, seed: int) -> Findings:
    """Send requests, a tenth of them as they should be.

    Args:
        pages: that requests come from.
        count: how many.
        seed: of requests and changes.
    """
    chance = random.Random(seed)
    found = Findings()
    for _ in range(count):
        request, person = pages.draw(chance)
        if chance.random() > 0.1:
            for _ in range(chance.randint(1, 3)):
                request = chance.choice(CHANGES)(request, chance)
        reply = send(pages.port, request)
        found.note(request, reply)
        pages.after(request, person, reply)
    return found


def description(folder: Path, person: Person) -> dict[str, Any]:
    """Return the application's OpenAPI description with a real session and trials in it."""
    trial = person.waiting[0]
    known = {
        "session": person.place.rpartition("/")[2],
        "view": trial["images"][0].rpartition("/")[2],
    }
    with open_study(folder) as study:
        schema: dict[str, Any] = create_app(study, "http://study").openapi()
    for path in schema["paths"].values():
        for call in path.values():
            for parameter in call.get("parameters", ()):
                if parameter["name"] in known:
                    parameter["schema"] = {"type": "string", "enum": [known[parameter["name"]]]}
    bodies = schema["components"]["schemas"]
    for name in ("AnswerBody", "TechnicalBody"):
        bodies[name]["properties"]["trial"] = {
            "enum": [trial["trial"] for trial in person.waiting] + ["A" * 22]
        }
    return schema


def run_schemathesis(
    program: str, folder: Path, pages: Pages, count: int, seed: int, found: Findings
) -> None:
    """Let schemathesis send about so many requests, and note the replies that it reports."""
    person = pages.join()
    schema = description(folder, person)
    (folder / "openapi.json").write_text(json.dumps(schema))
    calls = sum(len(path) for path in schema["paths"].values())
    command = [
        *(program, "run", str(folder / "openapi.json")),
        *("--url", f"http://127.0.0.1:{pages.port}", "--checks", "not_a_server_error"),
        *("--max-examples", str(max(1, count // calls)), "--seed", str(seed), "--mode", "all"),
        *("--exclude-path-regex", "withdraw|stop|results", "--phases", "coverage,fuzzing"),
        *("-H", f"Authorization: Bearer {pages.token}", "-H", f"X-Form-Token: {person.form}"),
        *("--report", "har", "--report-dir", str(folder / "reports"), "--no-color"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    reports = list((folder / "reports").iterdir())
    if not reports:
        raise OSError(f"schemathesis has no report: {done.stdout}{done.stderr}")
    for entry in json.loads(reports[0].read_text())["log"]["entries"]:
        asked, reply = entry["request"], entry["response"]
        headers = "\n".join(f"{h['name']}: {h['value']}" for h in reply["headers"]).lower()
        data = f"{headers}\n\n{reply['content'].get('text', '')}".encode()
        request = Request(
            asked["method"].encode(),
            asked["url"].encode(),
            owner="/owner/" in asked["url"],
        )
        found.note(request, Reply(reply["status"], data, entry["time"] / 1000))


def attack(folder: Path, server: str | None, count: int, seed: int) -> Findings:
    """Fuzz a study of noise.

    Args:
        folder: for the study, a new one.
        server: of PostgreSQL, or None for SQLite.
        count: of requests, for each fuzzer.
        seed: of requests and changes.
    """
    links = 10 * PEOPLE + count
    with scratch_database(server) as address:
        token = make_study(
            folder, StudySettings(trials=20, attention=2, annotators_wanted=links), address
        )
        with serving(folder) as url:
            with open_study(folder) as study:
                invitations = iter(invite(study, url, links, 1))
            pages = Pages(int(url.rpartition(":")[2]), token, invitations)
            found = fuzz(pages, count, seed)
            if program := shutil.which("schemathesis"):
                run_schemathesis(program, folder, pages, count, seed, found)
        log = (folder / "server.log").read_text(errors="replace")
    if RAISED in log:
        found.wrong.append(f"the server's log: {log[log.index(RAISED) :][:3000]}")
    return found


def _fuzzed(trial: int, folder: Path, server: str | None) -> Trial:
    found = attack(folder, server, BATCH, trial)
    figures = latencies(found.seconds)
    figures |= {f"status {name}": found.statuses[name] for name in (0, 200, 409, 422)}
    total = found.statuses.total()
    return Trial(f"{total:,} requests", total, "; ".join(found.wrong[:3]), figures)


REQUESTS = Row(
    number=14,
    fault="HTTP requests of an own grammar over raw sockets, and schemathesis where it is",
    holds="no server error, nothing told of the true class",
    ci=2,
    full=500,
    perform=on_both(_fuzzed),
)
