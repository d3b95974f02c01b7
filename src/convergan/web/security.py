"""Headers that every reply has, and the largest request."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .replies import RefusedError

MAX_BODY_BYTES = 16 * 1024
"""Bytes of a request, unless an application says otherwise."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; {frame}"
)
"""Content security: nothing comes from another host, nothing in a page is inline."""


def security_headers(frame: str) -> dict[str, str]:
    """Return the headers of every reply.

    Args:
        frame: directives that say where a page may be framed and send its forms.
    """
    return {
        "content-security-policy": POLICY.format(frame=frame),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "cache-control": "no-store",
    }


class SecurityMiddleware:
    """Sets the security headers of every reply, and refuses large requests.

    Args:
        app: what replies.
        headers: that a reply gets where it does not have them.
        path: below which the application lies on its host; requests may have it or not.
        max_body_bytes: of a request; of a larger one the reader raises `RefusedError`.
    """

    def __init__(
        self,
        app: ASGIApp,
        headers: Mapping[str, str],
        path: str = "",
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self.app, self.headers, self.path, self.most = app, headers, path, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request of at most so many bytes, with the headers on its reply."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.most:
                raise RefusedError(413, "The request is too large.")
            return message

        below = {**scope, "root_path": self.path}
        if below["path"] == self.path:  # the application's front page, without its slash
            below["path"] += "/"
        await self.app(below, limited, with_headers)
