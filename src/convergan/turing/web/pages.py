"""The HTML pages that people see.

A page is a frame without data: its script fetches the rest as JSON, so no page holds an answer or
an image. Nothing in a page is inline, and nothing comes from another host.
"""

from ...web.templates import render_template


def annotator_page(form_token: str, path: str = "") -> str:
    """Return the page of a session.

    Args:
        form_token: is sent with every POST of the page.
        path: of the study on its host, such as ``/study``.
    """
    return _render("annotator.html", {"form_token": form_token, "preview": "", "path": path})


def preview_page(protocol: str, path: str = "") -> str:
    """Return the page that shows the task and records nothing, for a panel's preview.

    Args:
        protocol: ``single``, ``pair`` or ``timed``.
        path: of the study on its host.
    """
    return _render("annotator.html", {"form_token": "", "preview": protocol, "path": path})


def message_page(title: str, text: str, path: str = "") -> str:
    """Return a page of one sentence, for links that lead nowhere.

    Args:
        title: of the page.
        text: the sentence.
        path: of the study on its host.

    Example:
        >>> "&lt;b&gt;" in message_page("<b>", "")
        True
    """
    return _render("message.html", {"title": title, "text": text, "path": path})


def owner_page(path: str = "") -> str:
    """Return the owner's page, which asks for the token.

    Args:
        path: of the study on its host.
    """
    return _render("owner.html", {"path": path})


def index_page(path: str = "") -> str:
    """Return the page above several studies, which names none of them.

    Args:
        path: of that page on its host.
    """
    return _render("index.html", {"path": path})


def _render(template: str, values: dict[str, str]) -> str:
    return render_template(__package__, template, values)
