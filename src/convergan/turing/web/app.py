"""The study over HTTP: each handler parses a request, calls `sessions` or `owner`, and replies.

Nothing that is sent, headers and lengths included, depends on whether an image is generated, except
feedback where the person's arm has it.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from ...web.replies import RefusedError, invalid_reply, json_reply
from ...web.security import POLICY, SecurityMiddleware, security_headers
from ...web.static_files import read_static_files, static_reply
from .. import owner
from ..languages.words import words_of
from ..study import schema
from ..study.admission import join_by_invitation, join_from_panel
from ..study.database import cause_of
from ..study.recruitment import NO_PANEL, Panel, arrive_from_mturk, arrive_from_prolific
from ..study.session_record import NO_SESSION
from ..study.sessions import Answer, Session
from ..study.study import Study
from ..study.tokens import equal_secrets, form_token
from .owner_token import OwnerTokens
from .pages import (
    Frame,
    annotator_page,
    message_page,
    owner_page,
    preview_page,
    unavailable_page,
)

INCOMPLETE = "This link is not complete. Please open the study from the panel again."
UNREADABLE = "The request cannot be read."
IDENTIFIER = r"^[A-Za-z0-9_-]{22}$"
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
Milliseconds = Annotated[float, Field(ge=0, le=86_400_000, allow_inf_nan=False)]
Length = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class Body(BaseModel):
    """A JSON object of exactly these fields."""

    model_config = ConfigDict(extra="forbid")


class EmptyBody(Body):
    """``{}``."""


class ConsentBody(Body):
    """Which text the person agrees to."""

    version: Annotated[str, Field(max_length=64)]


class Screen(Body):
    """The screen on which the image was shown."""

    width: Length
    height: Length
    ratio: Length
    shown_px: Length


class AnswerBody(Body):
    """One answer."""

    trial: Identifier
    answer: Literal["real", "generated", "left", "right"]
    reaction_ms: Milliseconds
    shown_ms: Milliseconds
    ignored: Annotated[int, Field(ge=0, le=1_000_000)]
    screen: Screen


class LossBody(Body):
    """An image that could not be shown."""

    trial: Identifier
    what: Annotated[str, Field(max_length=1000)]


class ResponsesBody(Body):
    """Answers to the owner's own questions."""

    stage: Literal["before", "after"]
    values: dict[
        Annotated[str, Field(max_length=40)],
        Annotated[str, Field(max_length=4000)]
        | Annotated[float, Field(allow_inf_nan=False)]
        | None,
    ]


class CloseBody(Body):
    """Why a session ends before its last trial."""

    state: Literal["returned", "screened out"]


class InvitationsBody(Body):
    """How many links, and for how long."""

    count: Annotated[int, Field(ge=1, le=1000)]
    days: Annotated[float, Field(gt=0, le=365, allow_inf_nan=False)]
    pilot: bool = False


class PageRefusedError(RefusedError):
    """A refusal that is shown as a page, also in the frame of a panel."""

    def __init__(self, status: int, text: str, panel: Panel) -> None:
        super().__init__(status, text)
        self.panel = panel


def create_app(study: Study, public_url: str) -> FastAPI:
    """Return the application of an open study.

    Args:
        study: to serve.
        public_url: where people reach it, in invitation links. A proxy may leave the path in it to
            requests or take it away.
    """
    app = bare_app(public_url, study)
    _arrival_routes(app, study)
    _session_routes(app, study)
    _owner_routes(app, study, public_url)
    _static_files(app, study)

    @app.get("/")
    def front(request: Request) -> Response:
        text = "To take part, open the link that you were sent."
        return HTMLResponse(message_page(_frame(study, request), text))

    return app


def bare_app(public_url: str, study: Study | None = None) -> FastAPI:
    """Return an application without addresses: the security headers and how refusals are shown.

    Args:
        public_url: where people reach it.
        study: whose language and title refusals have, if it is one study's.
    """
    app = FastAPI(
        title="convergan turing",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would use the Host of the request
    )
    app.add_middleware(
        SecurityMiddleware,
        headers=security_headers(NO_PANEL.content_security()),
        path=urlsplit(public_url).path.rstrip("/"),
    )
    _error_handlers(app, study)
    return app


