"""The study over HTTP, by people and by those who mean harm."""

import json
import re
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from sqlalchemy import func, select, text

from convergan.turing.image_votes import read_file_names
from convergan.turing.owner import read_votes
from convergan.turing.study import schema
from convergan.turing.web.owner_token import WRONG_TOKENS
from tests.turing.serving import Person, Serve, Server

CLASS_WORDS = re.compile(rb"real|generated|fake|model|attention|noise|sha256", re.IGNORECASE)


def test_a_session_goes_from_the_link_to_the_code(serve: Serve) -> None:
    server = serve(trials=4, attention=1)
    person = server.join()
    assert person.state()["stage"] == "consent"
    found = person.begin()
    assert found["stage"] == "trials"
    assert (found["answered"], found["total"]) == (0, 5)
    assert len(found["trials"]) == 2
    picture = person.client.get(found["trials"][0]["images"][0])
    assert picture.content.startswith(b"RIFF")
    assert picture.headers["content-type"] == "image/webp"
    assert picture.headers["cache-control"] == "no-store, no-transform"
    end = person.finish()
    assert end["stage"] == "done"
    assert len(end["completion"]["code"]) == 10
    assert person.state() == end
    summary: dict[str, Any] = server.owner().get("/owner/api/summary").json()
    assert (summary["votes"], summary["people"]) == (4, {"done": 1})


def test_images_are_open_only_while_their_trial_is_and_for_their_session_alone(
    serve: Serve,
) -> None:
    server = serve(trials=6, attention=0)
    ann, ben = server.join(), server.join()
    trials = ann.begin()["trials"]
    ben.begin()
    first, second = (trial["images"][0] for trial in trials)
    assert ann.client.get(first).status_code == ann.client.get(second).status_code == 200
    for address in (
        first.replace(ann.place, ben.place),
        f"{ann.place}/image/{'A' * 22}",
        f"{ann.place}/image/{trials[0]['trial']}",
        f"{ann.place}/image/1",
    ):
        assert ann.client.get(address).status_code == 404
    assert ann.answer(trials[0], "real").status_code == 200
    assert ann.client.get(first).status_code == 404
    assert ann.client.get(second).status_code == 200
    ann.post("withdraw", {})
    assert ann.client.get(second).status_code == 404


def test_pictures_have_one_length_and_no_header_that_tells_them_apart(serve: Serve) -> None:
    server = serve(trials=20, attention=4)
    person = server.join()
    found, seen = person.begin(), set()
    while found["stage"] == "trials":
        reply = person.client.get(found["trials"][0]["images"][0])
        headers = {k: v for k, v in reply.headers.items() if k != "date"}
        seen.add((len(reply.content), json.dumps(headers)))
        assert reply.headers["cache-control"] == "no-store, no-transform"
        assert not {"etag", "last-modified", "server"} & set(reply.headers)
        person.answer(found["trials"][0], "real")
        found = person.state()
    assert len(seen) == 1


def test_all_traffic_of_a_session_without_feedback_names_no_class(serve: Serve) -> None:
    server = serve(trials=6, attention=1, feedback="off", consent="Do you agree?")
    person = server.join()
    sent_to = [person.client.get(f"{person.place}/state")]
    found = person.begin()
    lengths = set()
    while found["stage"] == "trials":
        for trial in found["trials"]:
            sent_to.append(person.client.get(trial["images"][0]))
        reply = person.answer(found["trials"][0], "real")
        lengths.add(len(reply.content))
        sent_to += [reply, person.client.get(f"{person.place}/state")]
        found = person.state()
    file_names = set(read_file_names(server.study).values())
    assert len(file_names) == 80
    for reply in sent_to:
        sent = repr(reply.headers).encode() + str(reply.url).encode()
        sent += b"" if "image" in reply.headers["content-type"] else reply.content
        assert not CLASS_WORDS.search(sent), sent
        assert not any(name.encode() in reply.content for name in file_names)
    assert len(lengths) <= 3  # with two trials ahead, with one, with none


