"""Serves a project until it is asked to stop."""

import socket
import threading

from ..web.server import make_server
from .app import create_app
from .project import Project

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine, for which only it answers."""


def allowed_hosts(host: str, port: int) -> list[str]:
    """Return the names by which browsers may call the server.

    Example:
        >>> allowed_hosts("192.168.1.5", 8010)
        ['192.168.1.5:8010']
    """
    name = f"[{host}]" if ":" in host else host
    names = LOOPBACK if name in LOOPBACK else (name,)
    return [f"{name}:{port}" for name in names]


def address(host: str, port: int, token: str) -> str:
    """Return where the page is.

    Example:
        >>> address("127.0.0.1", 8010, "abc")
        'http://127.0.0.1:8010/abc/'
    """
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/{token}/"


def serve(project: Project, token: str, host: str, listener: socket.socket) -> None:
    """Answer requests until a signal.

    Args:
        project: open.
        token: of the address.
        host: that the socket listens on.
        listener: the socket.
    """
    port = listener.getsockname()[1]
    server = make_server(create_app(project, token, allowed_hosts(host, port)))
    threading.current_thread().name = "server"
    server.run(sockets=[listener])
