"""Requests that nobody's browser would send, to the study's server: no 5xx, nothing told.

``python -m bench.turing_fuzz`` sends 20,000 requests over raw sockets. Each begins as one that the
pages send, with identifiers and tokens of people who are in the middle of a session, and is then
changed up to three times: methods, paths, encodings, headers, ranges, bodies, lengths, or cut off.
With ``--schemathesis PROGRAM`` that program, which has an environment of its own, sends as many
again from the application's OpenAPI description. ``--database postgresql+psycopg://...`` takes
PostgreSQL. Ends with 1 if a reply is a 5xx or tells a class, if a well-formed request has no reply,
or if the application raised.
"""

import argparse
import json
import os
import random
import re
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from rich.progress import track

from bench.turing_studies import make_study, scratch_database
from convergan.console import errors, print_line
from convergan.turing.app import create_app
from convergan.turing.owner import invite
from convergan.turing.server_process import serving
from convergan.turing.study import Plan, opened

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

Change = Callable[["Request", random.Random], "Request"]


@dataclass(frozen=True)
class Request:
    """One request in bytes.

    Attributes:
        method: GET or POST, or anything.
        target: path and query as sent.
        headers: lines without their ends.
        body: after the headers.
        whole: whether HTTP's own rules are kept, so that there has to be a reply.
        owner: whether the owner's token goes along.
    """

    method: bytes
    target: bytes
    headers: tuple[bytes, ...] = ()
    body: bytes = b""
    whole: bool = True
    owner: bool = False

    def to_bytes(self) -> bytes:
        lines = [b"%s %s HTTP/1.1" % (self.method, self.target), *self.headers]
        if not any(line.lower().startswith((b"content-length", b"transfer")) for line in lines):
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"Host: study", b"Connection: close", b"", self.body])


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
        seconds: to each reply.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def note(self, request: Request, reply: Reply) -> None:
        self.statuses[reply.status] += 1
        self.seconds.append(reply.seconds if request.whole else 0.0)
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
            "withdraw": {},
        }
        what = chance.choices(list(posts), weights=(60, 10, 5, 5, 1))[0]
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
    return Request(b"GET", path.encode())


def post(person: Person, what: str, body: object) -> Request:
    headers = (b"X-Form-Token: " + person.form.encode(), b"Content-Type: application/json")
    return Request(b"POST", f"{person.place}/{what}".encode(), headers, json.dumps(body).encode())