def test_answers_thrice_and_in_any_order_are_votes_once(serve: Serve) -> None:
    server = serve(trials=6, attention=0)
    person = server.join()
    found, replies = person.begin(), {}
    old: list[dict[str, Any]] = []
    while found["stage"] == "trials":
        trial, *later = found["trials"]
        for ahead in later:
            assert person.answer(ahead, "real").status_code == 409
        replies[trial["trial"]] = {person.answer(trial, "real").content for _ in range(3)}
        old.append(trial)
        for before in old:
            replies[before["trial"]].add(person.answer(before, "generated").content)
        found = person.state()
    assert all(len(contents) == 1 for contents in replies.values())
    votes = read_votes(server.study)
    assert len(votes) == 6 and not votes.said_generated.any()
    code = found["completion"]["code"]
    assert {person.state()["completion"]["code"] for _ in range(3)} == {code}


@pytest.mark.parametrize(
    "what", ["consent", "tutorial", "resume", "answers", "technical", "withdraw"]
)
def test_a_post_without_the_sessions_own_form_token_is_refused(serve: Serve, what: str) -> None:
    server = serve()
    ann, ben = server.join(), server.join()
    for token in (None, "", "x", ben.form, ann.form[:-1], "é".encode()):
        headers: Any = {} if token is None else {"X-Form-Token": token}
        reply = ann.client.post(f"{ann.place}/{what}", json={}, headers=headers)
        assert reply.status_code == 403, token
        assert reply.json() == {"error": "This page is out of date; reload it."}
    assert ann.state()["stage"] == "consent"


def requests_of(server: Server, person: Person) -> list[httpx2.Response]:
    get, owner = person.client.get, server.owner()
    trial = person.begin()["trials"][0]
    return [
        get("/"),
        get("/none", headers={"Accept": "text/html"}),
        get("/join/forged"),
        get(server.link()),
        get("/prolific"),
        get("/mturk?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId=x"),
        get(person.place),
        get("/s/none"),
        get(f"{person.place}/state"),
        get(trial["images"][0]),
        get(f"{person.place}/image/none"),
        person.answer(trial, "real"),
        person.answer(trial, "neither"),
        person.post("technical", {"trial": "A" * 22, "what": "x"}),
        person.client.post(f"{person.place}/withdraw"),
        person.post("withdraw", {}),
        get("/static/annotator.js"),
        get("/static/none.js"),
        get("/owner"),
        get("/owner/api/summary"),
        owner.get("/owner/api/summary"),
        owner.get("/owner/api/export.csv"),
        owner.get("/owner/api/results"),
        person.client.request("BREW", "/"),
    ]


def test_every_route_has_the_security_headers_and_no_failure(serve: Serve) -> None:
    server = serve()
    for reply in requests_of(server, server.join()):
        assert reply.status_code < 500, reply.url
        headers = reply.headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src 'self'" in headers["content-security-policy"]
        frames = headers["content-security-policy"].split("frame-ancestors ")[1].split(";")[0]
        panel = "mturk" in str(reply.url)
        assert (frames == "'none'") is not panel, reply.url
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"].split(", ")[0] == "no-store"
        assert "server" not in headers and "set-cookie" not in headers


def test_what_is_refused_is_one_sentence_of_json_or_a_page(serve: Serve) -> None:
    server = serve()
    for reply in requests_of(server, server.join()):
        if reply.status_code < 400:
            continue
        if "html" in reply.headers["content-type"]:
            assert "<h1" in reply.text
        else:
            assert list(reply.json()) == ["error"]
            assert "\n" not in reply.json()["error"]


WRONG_FIELDS: list[dict[str, Any]] = [
    {"reaction_ms": -1},
    {"reaction_ms": 1e300},
    {"reaction_ms": "fast"},
    {"reaction_ms": None},
    {"shown_ms": -0.5},
    {"ignored": -1},
    {"ignored": 1.5},
    {"ignored": 10**30},
    {"screen": {}},
    {"screen": {"width": 1, "height": 1, "ratio": -1, "shown_px": 1}},
    {"trial": "x"},
    {"trial": "\0" * 22},
    {"trial": ["A" * 22]},
    {"answer": "perhaps"},
    {"extra": 1},
]


def test_an_answer_that_is_none_is_refused_and_not_written(serve: Serve) -> None:
    server = serve()
    person = server.join()
    trial = person.begin()["trials"][0]
    right = person.answer_body(trial, "real")
    for fields in WRONG_FIELDS:
        reply = person.post("answers", {**right, **fields})
        assert reply.status_code == 422, fields
        assert list(reply.json()) == ["error"]
    assert len(read_votes(server.study)) == 0
    assert person.post("answers", right).status_code == 200


