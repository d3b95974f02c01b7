"""Servers of a study that tell what is generated: the control of row 16."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from socket import socket

from sqlalchemy import select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convergan.turing.study.schema import trials
from convergan.turing.study.study import Study, open_study
from convergan.turing.web.app import create_app
from convergan.web.server import listen, make_server

from .children import fork, wait

DELAY = 0.01
"""Seconds by which the build that leaks by time answers later for generated images."""
IN_REPLIES = ("header", "length", "delay")
IN_PLANS = {
    "order": "UPDATE trials SET position = position + 1000 WHERE generated AND session = :session",
    "identifier": "UPDATE trials SET first_view = 'A' || substr(first_view, 2) "
    "WHERE generated AND session = :session",
}
LEAKS = (*IN_REPLIES, *IN_PLANS)
"""By replies of a server that is changed, and by a study's rows."""


class Leaky:
    """The study's application with a fault: replies with a generated image differ."""

    def __init__(self, app: ASGIApp, study: Study, leak: str) -> None:
        """Wrap the application; `LEAKS` says how it leaks."""
        self.app, self.study, self.leak = app, study, leak

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and change the reply where its image is generated."""
        leaks = scope["type"] == "http" and self._generated(scope["path"])

        async def betraying(message: Message) -> None:
            if message["type"] == "http.response.start" and self.leak == "header":
                message["headers"] = [*message["headers"], (b"x-cache", b"hit")]
            elif message["type"] == "http.response.start" and self.leak == "length":
                message["headers"] = [
                    (name, b"%d" % (int(value) + 1) if name == b"content-length" else value)
                    for name, value in message["headers"]
                ]
            elif message["type"] == "http.response.body" and self.leak == "length":
                message["body"] += b"\n"
            await send(message)

        if leaks and self.leak == "delay":
            time.sleep(DELAY)
        await self.app(scope, receive, betraying if leaks else send)

    def _generated(self, path: str) -> bool:
        query = select(trials.c.generated).where(trials.c.first_view == path.rpartition("/")[2])
        with self.study.database.reading() as connection:
            return bool(connection.execute(query).scalar())


def serve_leaky(folder: Path, listener: socket, leak: str) -> int:
    """Serve a build that leaks in replies, until the process is ended."""
    with open_study(folder) as study:
        app = create_app(study, "http://study")
        app.add_middleware(Leaky, study=study, leak=leak)
        make_server(app).run(sockets=[listener])
    return 0


@contextmanager
def leaking(folder: Path, leak: str) -> Iterator[str]:
    """Serve a build that leaks for as long as the block lasts; yield its address."""
    with listen("127.0.0.1", 0) as listener:
        child = fork(partial(serve_leaky, folder, listener, leak))
        port = listener.getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.kill(child, signal.SIGTERM)
        wait(child)
