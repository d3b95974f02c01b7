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
    path = urlsplit(public_url).path.rstrip("/")
    if not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", path):
        raise ValueError(f"the path of public-url must be plain, like /study, got {path!r}")
    first = path.strip("/").partition("/")[0]
    if first in OWN_PATHS:
        raise ValueError(f"public-url cannot have the path /{first}, which the study itself has")
    return public_url.rstrip("/")


def invitation_address(public_url: str | None, served: str | None) -> str:
    """Return the address that links of a study begin with.

    Args:
        public_url: what the owner asks for, if anything.
        served: where the study was served last, if it was.

    Raises:
        ValueError: if neither is known, or links would lead to nothing where the study is served.

    Example:
        >>> invitation_address(None, "https://lab.example/faces")
        'https://lab.example/faces'
    """
    if public_url is None:
        if served is None:
            raise ValueError(
                "this study was never served, so nobody knows its address: start `convergan turing "
                "serve`, or name the address by --public-url"
            )
        return served
    address = public_address(public_url)
    wanted = urlsplit(address).path
    if served is not None and urlsplit(served).path != wanted:
        raise ValueError(
            f"the study is served as {served}, so links to {address} would lead to nothing; leave "
            "--public-url out, or serve the study with it"
        )
    return address


def is_local(url: str) -> bool:
    """Whether only a browser on this machine can follow an address.

    Example:
        >>> [is_local(f"http://{host}:8000/s") for host in ("127.0.0.1", "[::1]", "lab.example")]
        [True, True, False]
    """
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host in ("::1", "0.0.0.0", "::")
