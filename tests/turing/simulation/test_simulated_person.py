"""What a simulated person's window sends, against replies of our own."""

import asyncio
import json
from collections.abc import Callable

import httpx2
import pytest

from convergan.turing.errors import StudyError
from convergan.turing.simulation import simulated_person
from convergan.turing.simulation.simulated_person import Tab, Visit

PLACE = "http://study/s/A"


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        pass

    monkeypatch.setattr(asyncio, "sleep", at_once)


def window(reply: Callable[[httpx2.Request], httpx2.Response]) -> Tab:
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(reply))
    return Tab(client, PLACE, Visit("A"))


def test_a_request_is_sent_until_the_server_has_an_answer_and_failures_are_counted() -> None:
    statuses = iter([500, None, 409])

    def reply(request: httpx2.Request) -> httpx2.Response:
        status = next(statuses)
        if status is None:
            raise httpx2.ReadError("cut")
        return httpx2.Response(status)

    tab = window(reply)
    assert asyncio.run(tab.request("GET", PLACE)).status_code == 409
    assert tab.visit.failures == {"500": 1, "ReadError": 1}


def test_a_server_that_stays_away_is_told_of_without_the_address_of_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulated_person, "RETRY_SECONDS", -1.0)
    tab = window(lambda request: httpx2.Response(503))
    with pytest.raises(StudyError, match="^GET http://study: 503 for a minute$"):
        asyncio.run(tab.request("GET", PLACE))


def test_the_token_of_the_page_goes_with_what_is_sent() -> None:
    seen: list[httpx2.Request] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if request.url.path == "/s/A":
            return httpx2.Response(200, text='<meta name="form-token" content="secret">')
        return httpx2.Response(200, json={"stage": "consent"})

    async def consent(tab: Tab) -> None:
        assert await tab.load() == {"stage": "consent"}
        await tab.post("consent", {"version": "1"})

    asyncio.run(consent(window(reply)))
    assert [(r.method, r.url.path) for r in seen] == [
        ("GET", "/s/A"),
        ("GET", "/s/A/state"),
        ("POST", "/s/A/consent"),
    ]
    assert seen[-1].headers["X-Form-Token"] == "secret"
    assert json.loads(seen[-1].content) == {"version": "1"}


def test_a_page_that_is_refused_is_told_of_with_its_sentence() -> None:
    tab = window(lambda request: httpx2.Response(403, json={"error": "It has ended."}))
    with pytest.raises(StudyError, match="^a session's page is refused: 403, It has ended.$"):
        asyncio.run(tab.load())
