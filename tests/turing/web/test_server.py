"""The server under load, and killed under it."""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from convergan.turing.owner import invite, read_votes
from convergan.turing.study import schema
from convergan.turing.study.study import StudySettings, create_study, open_study
from convergan.web.server import listen
from tests.turing.serving import CODES, Person, Serve, noise

pytestmark = pytest.mark.slow


def hasten(person: Person, seed: int) -> Counter[int]:
    """Send every answer thrice, with others before and after it, at once and in any order."""
    chance, statuses = random.Random(seed), Counter[int]()
    found = person.begin()
    old: list[dict[str, Any]] = []
    while found["stage"] == "trials":
        old.append(found["trials"][0])
        sent = [found["trials"][0]] * 3 + found["trials"][1:] + old[-2:]
        chance.shuffle(sent)
        for trial in sent:
            statuses[person.answer(trial, chance.choice(["real", "generated"])).status_code] += 1
        found = person.state()
    return statuses


def test_many_people_at_once_lose_nothing_and_double_nothing(serve: Serve) -> None:
    people, trials = 12, 10
    server = serve(trials=trials, attention=0, annotators_wanted=people)
    with ThreadPoolExecutor(people) as pool:
        joined = list(pool.map(lambda _: server.join(), range(people)))
        statuses = sum(pool.map(hasten, joined, range(people)), Counter[int]())
    assert set(statuses) <= {200, 409}  # never "database is locked"
    votes = read_votes(server.study)
    assert len(votes) == people * trials
    assert len(votes.annotators) == people
    with server.study.database.reading() as connection:
        codes = select(func.count(schema.sessions.c.completion_code.distinct()))
        assert connection.execute(codes).scalar_one() == people


def test_two_servers_of_one_study_write_beside_each_other(
    serve: Serve, tmp_path: Path, address: str | None
) -> None:
    server = serve(trials=10, attention=0)
    with open_study(tmp_path / "study") as other:  # as another process would
        from tests.turing.serving import served

        with served(other, server.token) as second:
            people = [server.join(), second.join(), server.join(), second.join()]
            with ThreadPoolExecutor(4) as pool:
                statuses = sum(pool.map(hasten, people, range(4)), Counter[int]())
            assert set(statuses) <= {200, 409}
            assert len(read_votes(server.study)) == 40


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Run the command in a process of its own; return it and the address."""
    command = [sys.executable, "-m", "convergan", "turing", "serve", str(folder), "--no-browser"]
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    found = re.search(r"http://\S+(?=/owner)", process.stdout.readline())
    assert found is not None
    return process, found.group()


def test_no_acknowledged_answer_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    plan = StudySettings(trials=200, attention=0, annotators_wanted=4)
    create_study(folder, plan, noise("real", 200), [noise("a", 200)])
    process, url = start(folder)
    with open_study(folder) as study:
        links = invite(study, url, 4, 1)
    acknowledged: list[str] = []
    enough = threading.Event()

    def answer_until_killed(link: str) -> None:
        with httpx2.Client(base_url=url, timeout=10) as client:
            try:
                person = Person(client, client.get(link).headers["location"])
                found = person.begin()
                while found["stage"] == "trials":
                    reply = person.answer(found["trials"][0], "real")
                    assert reply.status_code == 200
                    acknowledged.append(found["trials"][0]["trial"])
                    if len(acknowledged) > 100:
                        enough.set()
                    found = person.state()
            except httpx2.TransportError:
                pass

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(answer_until_killed, link) for link in links]
        assert enough.wait(120)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        for future in done:
            future.result()
    with open_study(folder) as study, study.database.reading() as connection:
        stored = connection.execute(select(schema.answers.c.trial)).scalars().all()
        state = select(schema.trials.c.id).where(schema.trials.c.state == schema.ANSWERED)
        assert sorted(connection.execute(state).scalars()) == sorted(stored)
    assert len(acknowledged) > 100
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored)) <= len(acknowledged) + 4
    with closing(sqlite3.connect(folder / "study.sqlite3")) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_nothing_that_is_printed_names_anybody(tmp_path: Path) -> None:
    plan = StudySettings(trials=4, attention=0, recruiter="prolific", **CODES)
    create_study(tmp_path / "study", plan, noise("real"), [noise("a")])
    process, url = start(tmp_path / "study")
    query = {"PROLIFIC_PID": "5f1e0c0ffee", "STUDY_ID": "60aa", "SESSION_ID": "60ab"}
    with httpx2.Client(base_url=url) as client:
        place = client.get("/prolific", params=query).headers["location"]
        Person(client, place).begin()
        assert client.get("/prolific", params={**query, "STUDY_ID": "\0"}).status_code == 400
        assert client.post(f"{place}/answers", content=b"\xff").status_code == 403
        assert client.get("/owner/api/people?token=secretive").status_code == 401
    process.terminate()
    printed, _ = process.communicate(timeout=30)
    for word in ("5f1e0c0ffee", place, "secretive", "127.0.0.1:"):
        assert word not in printed.replace(url, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_stops_soon(tmp_path: Path, number: signal.Signals) -> None:
    create_study(
        tmp_path / "study", StudySettings(trials=4, attention=0), noise("real"), [noise("a")]
    )
    process, url = start(tmp_path / "study")
    assert httpx2.get(f"{url}/owner").status_code == 200
    process.send_signal(number)
    code = process.wait(timeout=60)
    assert process.stdout is not None
    process.stdout.close()
    assert code == 128 + number
    assert not list((tmp_path / "study").glob("*-wal"))


def test_who_looks_at_an_image_for_long_keeps_the_connection(serve: Serve) -> None:
    import http.client

    place = serve().url.removeprefix("http://")
    connection = http.client.HTTPConnection(place, timeout=30)
    for pause in (0.0, 6.0):  # servers close after 5 s where nothing is said
        time.sleep(pause)
        connection.request("GET", "/static/study.css")
        assert connection.getresponse().read()
    connection.close()