METHODS = (b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"get", b"BREW")
PIECES = (
    *(b"%00", b"x%00", b"%00"),
    *(b"..", b"%2e%2e", b"%252e%252e%252f", b"%2f", b"%5c..", b"%ff%fe", b"%c0%ae%c0%ae"),
    *(b"%E2%80%AE", b"%ED%A0%80", b"%F0%9F%90%B1", b"'%20OR%201=1--", b"%3Cscript%3E", b";"),
    *(b"..%2f..%2f..%2fetc%2fpasswd", b"a" * 5000, b"%", b"%zz", b"study.sqlite3", b"secret.key"),
)
HEADERS = (
    *(b"Range: bytes=0-", b"Range: bytes=" + b"0-1," * 2000, b"Range: bytes=5-1,-0,a-b"),
    *(b"Content-Type: text/xml", b"Content-Type: application/json; charset=utf-16"),
    *(b"Content-Type: multipart/form-data", b"Content-Type: \xff\xfe", b"Content-Encoding: gzip"),
    *(b"Accept: text/html", b"Accept: \xf0\x28", b"X-Form-Token: \xe9\x00", b"X-Form-Token: x"),
    *(b"Authorization: Bearer \xff", b"Authorization: Bearer", b"Authorization: Basic \xe9"),
    *(b"Cookie: " + b"a=b;" * 1000, b"X-Long: " + b"y" * 30000, b"If-None-Match: *"),
    *(b"If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT", b"Expect: 100-continue"),
    *(b"X-Forwarded-For: 1.2.3.4", b"X-HTTP-Method-Override: DELETE", b"Upgrade: h2c"),
    *(b"No colon", b"\x00: x", b": empty", b"Origin: https://evil.example", b"X-Cut: a\r b"),
)
FRAMES = (
    *(b"Transfer-Encoding: gzip", b"Content-Length: -1", b"Content-Length: 99999999999999999999"),
    *(b"Content-Length: 7\r\nContent-Length: 8", b"Content-Length: 1", b"Content-Length: 20000"),
)
VALUES = (
    *(b"null", b"true", b"-1", b"0", b"1e400", b"-1e400", b"NaN", b"Infinity", b"1" * 5000, b"0.1"),
    *(b'""', b'"\\u0000"', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"' + b"x" * 9000 + b'"', b"[]"),
    *(b"{}", b'{"a":1}', b'"real"', b'"generated"', b'"left"', b"9223372036854775808", b"1e308"),
    *(b"[" * 3000 + b"]" * 3000, b'"\xff"', b"-0.0", b"5e-324", b'"P-00000000"'),
)


def other_method(request: Request, chance: random.Random) -> Request:
    method = chance.choice(METHODS)
    return replace(request, method=method)


def other_path(request: Request, chance: random.Random) -> Request:
    parts = request.target.split(b"/")
    place = chance.randrange(1, len(parts))
    piece = chance.choice(PIECES)
    changed = (piece, parts[place] + piece, parts[place][: chance.randrange(30)], b"", parts[1])
    parts[place] = chance.choice(changed)
    return replace(request, target=b"/".join(parts))


def other_letter(request: Request, chance: random.Random) -> Request:
    place = chance.randrange(1, len(request.target) + 1)
    letter = quote(chr(chance.choice((chance.randrange(256), chance.randrange(0xD7FF))))).encode()
    return replace(request, target=request.target[:place] + letter + request.target[place + 1 :])


def other_query(request: Request, chance: random.Random) -> Request:
    mark = b"&" if b"?" in request.target else b"?"
    return replace(request, target=request.target + mark + b"token=" + chance.choice(PIECES))


def other_header(request: Request, chance: random.Random) -> Request:
    line = chance.choice(HEADERS)
    name = line.partition(b":")[0].lower()
    kept = tuple(old for old in request.headers if old.partition(b":")[0].lower() != name)
    owner = request.owner and name != b"authorization"
    return replace(request, headers=(*kept, line), owner=owner)


def no_header(request: Request, chance: random.Random) -> Request:
    if not request.headers:
        return request
    gone = chance.choice(request.headers)
    owner = request.owner and not gone.startswith(b"Authorization")
    return replace(request, headers=tuple(h for h in request.headers if h != gone), owner=owner)


def other_value(request: Request, chance: random.Random) -> Request:
    """Put another value in place of one of the body's."""
    places = [found.span() for found in re.finditer(rb'(?<=: )("[^"]*"|[\d.]+)', request.body)]
    if not places:
        return replace(request, body=chance.choice(VALUES))
    start, end = chance.choice(places)
    return replace(request, body=request.body[:start] + chance.choice(VALUES) + request.body[end:])


def other_fields(request: Request, chance: random.Random) -> Request:
    """Give a field more, or one twice."""
    extra = b'"%s": %s, ' % (
        chance.choice((b"trial", b"answer", b"screen", b"count", b"__proto__", b"\xc3\xa9")),
        chance.choice(VALUES),
    )
    return replace(request, body=request.body.replace(b"{", b"{" + extra, 1))


def other_bytes(request: Request, chance: random.Random) -> Request:
    """Change the body's bytes or its encoding."""
    body = bytearray(request.body or b"{}")
    body[chance.randrange(len(body))] = chance.randrange(256)
    encoded = request.body.decode("latin-1").encode(
        chance.choice(("utf-16", "utf-8-sig", "utf-32"))
    )
    bodies = (bytes(body), encoded, request.body[: len(body) // 2], chance.randbytes(50), b"")
    return replace(request, body=chance.choice((*bodies, request.body * 300)))


def chunked(request: Request, chance: random.Random) -> Request:
    """Send the body in pieces, some of which are none."""
    sizes = (b"%x" % len(request.body), b"ffffffffffffffff", b"-1", b"zz", b"")
    size = chance.choice(sizes)
    body = b"%s\r\n%s\r\n0\r\n\r\n" % (size, request.body)
    headers = (*request.headers, b"Transfer-Encoding: chunked")
    return replace(request, headers=headers, body=body, whole=False)


def misframed(request: Request, chance: random.Random) -> Request:
    """Announce another length than is sent."""
    return replace(request, headers=(*request.headers, chance.choice(FRAMES)), whole=False)


CHANGES: tuple[Change, ...] = (
    *(other_method, other_path, other_path, other_letter, other_query, other_header, no_header),
    *(other_value, other_value, other_value, other_fields, other_bytes, chunked, misframed),
)


def fuzz(pages: Pages, count: int, seed: int) -> Findings:
    """Send requests, a tenth of them as they should be.

    Args:
        pages: that requests come from.
        count: how many.
        seed: of requests and changes.
    """
    chance = random.Random(seed)
    found = Findings()
    for _ in track(range(count), "requests", console=errors, transient=True):
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
    with opened(folder) as study:
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


def run_schemathesis(program: Path, folder: Path, pages: Pages, count: int, seed: int) -> Findings:
    """Let schemathesis send about so many requests, and look at the replies that it reports."""
    person = pages.join()
    schema = description(folder, person)
    (folder / "openapi.json").write_text(json.dumps(schema))
    calls = sum(len(path) for path in schema["paths"].values())
    command = [
        *(str(program), "run", str(folder / "openapi.json")),
        *("--url", f"http://127.0.0.1:{pages.port}", "--checks", "not_a_server_error"),
        *("--max-examples", str(max(1, count // calls)), "--seed", str(seed), "--mode", "all"),
        *("--exclude-path-regex", "withdraw|stop|results", "--phases", "coverage,fuzzing"),
        *("-H", f"Authorization: Bearer {pages.token}", "-H", f"X-Form-Token: {person.form}"),
        *("--report", "har", "--report-dir", str(folder / "reports"), "--no-color"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    found = Findings()
    reports = list((folder / "reports").iterdir())
    if not reports:
        raise SystemExit(f"schemathesis has no report:\n{done.stdout}{done.stderr}")
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
    return found


def report(name: str, found: Findings) -> None:
    """Print a line of what came, and everything that must not."""
    kinds = Counter(status // 100 for status in found.statuses.elements())
    middle, worst = np.percentile([s for s in found.seconds if s > 0] or [0.0], (50, 99)) * 1000
    print_line(
        f"{name:14} {found.statuses.total():>7,} requests: {kinds[2]:,} 2xx, {kinds[3]:,} 3xx, "
        f"{kinds[4]:,} 4xx, {kinds[5]:,} 5xx, {kinds[0]:,} without a reply; "
        f"p50 {middle:.0f} ms, p99 {worst:.0f} ms; wrong: {len(found.wrong)}"
    )
    for line in found.wrong[:20]:
        print_line(line)


def attack(
    folder: Path, server: str | None, count: int, seed: int, program: Path | None = None
) -> list[tuple[str, Findings]]:
    """Fuzz a study of noise.

    Args:
        folder: for the study, a new one.
        server: of PostgreSQL, or None for SQLite.
        count: of requests, for each fuzzer.
        seed: of requests and changes.
        program: schemathesis, if it is to be used.
    """
    most = 20_000
    with scratch_database(server) as address:
        plan = Plan(trials=20, attention=2, annotators_wanted=most)
        token = make_study(folder, plan, address)
        with serving(folder) as url:
            with opened(folder) as study:
                links = iter(invite(study, url, min(most, 10 * PEOPLE + count), 1))
            pages = Pages(int(url.rpartition(":")[2]), token, links)
            found = [("own grammar", fuzz(pages, count, seed))]
            if program is not None:
                found.append(
                    ("schemathesis", run_schemathesis(program, folder, pages, count, seed))
                )
        log = (folder / "server.log").read_text(errors="replace")
    if RAISED in log:
        found[0][1].wrong.append(f"the server's log: {log[log.index(RAISED) :][:3000]}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="of each fuzzer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--database", help="a PostgreSQL server; default: SQLite")
    parser.add_argument("--schemathesis", type=Path, help="that program")
    chosen = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        results = attack(
            Path(place) / "study",
            chosen.database,
            chosen.requests,
            chosen.seed,
            chosen.schemathesis,
        )
    for name, found in results:
        report(name, found)
    print_line(
        f"{'PostgreSQL' if chosen.database else 'SQLite'}, {time.perf_counter() - started:.0f} s, "
        f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"
    )
    if any(found.wrong for _, found in results):
        raise SystemExit("a reply is a server's error or tells something")


if __name__ == "__main__":
    main()
