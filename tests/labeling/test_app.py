from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from convergan.labeling.app import create_app
from convergan.labeling.project import Project
from tests.labeling.fakes import ANN, digits, give, opened, request

HOST, TOKEN = "127.0.0.1:8010", "secret-token"
Call = Callable[..., Any]


def client_of(project: Project) -> TestClient:
    app = create_app(project, TOKEN, [HOST, "localhost:8010"])
    return TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False)


@pytest.fixture
def client(project: Project) -> TestClient:
    return client_of(project)


@pytest.fixture
def call(client: TestClient) -> Call:
    """Post to the interface, or get where there is no body; return the reply."""

    def called(path: str, body: Any = None, status: int = 200) -> Any:
        address = f"/{TOKEN}/api/{path}"
        reply = client.get(address) if body is None else client.post(address, json=body)
        assert reply.status_code == status, reply.text
        return reply.json()

    return called


def test_an_item_is_asked_shown_answered_and_undone(
    client: TestClient, call: Call, project: Project
) -> None:
    cards = call("next", {"person": ANN, "count": 2})["cards"]
    assert len(cards) == 2 and cards[0]["kind"] == "picture"
    assert call(f"guess?number={cards[0]['number']}") == {"guess": None}
    assert call("guess?number=60", status=404) == {"error": "There is no such item."}
    picture = client.get(f"/{TOKEN}/{cards[0]['picture']}")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    assert call("class", {"name": "cat"}) == {"name": "cat"}
    made = request()
    body = {"request": made, "person": ANN, "item": cards[0]["name"], "kind": "label"}
    assert call("answer", {**body, "label": "cat"}) == {}
    assert project.store.labels() == {cards[0]["name"]: "cat"}
    assert call("state")["labelled"] == 1
    recent = call(f"recent?person={ANN}")["answers"]
    assert [(a["request"], a["label"], a["card"]["name"]) for a in recent] == [
        (made, "cat", cards[0]["name"])
    ]
    undone = call("undo", {"request": request(), "person": ANN, "target": made})
    assert undone == {"undone": 1} and project.store.labels() == {}


def test_a_grid_is_confirmed(call: Call, project: Project) -> None:
    project.add_class("cat")
    assert call("sure", {"person": ANN, "count": 100}) == {"label": None, "cards": []}
    body = {"request": request(), "person": ANN, "label": "cat", "right": ["001.png"], "wrong": []}
    assert call("confirm", body) == {"stored": 1, "others": 0}


def test_classes_are_renamed_and_skips_forgotten(call: Call, project: Project) -> None:
    give(project, "000.png", "kat")
    give(project, "001.png", None, kind="skip")
    assert call("class", {"name": "KAT"}) == {"similar": "kat"}
    assert call("rename", {"old": "kat", "new": "cat"}) == {"name": "cat"}
    assert call("again", {}) == {"forgotten": 1}
    assert call("rename", {"old": "kat", "new": "cat"}, 409) == {"error": "There is no class kat."}


def test_labels_and_history_are_saved(client: TestClient, project: Project) -> None:
    give(project, "000.png", "cat")
    labels = client.get(f"/{TOKEN}/export/labels.csv")
    assert labels.text == "file,label\n000.png,cat\n"
    assert "attachment" in labels.headers["content-disposition"]
    assert "000.png,label,cat" in client.get(f"/{TOKEN}/export/history.csv").text
    assert client.get(f"/{TOKEN}/export/filled").status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("next", {"person": "x", "count": 1}),
        ("next", {"person": ANN, "count": 0}),
        ("answer", {"request": "request-1", "person": ANN, "item": "a", "kind": "maybe"}),
        ("answer", {"request": "request-1", "person": ANN, "item": "a", "kind": "none", "x": 1}),
        ("class", {}),
    ],
)
def test_a_body_of_another_form_is_refused(call: Call, path: str, body: Any) -> None:
    assert "error" in call(path, body, 422)


def test_nothing_is_there_without_the_token(client: TestClient) -> None:
    for path in ("/", "/wrong/", "/wrong/api/state", "/wrong/picture/0", "/static/label.js"):
        reply = client.get(path)
        assert reply.status_code == 404, path
        assert "There is nothing at this address" in reply.text
    page = client.get("/", headers={"accept": "text/html"})
    assert page.status_code == 404 and "address that convergan label prints" in page.text
    assert TOKEN not in page.text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:9999", "127.0.0.1", ""])
def test_a_request_under_another_name_is_refused(client: TestClient, host: str) -> None:
    reply = client.get(f"/{TOKEN}/api/state", headers={"host": host})
    assert reply.status_code == 421


def test_a_request_of_another_page_is_refused(client: TestClient, project: Project) -> None:
    for origin, status in (("http://evil.example", 403), ("null", 403), (f"http://{HOST}", 200)):
        headers = {"origin": origin}
        body = {"name": f"class of {status}"}
        reply = client.post(f"/{TOKEN}/api/class", json=body, headers=headers)
        assert reply.status_code == status
    assert project.store.classes == ["class of 200"]


def test_every_reply_has_the_security_headers(client: TestClient) -> None:
    for path in (f"/{TOKEN}/", f"/{TOKEN}/api/state", "/none", f"/{TOKEN}/static/label.css"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_a_request_that_is_too_large_is_refused(client: TestClient) -> None:
    reply = client.post(f"/{TOKEN}/api/class", content=b"x" * 300_000)
    assert reply.status_code == 400
    assert reply.json() == {"error": "The request cannot be read."}


def test_a_picture_that_cannot_be_shown_says_why(still: None, tmp_path: Path) -> None:
    with opened(tmp_path / "labels.csv", digits(broken=frozenset({4}))) as project:
        client = client_of(project)
        reply = client.get(f"/{TOKEN}/picture/4")
        assert reply.status_code == 422
        assert reply.json() == {"error": "004.png cannot be shown: truncated"}
        for path in ("picture/60", "picture/-1", "picture/0?side=99999"):
            assert client.get(f"/{TOKEN}/{path}").status_code == 404


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere(client: TestClient) -> None:
    import re

    page = client.get(f"/{TOKEN}/").text
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=|javascript:", page)
    for address in re.findall(r'(?:src|href)="([^"]*)"', page):
        if address.startswith("/"):
            assert client.get(address).status_code == 200, address
        else:
            assert re.fullmatch(r"export/[a-z.]+|#[a-z]+", address)


def test_the_scripts_find_all_elements_that_they_name(client: TestClient) -> None:
    import re

    page = client.get(f"/{TOKEN}/").text
    ids = set(re.findall(r' id="([a-z-]+)"', page))
    for script in ("label.js", "grid.js", "progress.js"):
        text = client.get(f"/{TOKEN}/static/{script}").text
        named = set(re.findall(r'\$\("([a-z-]+)"\)', text))
        assert len(named) > 4 and named <= ids, (script, named - ids)
