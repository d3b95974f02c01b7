"""The HTML pages that people see.

A page is a frame without data: its script fetches the rest as JSON, so no page holds an answer or
an image. Nothing in a page is inline, and nothing comes from another host.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


def annotator_page(form_token: str) -> str:
    """Return the page of a session, which sends ``form_token`` with every POST."""
    return _render("annotator.html", {"form_token": form_token, "preview": ""})


def preview_page(protocol: str) -> str:
    """Return the page that shows a protocol's task and records nothing, for a panel's preview."""
    return _render("annotator.html", {"form_token": "", "preview": protocol})


def message_page(title: str, text: str) -> str:
    """Return a page of one sentence, for links that lead nowhere.

    Example:
        >>> "&lt;b&gt;" in message_page("<b>", "")
        True
    """
    return _render("message.html", {"title": title, "text": text})


def owner_page() -> str:
    """Return the owner's page, which asks for the token."""
    return _render("owner.html", {})


@cache
def _environment() -> Environment:
    loader = PackageLoader("convergan.turing.web")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _render(template: str, values: dict[str, str]) -> str:
    return _environment().get_template(template).render(values)
