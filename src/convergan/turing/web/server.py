"""The process that serves a study: one socket and one event loop."""

import re
import socket
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI

IDLE_SECONDS = 75
"""After which an idle connection is closed. People study an image for longer than the usual 5 s,
and a server that closes the connection just as they answer loses that request."""

OWN_PATHS = {"join", "prolific", "mturk", "s", "owner", "static"}
"""First parts of the study's own addresses."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; connections queue from now on.

    The protocol is named because asyncio switches off Nagle's algorithm only on sockets that name
    TCP; without that every reply takes 40 ms longer.

    Args:
        host: an address of this machine.
        port: 0 for any that is free.

    Raises:
        OSError: if the address or the port cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise OSError(f"{host}:{port} cannot be listened on: {reason}") from None
    return listener


def make_server(app: FastAPI) -> uvicorn.Server:
    """Return a server without an access log: addresses in it would identify people."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
    )
    return uvicorn.Server(config)


def public_address(public_url: str | None, host: str = "127.0.0.1", port: int = 8000) -> str:
    """Return where people reach the server.

    Args:
        public_url: what the owner asks for; None for the address that the server listens on.
        host: of that address.
        port: of that address.

    Raises:
        ValueError: if a browser could not follow it, or its path is one of the study's own.

    Example:
        >>> public_address(None, "::1"), public_address("https://study.example/")
        ('http://[::1]:8000', 'https://study.example')
    """
    if public_url is None:
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", public_url):
        raise ValueError(f"public-url must be like https://study.example, got {public_url!r}")
    first = urlsplit(public_url).path.strip("/").partition("/")[0]
    if first in OWN_PATHS:
        raise ValueError(f"public-url cannot have the path /{first}, which the study itself has")
    return public_url.rstrip("/")
