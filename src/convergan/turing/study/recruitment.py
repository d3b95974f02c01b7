"""How people come to a study and leave it: by invitation, from Prolific, from Mechanical Turk.

An adapter is two pure functions: from the parameters of the arriving request to who came, and from
a completion code to the way back. All else is the same for all. The outcomes are the states of a
session in `schema`.

Prolific's parameters and redirect are those of its own reference, docs.prolific.com, as read in
November 2026: PROLIFIC_PID is the participant, STUDY_ID the study, SESSION_ID the submission, and
the browser ends at /submissions/complete with a code of the study in ``cc``. Mechanical Turk is
closed to new customers and its closure is announced: that adapter is for compatible panels and is
tested against a local one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..checks import check

PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
"""Mechanical Turk's assignment id in a preview."""

PROLIFIC_COMPLETE = "https://app.prolific.com/submissions/complete"

_IDENTIFIER = re.compile(r"[0-9A-Za-z_-]{1,64}")
_ORIGIN = re.compile(r"https?://[0-9a-z.-]{1,253}(:[0-9]{1,5})?")


@dataclass(frozen=True)
class Panel:
    """Whose frames may show the pages, and where a form of theirs may go.

    Attributes:
        frames: origins of pages that may hold ours in a frame; none for no frame at all.
        forms: origins that the last form may be sent to.

    Raises:
        ValueError: if one is not an origin such as ``https://example.org``.
    """

    frames: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # They go into a header, which a semicolon or a line break would change.
        for origin in (*self.frames, *self.forms):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"an origin is like https://example.org, got {origin!r}")

    def content_security(self) -> str:
        """Return the directives of this panel, to follow those of every page.

        Example:
            >>> Panel().content_security()
            "frame-ancestors 'none'; form-action 'self'"
        """
        frames = " ".join(self.frames) or "'none'"
        forms = " ".join(("'self'", *self.forms))
        return f"frame-ancestors {frames}; form-action {forms}"

    def require_form(self, submit_to: str) -> str:
        """Return an origin if forms may go there: else any site could have ours sent to it.

        Raises:
            ValueError: if it is not one of `forms` to the letter.
        """
        known = ", ".join(self.forms)
        check(
            {"turkSubmitTo": submit_to},
            (submit_to in self.forms, "turkSubmitTo", f"one of {known}"),
        )
        return submit_to


NO_PANEL = Panel()
"""For invitations and Prolific, whose people open our pages in a window of their own."""

MTURK = Panel(
    frames=(
        "https://worker.mturk.com",
        "https://www.mturk.com",
        "https://workersandbox.mturk.com",
    ),
    forms=("https://www.mturk.com", "https://workersandbox.mturk.com"),
)


@dataclass(frozen=True)
class Arrival:
    """Somebody who came from a panel.

    Attributes:
        adapter: ``prolific`` or ``mturk``.
        person: their id at the panel; to be stored as a keyed hash only.
        visit: the id of this visit: Prolific's SESSION_ID, Mechanical Turk's assignment. It is
            never stored; who needs it at the end keeps it in the session's address.
        task: the id of the study at the panel.
        submit_to: origin of the last form, for Mechanical Turk only.
    """

    adapter: str
    person: str
    visit: str
    task: str
    submit_to: str | None = None


class PanelReturn(NamedTuple):
    """How the browser goes back to the panel when a session is done.

    Attributes:
        method: ``GET`` for a link, ``POST`` for a form.
        url: without the fields.
        fields: of the query or the form.
    """

    method: str
    url: str
    fields: Mapping[str, str]


def arrive_from_prolific(query: Iterable[tuple[str, str]]) -> Arrival:
    """Return who came, from the parameters of the study's URL.

    Args:
        query: names and values as in the request, repeated ones included.

    Raises:
        ValueError: if a parameter is missing, repeated or not an id.

    Example:
        >>> query = [("PROLIFIC_PID", "5f1e"), ("STUDY_ID", "60aa"), ("SESSION_ID", "60ab")]
        >>> arrive_from_prolific(query).person
        '5f1e'
    """
    values = _single_values(query)
    person, task, visit = (
        _identifier(values, name) for name in ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")
    )
    return Arrival(adapter="prolific", person=person, visit=visit, task=task)


