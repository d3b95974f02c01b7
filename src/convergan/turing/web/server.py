"""The process that serves a study: one socket and one event loop."""

import socket

import uvicorn
from fastapi import FastAPI

IDLE_SECONDS = 75
"""After which a connection without a request is closed. People look at an image for longer than
the usual 5 s, and a server that closes just as they answer costs them that request."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; connections queue from now on.

    It says that it is TCP, since asyncio switches off the gathering of small packets for such
    sockets alone, and without that every reply takes 40 ms more.

    Args:
        host: an address of this machine.
        port: 0 for any that is free.

    Raises:
        OSError: if the address or the port is not to be had.
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
    """Return a server that logs nobody: addresses hold identifiers, and whose they are."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
    )
    return uvicorn.Server(config)
