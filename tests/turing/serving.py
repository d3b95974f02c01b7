"""A real server of a small study in a thread, and people without a browser."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import numpy as np

from convergan.turing.owner import invite
from convergan.turing.study.image_import import Source, source_from_array
from convergan.turing.study.study import Study
from convergan.turing.web.app import create_app
from convergan.web.server import listen, make_server

Make = Callable[..., tuple[Study, str]]

CODES: dict[str, Any] = {
    "completion_code": "DONE-C1",
    "screened_out_code": "OUT-C2",
    "failed_attention_code": "ATTN-C3",
}
"""What a study has at Prolific."""


def noise(name: str, count: int = 40, seed: int = 0, side: int = 8) -> Source:
    chance = np.random.default_rng([seed, *name.encode()])
    return source_from_array(name, chance.integers(0, 256, (count, 1, side, side), dtype=np.uint8))


@dataclass(frozen=True)
class Server:
    """A running server of a study."""

    url: str
    study: Study
    token: str
    closing: ExitStack

    def client(self, **headers: str) -> httpx2.Client:
        """A client that is closed with the server."""
        made = httpx2.Client(base_url=self.url, headers=headers, timeout=60)
        return self.closing.enter_context(made)

    def link(self) -> str:
        """A fresh invitation link."""
        return invite(self.study, self.url, 1, 7)[0]

    def owner(self) -> httpx2.Client:
        return self.client(Authorization=f"Bearer {self.token}")

    def join(self) -> "Person":
        """A person who has followed a fresh link."""
        client = self.client()
        reply = client.get(self.link())
        assert reply.status_code == 303, reply.text
        return Person(client, reply.headers["location"])


@dataclass
class Person:
    """Somebody with a browser that runs no script."""

    client: httpx2.Client
    place: str
    form: str = field(init=False)

    def __post_init__(self) -> None:
        text = self.client.get(self.place).text
        self.form = text.split('name="form-token" content="')[1].split('"')[0]

    def state(self) -> dict[str, Any]:
        reply = self.client.get(f"{self.place}/state")
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def post(self, what: str, body: object) -> httpx2.Response:
        headers = {"X-Form-Token": self.form}
        return self.client.post(f"{self.place}/{what}", json=body, headers=headers)

    def begin(self) -> dict[str, Any]:
        """Agree and read the tutorial; return the state with the first trials."""
        version = self.state()["consent"]["version"]
        assert self.post("consent", {"version": version}).status_code == 200
        reply = self.post("tutorial", {})
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def answer_body(self, trial: dict[str, Any], answer: str) -> dict[str, Any]:
        screen = {"width": 1280, "height": 720, "ratio": 1, "shown_px": 256}
        times = {"reaction_ms": 650.0, "shown_ms": 650.0, "ignored": 0}
        return {"trial": trial["trial"], "answer": answer, **times, "screen": screen}

    def answer(self, trial: dict[str, Any], answer: str) -> httpx2.Response:
        return self.post("answers", self.answer_body(trial, answer))

    def finish(self, answer: str = "generated") -> dict[str, Any]:
        """Give one answer to whatever is left; return the state at the end."""
        found = self.state()
        while found["stage"] == "trials":
            assert self.answer(found["trials"][0], answer).status_code == 200
            found = self.state()
        return found


@contextmanager
def served(study: Study, token: str, path: str = "") -> Iterator[Server]:
    """Run the real server in a thread for as long as the block lasts.

    ``path`` is that of its public URL, as behind a proxy.
    """
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = make_server(create_app(study, url + path))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with ExitStack() as closing:
            yield Server(url, study, token, closing)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()
    assert not thread.is_alive()


Serve = Callable[..., Server]
