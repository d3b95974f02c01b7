"""The pages that people see, and the files that they need.

Pages are shells: what changes comes as JSON, so a page holds no answer and no image. Nothing in
them is inline, and nothing comes from another host.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


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
    loader = PackageLoader("convergan.turing.web")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _render(template: str, **values: str) -> str:
    return _environment().get_template(template).render(values)
