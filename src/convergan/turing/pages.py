"""The pages that people see, and the files that they need.

Pages are shells: what changes comes as JSON, so a page holds no answer and no image. Nothing in
them is inline, and nothing comes from another host.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

CONTENT_SECURITY = "default-src 'self'; img-src 'self' blob:; base-uri 'none'; object-src 'none'"
"""What a page may load. Pictures come as blobs, since the script checks their bytes first."""

MEDIA_TYPES = {
    "annotator.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "owner.js": "text/javascript; charset=utf-8",
    "study.css": "text/css; charset=utf-8",
}


@dataclass(frozen=True)
class StaticFile:
    """A file that pages need.

    Attributes:
        content: its bytes.
        media_type: with the charset, where it is text.
    """

    content: bytes
    media_type: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Return the files by name, read once: no request's path reaches the file system.

    Example:
        >>> sorted(static_files())
        ['annotator.js', 'icon.svg', 'owner.js', 'study.css']
    """
    folder = files(__package__) / "static"
    return {
        name: StaticFile((folder / name).read_bytes(), media_type)
        for name, media_type in MEDIA_TYPES.items()
    }


def annotator_page(form_token: str) -> str:
    """Return the page of a session.

    Args:
        form_token: goes with every POST of the page.
    """
    return _render("annotator.html", form_token=form_token, preview="")


def preview_page(protocol: str) -> str:
    """Return the page that shows the task and records nothing, for a panel's preview.

    Args:
        protocol: ``single``, ``pair`` or ``timed``.
    """
    return _render("annotator.html", form_token="", preview=protocol)


def message_page(title: str, text: str) -> str:
    """Return a page that says one thing, for people to whom a link brings nothing else.

    Example:
        >>> "&lt;b&gt;" in message_page("<b>", "")
        True
    """
    return _render("message.html", title=title, text=text)


def owner_page() -> str:
    """Return the owner's page, which asks for the token."""
    return _render("owner.html")


@cache
def _environment() -> Environment:
    loader = PackageLoader("convergan.turing")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _render(template: str, **values: str) -> str:
    return _environment().get_template(template).render(values)