def return_to_prolific(code: str) -> PanelReturn:
    """Return the redirect that ends a submission.

    Args:
        code: of the study, for what became of the session.

    Raises:
        ValueError: if it is not a code.
    """
    return PanelReturn("GET", PROLIFIC_COMPLETE, {"cc": _code(code)})


def arrive_from_mturk(query: Iterable[tuple[str, str]], panel: Panel = MTURK) -> Arrival | None:
    """Return who came, from the parameters of an ExternalQuestion, or None for a preview.

    In a preview the task is shown, no session is made and nothing is accepted.

    Args:
        query: names and values as in the request, repeated ones included.
        panel: whose origins are allowed.

    Raises:
        ValueError: if a parameter is missing, repeated or not an id, or turkSubmitTo is not one of
            the panel's origins.

    Example:
        >>> arrive_from_mturk([("assignmentId", PREVIEW), ("hitId", "3X")]) is None
        True
    """
    values = _single_values(query)
    visit = _identifier(values, "assignmentId")
    if visit == PREVIEW:
        return None
    task, person = _identifier(values, "hitId"), _identifier(values, "workerId")
    submit_to = panel.require_form(values.get("turkSubmitTo", ""))
    return Arrival("mturk", person=person, visit=visit, task=task, submit_to=submit_to)


def return_to_mturk(submit_to: str, code: str, panel: Panel = MTURK) -> PanelReturn:
    """Return the form that the browser sends to end an assignment.

    The page's script adds the assignment's id, which it keeps behind the # of its address, so
    neither the database nor the network gets it.

    Args:
        submit_to: as in the arrival; it is checked again, as it comes from storage.
        code: made by the server for this session when it was done.
        panel: whose origins are allowed.

    Raises:
        ValueError: if an argument is not what it should be.
    """
    fields = {"code": _code(code)}
    return PanelReturn("POST", f"{panel.require_form(submit_to)}/mturk/externalSubmit", fields)


def check_codes(
    recruiter: str, completion: str | None, screened_out: str | None, failed_attention: str | None
) -> None:
    """Check the codes by which a study tells Prolific what became of somebody.

    Args:
        recruiter: of the study.
        completion: for who finishes.
        screened_out: for who is screened out.
        failed_attention: for who misses too many attention trials.

    Raises:
        ValueError: if one is missing, none is wanted, one is no code, or two are the same.
    """
    given = {
        "completion-code": completion,
        "screened-out": screened_out,
        "failed-attention": failed_attention,
    }
    codes = {name: code for name, code in given.items() if code is not None}
    if recruiter != "prolific":
        for name in codes:
            raise ValueError(f"{name} needs --recruiter prolific, got recruiter {recruiter}")
        return
    for name in ("completion-code", "screened-out"):
        if name not in codes:
            raise ValueError(
                f"recruiter prolific needs {name}, a completion code from the study's page there"
            )
    for code in codes.values():
        _code(code)
    if len(set(codes.values())) < len(codes):
        raise ValueError("completion codes must differ, as Prolific tells outcomes apart by them")


def _single_values(query: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in query:
        if name in values:
            raise ValueError(f"parameter {name[:64]!r} is there twice; once would be right")
        values[name] = value
    return values


def _identifier(values: Mapping[str, str], name: str) -> str:
    value = values.get(name)
    if value is None:
        raise ValueError(f"parameter {name} is missing; the panel puts it into its link")
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError(
            f"{name} must be 1 to 64 letters, digits, - or _, got {value[:80]!r}; "
            "was the link copied before the panel filled it in?"
        )
    return value


def _code(code: str) -> str:
    if not _IDENTIFIER.fullmatch(code):
        raise ValueError(f"a code is 1 to 64 letters, digits, - or _, got {code[:80]!r}")
    return code
