"""The HTML pages that people see.

A page is a frame without data: its script fetches the rest as JSON, so no page holds an answer or
an image. Nothing in a page is inline, and nothing comes from another host.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ...web.templates import render_template
from ..languages.words import words_of


@dataclass(frozen=True)
class Frame:
    """What all pages of a study have in common.

    Attributes:
        path: of the study on its host, such as ``/study``.
        language: of the words.
        title: of the study, or empty for a general one.
        logo: whether the study has one.
    """

    path: str = ""
    language: str = "en"
    title: str = ""
    logo: bool = False


def annotator_page(frame: Frame, form_token: str) -> str:
    """Return the page of a session.

    Args:
        frame: of the study.
        form_token: is sent with every POST of the page.
    """
    return _render("annotator.html", frame, {"form_token": form_token, "preview": ""})


def preview_page(frame: Frame, protocol: str) -> str:
    """Return the page that shows the task and records nothing, for a panel's preview.

    Args:
        frame: of the study.
        protocol: ``single``, ``pair`` or ``timed``.
    """
    return _render("annotator.html", frame, {"form_token": "", "preview": protocol})


def message_page(frame: Frame, sentence: str) -> str:
    """Return a page of one sentence, for links that lead nowhere.

    Args:
        frame: of the study.
        sentence: in English; it is translated where the language has it.

    Example:
        >>> "&lt;b&gt;" in message_page(Frame(), "<b>")
        True
    """
    words = words_of(frame.language)
    heading = frame.title or words.page["study"]
    text = words.refusal(sentence)
    return _render("message.html", frame, {"heading": heading, "text": text, "again": False})


def unavailable_page(frame: Frame) -> str:
    """Return the page that asks to come again, for a database that cannot be reached.

    Args:
        frame: of the study.
    """
    page = words_of(frame.language).page
    text = {"heading": page["unavailable"], "text": page["unavailable_text"], "again": True}
    return _render("message.html", frame, text)


def owner_page(path: str = "") -> str:
    """Return the owner's page, which asks for the token.

    Args:
        path: of the study on its host.
    """
    return render_template(__package__, "owner.html", {"path": path, "language": "en"})


def index_page(path: str = "") -> str:
    """Return the page above several studies, which names none of them.

    Args:
        path: of that page on its host.
    """
    return render_template(__package__, "index.html", {"path": path, "language": "en"})


def _render(template: str, frame: Frame, values: Mapping[str, object]) -> str:
    words = words_of(frame.language).page
    common = {**vars(frame), "words": words, "words_json": json.dumps(words, ensure_ascii=False)}
    return render_template(__package__, template, {**common, **values})
