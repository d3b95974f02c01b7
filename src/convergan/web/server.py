"""The process that serves an application: one socket and one event loop."""

import socket

import uvicorn
from starlette.types import ASGIApp

IDLE_SECONDS = 75
"""After which an idle connection is closed. People study an image for longer than the usual 5 s,
and a server that closes the connection just as they answer loses that request."""


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


def make_server(app: ASGIApp) -> uvicorn.Server:
    """Return a server without an access log: addresses in it would identify people."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
    )
    return uvicorn.Server(config)
