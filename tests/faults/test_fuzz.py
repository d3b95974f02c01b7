"""Requests from nobody's browser, and replies that must not be."""

import random
from pathlib import Path

import pytest

from faults.fuzz import Reply, attack, fault_of
from faults.grammar import CHANGES, Change, Request

pytestmark = pytest.mark.slow


def test_requests_from_nobodys_browser_are_refused_and_told_nothing(
    tmp_path: Path, server: str | None
) -> None:
    found = attack(tmp_path / "study", server, 500, seed=0)
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


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_makes_another_request(change: Change) -> None:
    body = b'{"trial": "abc", "reaction_ms": 1.5}'
    request = Request(b"POST", b"/s/x/answers", (b"X-Form-Token: f",), body)
    chance = random.Random(0)
    assert any(change(request, chance).to_bytes() != request.to_bytes() for _ in range(5))