def _arrival_routes(app: FastAPI, study: Study) -> None:
    @app.get("/join/{invitation}")
    def join(request: Request, invitation: str) -> Response:
        with _as_page():
            return _to_session(request, join_by_invitation(study, invitation))

    @app.get("/prolific")
    def prolific(request: Request) -> Response:
        with _as_page():
            arrival = arrive_from_prolific(request.query_params.multi_items())
            return _to_session(request, join_from_panel(study, arrival))

    @app.get("/mturk")
    def mturk(request: Request) -> Response:
        with _as_page(study.panel):
            arrival = arrive_from_mturk(request.query_params.multi_items(), study.panel)
            if arrival is None:
                return _framed(preview_page(_frame(study, request), study.protocol), study.panel)
            # Browsers keep what is behind the # to themselves; the script puts it into the form.
            session = join_from_panel(study, arrival)
            return _to_session(request, f"{session}#{arrival.visit}")

    for address in ("/join/{invitation}", "/prolific", "/mturk"):
        app.head(address)(_look)


def _look() -> Response:
    """Answer a program that only asks whether there is something at an address."""
    return Response(media_type="text/html")


def _session_routes(app: FastAPI, study: Study) -> None:
    def session_at(session: str) -> Session:
        if not re.fullmatch(IDENTIFIER, session):
            raise RefusedError(404, NO_SESSION)
        return Session(study, session)

    def own_session(
        session: Annotated[Session, Depends(session_at)],
        x_form_token: Annotated[str, Header()] = "",
    ) -> Session:
        """Return the session whose page sends the request: no other page has its form token."""
        if not equal_secrets(x_form_token, form_token(study.key, session.id)):
            raise RefusedError(403, "This page is out of date; reload it.")
        return session

    AnySession = Annotated[Session, Depends(session_at)]
    OwnSession = Annotated[Session, Depends(own_session)]

    @app.get("/s/{session}")
    def page(request: Request, session: str) -> Response:
        with _as_page():
            panel = session_at(session).panel()
        token = form_token(study.key, session)
        return _framed(annotator_page(_frame(study, request), token), panel)

    @app.get("/s/{session}/state")
    def state(session: AnySession) -> Response:
        return json_reply(session.state())

    @app.get("/s/{session}/image/{view}")
    def image(session: AnySession, view: str) -> Response:
        return _picture(session.image(view))

    @app.get("/s/{session}/mistakes")
    def mistakes(session: AnySession) -> Response:
        return json_reply({"mistakes": session.mistakes()})

    @app.get("/s/{session}/mistakes/{view}")
    def mistake_image(session: AnySession, view: str) -> Response:
        return _picture(session.mistake_image(view))

    @app.post("/s/{session}/consent")
    def consent(session: OwnSession, body: ConsentBody) -> Response:
        return json_reply(session.consent(body.version))

    @app.post("/s/{session}/responses")
    def responses(session: OwnSession, body: ResponsesBody) -> Response:
        return json_reply(session.respond(body.stage, body.values))

    @app.post("/s/{session}/tutorial")
    def tutorial(session: OwnSession, body: EmptyBody) -> Response:
        return json_reply(session.tutorial())

    @app.post("/s/{session}/resume")
    def resume(session: OwnSession, body: EmptyBody) -> Response:
        return json_reply(session.resume())

    @app.post("/s/{session}/answers")
    def answers(session: OwnSession, body: AnswerBody) -> Response:
        reply = session.answer(Answer(**body.model_dump()))
        return Response(reply, media_type="application/json")

    @app.post("/s/{session}/technical")
    def report_loss(session: OwnSession, body: LossBody) -> Response:
        return json_reply(session.report_loss(body.trial, body.what))

    @app.post("/s/{session}/withdraw")
    def withdraw(session: OwnSession, body: EmptyBody) -> Response:
        return json_reply(session.withdraw())


