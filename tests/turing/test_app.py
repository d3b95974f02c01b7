"""The study over HTTP, by people and by those who mean harm."""

from typing import Any

from tests.turing.serving import Serve


def test_a_session_goes_from_the_link_to_the_code(serve: Serve) -> None:
    server = serve(trials=4, attention=1)
    person = server.join()
    assert person.state()["stage"] == "consent"
    found = person.begin()
    assert found["stage"] == "trials"
    assert (found["answered"], found["total"]) == (0, 5)
    assert len(found["trials"]) == 2
    picture = person.client.get(found["trials"][0]["images"][0])
    assert picture.content.startswith(b"\x89PNG")
    assert picture.headers["content-type"] == "image/png"
    end = person.finish()
    assert end["stage"] == "done"
    assert len(end["completion"]["code"]) == 10
    assert person.state() == end
    summary: dict[str, Any] = server.owner().get("/owner/api/summary").json()
    assert (summary["votes"], summary["people"]) == (4, {"done": 1})