def test_a_german_study_refuses_in_german(serve: Serve) -> None:
    server = serve(language="de")
    person = server.join()
    trial = person.begin()["trials"][0]
    body = person.answer_body(trial, "left")
    assert person.post("answers", body).json()["error"].startswith("Das ist keine der beiden")
    wrong = person.post("answers", {**body, "answer": "perhaps"}).json()["error"]
    assert wrong.startswith("Die Anfrage ist nicht lesbar. answer: ")
    lost = person.client.get(f"/s/{'A' * 22}/state").json()["error"]
    assert lost.startswith("Unter dieser Adresse gibt es keine Sitzung. Bitte")
    assert person.client.put("/owner").json()["error"] == "Diese Adresse nimmt andere Anfragen an."


def test_bodies_that_are_no_json_or_too_large_are_refused(serve: Serve) -> None:
    person = serve().join()
    person.begin()
    headers = {"X-Form-Token": person.form, "Content-Type": "application/json"}
    for body in (
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"trial": NaN}',
        b'{"trial": "\\ud800"}',
        b"x" * 1_000_000,
        b"[" + b"1," * 100_000 + b"1]",
    ):
        reply = person.client.post(f"{person.place}/answers", content=body, headers=headers)
        assert 400 <= reply.status_code < 500
        assert list(reply.json()) == ["error"]


def test_a_database_that_fails_is_told_as_such_with_the_same_headers(serve: Serve) -> None:
    server = serve()
    person = server.join()
    trial = person.begin()["trials"][0]
    with server.study.database.writing() as connection:
        connection.execute(text("ALTER TABLE answers RENAME TO elsewhere"))
    reply = person.answer(trial, "real")
    assert (reply.status_code, list(reply.json())) == (503, ["error"])
    assert reply.headers["x-content-type-options"] == "nosniff"
    with server.study.database.writing() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO answers"))
    assert person.answer(trial, "real").status_code == 200


def test_hostile_range_headers_cost_nothing(serve: Serve) -> None:
    server = serve()
    person = server.join()
    address = person.begin()["trials"][0]["images"][0]
    whole = person.client.get(address).content
    for value in (
        "bytes=0-1",
        "bytes=" + ",".join(f"{place}-" for place in range(1500)),
        "bytes=" + "0-0," * 1500,
        "bytes=-1,9999999999999999999999-1",
        "bytes=" + " " * 5000 + "0-",
    ):
        start = time.perf_counter()
        reply = person.client.get(address, headers={"Range": value})
        assert (reply.status_code, reply.content) == (200, whole)
        assert time.perf_counter() - start < 1


HOSTILE_PATHS = [
    "../secret.key",
    "..%2fsecret.key",
    "%2e%2e%2fsecret.key",
    "%252e%252e%252fsecret.key",
    "..%5csecret.key",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "%00",
    "annotator.js%00",
    "%c0%ae%c0%ae/",
    "．．/",
    "",
    ".",
    "~",
]


@pytest.mark.parametrize("place", ["/static/", "/s/", "/join/", "/owner/api/people/"])
def test_no_path_reaches_a_file(serve: Serve, place: str) -> None:
    server = serve()
    parts = urlsplit(server.url)
    assert parts.hostname is not None and parts.port is not None
    for path in HOSTILE_PATHS:
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
            line = f"GET {place}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            connection.sendall(line.encode())
            reply = b"".join(iter(lambda: connection.recv(65536), b""))
        assert 400 <= int(reply.split()[1]) < 500, path
        assert server.study.key.hex().encode() not in reply and b"root:" not in reply


def test_the_owners_token_is_taken_from_its_header_alone(serve: Serve) -> None:
    server = serve()
    client = server.client()
    for headers, address in (
        ({}, f"/owner/api/summary?token={server.token}"),
        ({"Authorization": server.token}, "/owner/api/summary"),
        ({"Authorization": f"Basic {server.token}"}, "/owner/api/summary"),
        ({"Authorization": f"Bearer {server.token}x"}, "/owner/api/summary"),
        ({"Cookie": f"token={server.token}"}, "/owner/api/summary"),
    ):
        assert client.get(address, headers=headers).status_code == 401
    assert server.owner().get("/owner/api/summary").status_code == 200