def _owner_routes(app: FastAPI, study: Study, public_url: str) -> None:
    tokens = OwnerTokens({study.name: owner.token_hash(study)})

    def owner_only(authorization: Annotated[str, Header()] = "") -> None:
        tokens.require(authorization)

    guarded = [Depends(owner_only)]

    @app.get("/owner")
    def page(request: Request) -> Response:
        return HTMLResponse(owner_page(_path(request)))

    @app.get("/owner/api/summary", dependencies=guarded)
    def summary() -> Response:
        return json_reply(owner.summary(study))

    @app.get("/owner/api/people", dependencies=guarded)
    def people() -> Response:
        return json_reply({"people": owner.people(study)})

    @app.delete("/owner/api/people/{alias}", dependencies=guarded)
    def delete_person(alias: str) -> Response:
        owner.delete_person(study, alias)
        return json_reply({"deleted": alias})

    @app.post("/owner/api/people/{alias}/close", dependencies=guarded)
    def close_person(alias: str, body: CloseBody) -> Response:
        owner.close_person(study, alias, body.state)
        return json_reply({"closed": alias})

    @app.post("/owner/api/people/{alias}/reopen", dependencies=guarded)
    def reopen_person(alias: str, body: EmptyBody) -> Response:
        return json_reply({"link": owner.reopen_person(study, alias, public_url)})

    @app.get("/owner/api/export.csv", dependencies=guarded)
    def export() -> Response:
        return Response(owner.export_csv(study), media_type="text/csv; charset=utf-8")

    @app.get("/owner/api/responses.csv", dependencies=guarded)
    def export_responses() -> Response:
        return Response(owner.export_responses(study), media_type="text/csv; charset=utf-8")

    @app.get("/owner/api/results", dependencies=guarded)
    def results() -> Response:
        return json_reply(owner.results(study))

    @app.post("/owner/api/start", dependencies=guarded)
    def start(body: EmptyBody) -> Response:
        return json_reply(owner.set_state(study, schema.RUNNING))

    @app.post("/owner/api/stop", dependencies=guarded)
    def stop(body: EmptyBody) -> Response:
        return json_reply(owner.set_state(study, schema.STOPPED))

    @app.post("/owner/api/invitations", dependencies=guarded)
    def invitations(body: InvitationsBody) -> Response:
        made = owner.invite(study, public_url, body.count, body.days, pilot=body.pilot)
        return json_reply({"links": made})


def _static_files(app: FastAPI, study: Study) -> None:
    files = read_static_files(__package__)

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        return static_reply(files, name)

    @app.get("/logo")
    def logo() -> Response:
        if study.logo is None:
            raise RefusedError(404, "There is nothing at this address.")
        return Response(study.logo, media_type="image/png")


def _error_handlers(app: FastAPI, study: Study | None) -> None:
    """Show refusals as ``{"error": sentence}``, or as pages, in the study's language."""
    words = words_of(Frame.language if study is None else study.language)

    def wants_page(request: Request) -> bool:
        return "text/html" in request.headers.get("accept", "")

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        if isinstance(error, PageRefusedError):
            page = _framed(message_page(_frame(study, request), error.text), error.panel)
            page.status_code = error.status
            return page
        return json_reply({"error": words.refusal(error.text)}, error.status)

    def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        text = {404: "There is nothing at this address.", 405: "This address takes other requests."}
        sentence = text.get(error.status_code, UNREADABLE)
        if error.status_code == 404 and wants_page(request):
            page = message_page(_frame(study, request), sentence)
            return HTMLResponse(page, status_code=404)
        return json_reply({"error": words.refusal(sentence)}, error.status_code, error.headers)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return invalid_reply(error.errors(), words.refusal(UNREADABLE))

    def unstored(request: Request, error: Exception) -> Response:
        assert isinstance(error, SQLAlchemyError)
        logging.getLogger("uvicorn.error").error("the database failed: %s", cause_of(error))
        if wants_page(request):
            panel = NO_PANEL if study is None else study.panel
            page = _framed(unavailable_page(_frame(study, request)), panel)
            page.status_code = 503
            page.headers["retry-after"] = "10"
            return page
        sentence = "Nothing could be stored just now; please try again."
        return json_reply({"error": words.refusal(sentence)}, 503)

    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(SQLAlchemyError, unstored)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(RequestValidationError, invalid)


@contextmanager
def _as_page(panel: Panel = NO_PANEL) -> Iterator[None]:
    """Turn refusals inside the block into pages, which may be shown in the panel's frame."""
    try:
        yield
    except RefusedError as error:
        raise PageRefusedError(error.status, error.text, panel) from None
    except ValueError:  # a panel's parameters are wrong; anybody may have written the link
        raise PageRefusedError(400, INCOMPLETE, panel) from None


def _picture(file: bytes) -> Response:
    """Return a picture that no proxy may compress: its length would then tell about its pixels."""
    kind = "image/webp" if file.startswith(b"RIFF") else "image/png"
    return Response(file, headers={"cache-control": "no-store, no-transform"}, media_type=kind)


def _to_session(request: Request, session: str) -> Response:
    return RedirectResponse(f"{_path(request)}/s/{session}", status_code=303)


def _path(request: Request) -> str:
    """Return the path below which the study lies on its host, or nothing."""
    return str(request.scope["root_path"])


def _frame(study: Study | None, request: Request) -> Frame:
    """Return what pages show of a study besides their own text; of none, the address alone."""
    if study is None:
        return Frame(_path(request))
    return Frame(_path(request), study.language, study.title, study.logo is not None)


def _framed(page: str, panel: Panel) -> Response:
    """Return a page that may be shown in the panel's frame."""
    policy = POLICY.format(frame=panel.content_security())
    return HTMLResponse(page, headers={"content-security-policy": policy})
