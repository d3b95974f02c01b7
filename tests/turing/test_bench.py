"""Small tiers of the study app's benchmarks, and that each of them can fail."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from bench import turing_fuzz, turing_kills, turing_load
from bench.turing_fuzz import Reply, Request, attack, fault_of
from bench.turing_leaks import LEAKS, areas, audit, differing_replies
from bench.turing_studies import faults, make_study
from convergan.turing.cast import Cast
from convergan.turing.server_process import serving
from convergan.turing.simulator import simulate
from convergan.turing.study import Plan, opened
from tests.turing.conftest import POSTGRESQL

servers = pytest.mark.parametrize(
    "server",
    [
        pytest.param(None, id="sqlite"),
        pytest.param(
            POSTGRESQL,
            id="postgresql",
            marks=pytest.mark.skipif(POSTGRESQL is None, reason="no CONVERGAN_TEST_POSTGRESQL"),
        ),
    ],
)


@servers
def test_answers_sent_three_times_and_out_of_order_are_stored_once(
    tmp_path: Path, server: str | None
) -> None:
    load = turing_load.measure(server, 8, 10, tmp_path / "study")
    assert load.holds
    assert (load.stored, load.expected) == (80, 80)
    assert load.sent >= 3 * 80
    assert not replace(load, stored=79).holds
    assert not replace(load, failures=Counter({"500": 1})).holds


@servers
def test_no_acknowledged_answer_is_lost_in_a_kill(tmp_path: Path, server: str | None) -> None:
    run = turing_kills.measure(server, tmp_path / "study", kills=2, annotators=6, trials=8, seed=0)
    assert run.holds
    assert run.acknowledged == run.stored == 48
    assert run.failures > 0  # the kills were felt
    assert not replace(run, lost=1).holds


def test_what_a_half_written_transaction_leaves_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    make_study(folder, Plan(trials=4, attention=0))
    with serving(folder) as url:
        simulate(folder, url, Cast(2, ["guesser"]))
    assert faults(folder) == []
    with opened(folder) as study, study.database.writing() as connection:
        connection.execute(text("DELETE FROM answers WHERE number = 1"))
        connection.execute(text("UPDATE sessions SET completion_code = NULL WHERE number = 0"))
    assert faults(folder) == [
        "2 answered trials without an answer",
        "2 sessions with a gap in their answers",
        "1 sessions that are done without a code, or not with one",
    ]


@servers
def test_requests_from_nobodys_browser_are_refused_and_told_nothing(
    tmp_path: Path, server: str | None
) -> None:
    ((_, found),) = attack(tmp_path / "study", server, 500, seed=0)
    assert found.wrong == []
    assert found.statuses.total() == 500
    assert found.statuses[200] > 50  # it is not all refused at the door
    assert found.statuses[409] + found.statuses[422] > 20


@pytest.mark.parametrize(
    ("status", "data", "owner", "fault"),
    [
        (500, b"", False, "a server's error"),
        (0, b"", False, "no reply"),
        (404, b'Traceback (most recent call last):\n File "a"', False, "the inside is shown"),
        (200, b'{"feedback":{"correct":true}}', False, "a class is told"),
        (200, b'{"people":[{"alias":"P-0a1b2c3d"}]}', False, "a class is told"),
        (200, b'{"people":[{"alias":"P-0a1b2c3d"}]}', True, ""),
        (422, b'{"error":"answer: Input should be real or generated"}', False, ""),
    ],
)
def test_replies_that_must_not_be_are_found(
    status: int, data: bytes, owner: bool, fault: str
) -> None:
    request = Request(b"GET", b"/s/x/state", owner=owner)
    assert fault_of(request, Reply(status, data, 0.01)) == fault


@pytest.mark.parametrize("change", turing_fuzz.CHANGES)
def test_every_change_makes_another_request(change: turing_fuzz.Change) -> None:
    body = b'{"trial": "abc", "reaction_ms": 1.5}'
    request = Request(b"POST", b"/s/x/answers", (b"X-Form-Token: f",), body)
    chance = random.Random(0)
    assert any(change(request, chance).to_bytes() != request.to_bytes() for _ in range(5))


def test_nothing_but_pixels_tells_what_is_generated(tmp_path: Path) -> None:
    for name, area in audit(tmp_path / "study", 4, None, 0.9999, length=50).items():
        assert area.low <= 0.5 <= area.high, name


@pytest.mark.parametrize("leak", ["header", "identifier"])
def test_a_build_that_leaks_is_found(tmp_path: Path, leak: str) -> None:
    assert leak in LEAKS
    found = audit(tmp_path / "study", 4, leak, 0.95, length=50)
    assert max(area.area for area in found.values()) > 0.9


def test_replies_to_right_and_wrong_answers_are_the_same_bytes(tmp_path: Path) -> None:
    assert differing_replies(tmp_path / "study", 6) == 0


def test_the_areas_interval_holds_a_half_for_noise_and_not_for_a_hint() -> None:
    rng = np.random.default_rng(0)
    generated = np.concatenate([rng.permutation(np.arange(80) < 40) for _ in range(5)])
    sessions = np.repeat(np.arange(5), 80)
    x = rng.standard_normal((400, 5))
    for area in areas(x, generated, sessions, 0.95).values():
        assert area.low <= 0.5 <= area.high
    x[:, 2] += generated
    for area in areas(x, generated, sessions, 0.95).values():
        assert area.low > 0.55