def test_many_wrong_tokens_are_told_to_wait_and_the_owner_is_not(serve: Serve) -> None:
    server = serve()
    client = server.client(Authorization="Bearer wrong")
    replies = [client.get("/owner/api/people").status_code for _ in range(WRONG_TOKENS + 3)]
    assert replies == [401] * WRONG_TOKENS + [429] * 3
    assert server.owner().get("/owner/api/people").status_code == 200


def test_every_address_of_the_owner_wants_the_token(serve: Serve) -> None:
    server = serve()
    client = server.client()
    for method, what in (
        ("GET", "summary"),
        ("GET", "people"),
        ("GET", "export.csv"),
        ("GET", "results"),
        ("POST", "start"),
        ("POST", "stop"),
        ("POST", "invitations"),
        ("DELETE", "people/P-1"),
        ("POST", "people/P-1/close"),
        ("POST", "people/P-1/reopen"),
    ):
        body = {"count": 1, "days": 1} if what == "invitations" else {}
        json_body = None if method in ("GET", "DELETE") else body
        reply = client.request(method, f"/owner/api/{what}", json=json_body)
        assert reply.status_code == 401, what
    assert server.owner().get("/owner/api/summary").json()["state"] == "running"


def test_the_owner_invites_stops_starts_and_deletes(serve: Serve) -> None:
    server = serve()
    owner = server.owner()
    links = owner.post("/owner/api/invitations", json={"count": 2, "days": 1}).json()["links"]
    assert len(set(links)) == 2
    reply = server.client().get(links[0])
    assert reply.status_code == 303
    assert owner.post("/owner/api/stop", json={}).json() == {"state": "stopped"}
    refused = server.client().get(links[1])
    assert (refused.status_code, "ended" in refused.text) == (403, True)
    assert owner.post("/owner/api/start", json={}).json() == {"state": "running"}
    (person,) = owner.get("/owner/api/people").json()["people"]
    place = f"/owner/api/people/{person['alias']}"
    assert owner.post(f"{place}/close", json={"state": "done"}).status_code == 422
    assert owner.post(f"{place}/close", json={"state": "returned"}).status_code == 200
    assert owner.post(f"{place}/close", json={"state": "returned"}).status_code == 409
    assert owner.delete(f"/owner/api/people/{person['alias']}").status_code == 200
    assert owner.delete(f"/owner/api/people/{person['alias']}").status_code == 404
    assert owner.get("/owner/api/people").json() == {"people": []}
    assert server.client().get(links[0]).status_code == 410  # the invitation went as well
    for body in ({}, {"count": 0, "days": 1}, {"count": 1, "days": 0}, {"count": 1, "days": 1e9}):
        assert owner.post("/owner/api/invitations", json=body).status_code == 422


def test_people_from_prolific_come_back_to_their_session(serve: Serve) -> None:
    server = serve(recruiter="prolific", annotators_wanted=1)
    address = "/prolific?PROLIFIC_PID=5f1e0c&STUDY_ID=60aa&SESSION_ID=60ab"
    client = server.client()
    place = client.get(address).headers["location"]
    assert client.get(address).headers["location"] == place
    person = Person(client, place)
    person.begin()
    assert client.get(address.replace("5f1e0c", "5f1e0d")).status_code == 403
    for broken in ("/prolific", address + "&PROLIFIC_PID=x", address.replace("5f1e0c", "%00")):
        reply = client.get(broken)
        assert reply.status_code == 400 and "html" in reply.headers["content-type"]
    end = person.finish()["completion"]
    assert end["return"]["method"] == "GET"
    assert end["return"]["url"].startswith("https://app.prolific.com/")


def test_people_from_a_panel_in_a_frame_go_back_by_a_form_to_that_panel_alone(
    serve: Serve,
) -> None:
    server = serve(recruiter="mturk")
    client = server.client()
    address = "/mturk?assignmentId=A1&hitId=H1&workerId=W1&turkSubmitTo="
    for hostile in (
        "https://evil.example",
        "https://www.mturk.com.evil.example",
        "https://www.mturk.com@evil.example",
        "//www.mturk.com",
        "javascript:alert(1)",
        "http://www.mturk.com",
        "https://WWW.mturk.com/",
        "",
    ):
        assert client.get(address + hostile).status_code == 400, hostile
    assert server.owner().get("/owner/api/people").json() == {"people": []}
    place = client.get(address + "https://workersandbox.mturk.com").headers["location"]
    place, _, assignment = place.partition("#")
    assert assignment == "A1"
    policy = client.get(place).headers["content-security-policy"]
    assert "frame-ancestors https://worker.mturk.com" in policy
    person = Person(client, place)
    person.begin()
    end = person.finish()["completion"]
    assert end["return"] == {
        "method": "POST",
        "url": "https://workersandbox.mturk.com/mturk/externalSubmit",
        "fields": {"code": end["code"]},
    }


