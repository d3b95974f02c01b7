"""How a socket listens; what a server does under load is tested with the study."""

import socket
import threading
from urllib.request import urlopen

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from convergan.web.server import listen, make_server


def test_a_listener_is_one_whose_replies_are_sent_at_once() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
        port = listener.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port} cannot be listened on"):
            listen("127.0.0.1", port)


def test_a_server_answers_and_does_not_say_what_it_is() -> None:
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("here"))])
    with listen("127.0.0.1", 0) as listener:
        server = make_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with urlopen(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=30) as reply:
                assert reply.read() == b"here"
                assert reply.headers["server"] is None
        finally:
            server.should_exit = True
            thread.join(30)
