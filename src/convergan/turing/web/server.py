"""Where people reach the server of a study."""

import re
from urllib.parse import urlsplit

OWN_PATHS = {"join", "prolific", "mturk", "s", "owner", "static"}
"""First parts of the study's own addresses."""


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