def test_a_preview_makes_no_session(serve: Serve) -> None:
    server = serve(recruiter="mturk")
    reply = server.client().get("/mturk?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId=H1")
    assert reply.status_code == 200
    with server.study.database.reading() as connection:
        count = select(func.count()).select_from(schema.sessions)
        assert connection.execute(count).scalar_one() == 0


def test_a_link_looked_at_by_a_program_still_works(serve: Serve) -> None:
    server = serve()
    link = server.link()
    client = server.client()
    assert client.head(link).status_code == 200
    assert server.owner().get("/owner/api/people").json() == {"people": []}
    place = client.get(link).headers["location"]
    assert client.get(link).headers["location"] == place
    Person(client, place).begin()
    assert server.client().get(link).headers["location"] == place  # the link leads back


@pytest.mark.parametrize("alias", ["%00", "P-1%00", "%ff", "%ED%A0%80", "..%2f"])
def test_a_name_that_is_none_is_nobodys(serve: Serve, alias: str) -> None:
    owner = serve().owner()
    assert owner.delete(f"/owner/api/people/{alias}").status_code == 404
    close = owner.post(f"/owner/api/people/{alias}/close", json={"state": "returned"})
    assert close.status_code == 404


@pytest.mark.parametrize("taken_away", [True, False])
def test_a_study_below_a_path_works_whether_or_not_the_proxy_takes_it_away(
    serve: Serve, taken_away: bool
) -> None:
    server = serve(path="/deep/study")
    above = "" if taken_away else "/deep/study"
    client = server.client()

    def get(address: str) -> httpx2.Response:
        assert address.startswith("/deep/study/"), address
        return client.get(above + address.removeprefix("/deep/study"))

    link = urlsplit(server.link()).path
    place = get(f"/deep/study{link}").headers["location"]
    for page in (get(place), get("/deep/study/owner"), get("/deep/study/join/none")):
        found = re.findall(r'(?:src|href)="([^"]*)"', page.text)
        assert len(found) >= 2 and {get(file).status_code for file in found} == {200}
    person = Person(client, above + place.removeprefix("/deep/study"))
    assert person.begin()["stage"] == "trials"


def test_the_front_page_says_what_to_do_and_names_nothing(serve: Serve) -> None:
    server = serve(path="/deep/study")
    for address in ("/deep/study", "/deep/study/", "/"):
        reply = server.client().get(address)
        assert reply.status_code == 200 and "open the link that you were sent" in reply.text
        assert "x-content-type-options" in reply.headers


def test_a_study_in_german_with_a_logo_refuses_in_german(serve: Serve) -> None:
    server = serve(language="de", title="Gesichter", logo=b"\x89PNG")
    person = server.join()
    assert 'lang="de"' in person.client.get(person.place).text
    assert person.post("tutorial", {}).json() == {"error": "Ohne Einwilligung beginnt nichts."}
    gone = person.client.get("/join/forged")
    assert gone.status_code == 404 and "Dieser Einladungslink" in gone.text
    picture = person.client.get("/logo")
    assert (picture.content, picture.headers["content-type"]) == (b"\x89PNG", "image/png")


def test_a_study_without_a_logo_has_nothing_there(serve: Serve) -> None:
    assert serve().client().get("/logo").status_code == 404


def test_a_database_that_is_down_is_a_page_that_asks_to_try_again(serve: Serve) -> None:
    server = serve()
    person, other = server.join(), server.link()
    with server.study.database.writing() as connection:
        connection.execute(text("ALTER TABLE sessions RENAME TO others"))
    page = person.client.get(person.place, headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page.headers["retry-after"]) == (503, "10")
    assert "text/html" in page.headers["content-type"] and "Try again" in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    link = person.client.get(other, headers={"Accept": "text/html"})
    assert link.status_code == 503 and "Nothing of yours is lost" in link.text
