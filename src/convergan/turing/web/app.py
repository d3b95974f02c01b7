"""The study over HTTP: each handler parses a request, calls `sessions` or `owner`, and replies.

Nothing that is sent, headers and lengths included, depends on whether an image is generated, except
feedback where the person's arm has it.
"""

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import owner
from ..errors import RefusedError
from ..study import schema
from ..study.admission import join_by_invitation, join_from_panel
from ..study.database import cause_of
from ..study.recruitment import NO_PANEL, Panel, arrive_from_mturk, arrive_from_prolific
from ..study.session_record import NO_SESSION
from ..study.sessions import Answer, Session
from ..study.study import Study
from ..study.tokens import equal_secrets, form_token, token_sha256
from .pages import annotator_page, message_page, owner_page, preview_page

MAX_BODY_BYTES = 16 * 1024
"""Bytes of a request."""
WRONG_TOKENS, WRONG_TOKENS_SECONDS = 10, 60.0
"""So many wrong tokens of the owner in so many seconds, from all clients; more get status 429."""
STATIC_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
IDENTIFIER = r"^[A-Za-z0-9_-]{22}$"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; {panel}"
)
HEADERS = {
    "content-security-policy": POLICY.format(panel=NO_PANEL.content_security()),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}

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


class CloseBody(Body):
    """Why a session ends before its last trial."""

    state: Literal["returned", "screened out"]


class InvitationsBody(Body):
    """How many links, and for how long."""

    count: Annotated[int, Field(ge=1, le=1000)]
    days: Annotated[float, Field(gt=0, le=365, allow_inf_nan=False)]


class PageRefusedError(RefusedError):
    """A refusal that is shown as a page, also in the frame of a panel."""

    def __init__(self, status: int, text: str, panel: Panel) -> None:
        super().__init__(status, text)
        self.panel = panel


class SecurityMiddleware:
    """Sets the security headers of every reply, and refuses large requests.

    Args:
        app: what replies.
        path: below which the study lies on its host; requests may have it or not.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app, self.path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request of at most `MAX_BODY_BYTES`, with `HEADERS` on its reply."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise RefusedError(413, "The request is too large.")
            return message

        await self.app({**scope, "root_path": self.path}, limited, with_headers)


def create_app(study: Study, public_url: str) -> FastAPI:
    """Return the application of an open study.

    Args:
        study: to serve.
        public_url: where people reach it, in invitation links. A proxy may leave the path in it to
            requests or take it away.
    """
    app = FastAPI(
        title="convergan turing",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would use the Host of the request
    )
    app.add_middleware(SecurityMiddleware, path=urlsplit(public_url).path.rstrip("/"))
    _error_handlers(app)
    _arrival_routes(app, study)
    _session_routes(app, study)
    _owner_routes(app, study, public_url)
    _static_files(app)
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
                return _framed(preview_page(study.protocol, _path(request)), study.panel)
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
        return _framed(annotator_page(form_token(study.key, session), _path(request)), panel)

    @app.get("/s/{session}/state")
    def state(session: AnySession) -> Response:
        return _json(session.state())

    @app.get("/s/{session}/image/{view}")
    def image(session: AnySession, view: str) -> Response:
        return Response(session.image(view), media_type="image/png")

    @app.get("/s/{session}/mistakes")
    def mistakes(session: AnySession) -> Response:
        return _json({"mistakes": session.mistakes()})

    @app.get("/s/{session}/mistakes/{view}")
    def mistake_image(session: AnySession, view: str) -> Response:
        return Response(session.mistake_image(view), media_type="image/png")

    @app.post("/s/{session}/consent")
    def consent(session: OwnSession, body: ConsentBody) -> Response:
        return _json(session.consent(body.version))

    @app.post("/s/{session}/tutorial")
    def tutorial(session: OwnSession, body: EmptyBody) -> Response:
        return _json(session.tutorial())

    @app.post("/s/{session}/answers")
    def answers(session: OwnSession, body: AnswerBody) -> Response:
        reply = session.answer(Answer(**body.model_dump()))
        return Response(reply, media_type="application/json")

    @app.post("/s/{session}/technical")
    def report_loss(session: OwnSession, body: LossBody) -> Response:
        return _json(session.report_loss(body.trial, body.what))

    @app.post("/s/{session}/withdraw")
    def withdraw(session: OwnSession, body: EmptyBody) -> Response:
        return _json(session.withdraw())


def _owner_routes(app: FastAPI, study: Study, public_url: str) -> None:
    wrong: list[float] = []
    expected = owner.token_hash(study)

    def owner_only(authorization: Annotated[str, Header()] = "") -> None:
        kind, _, token = authorization.partition(" ")
        if kind.lower() == "bearer" and equal_secrets(token_sha256(token.strip()), expected):
            return
        now = time.monotonic()
        wrong[:] = [moment for moment in wrong if moment > now - WRONG_TOKENS_SECONDS]
        if len(wrong) >= WRONG_TOKENS:
            raise RefusedError(429, "Too many wrong tokens; wait a minute.")
        wrong.append(now)
        raise RefusedError(401, "The owner's token is wrong or missing.")

    guarded = [Depends(owner_only)]

    @app.get("/owner")
    def page(request: Request) -> Response:
        return HTMLResponse(owner_page(_path(request)))

    @app.get("/owner/api/summary", dependencies=guarded)
    def summary() -> Response:
        return _json(owner.summary(study))

    @app.get("/owner/api/people", dependencies=guarded)
    def people() -> Response:
        return _json({"people": owner.people(study)})

    @app.delete("/owner/api/people/{alias}", dependencies=guarded)
    def delete_person(alias: str) -> Response:
        owner.delete_person(study, alias)
        return _json({"deleted": alias})

    @app.post("/owner/api/people/{alias}/close", dependencies=guarded)
    def close_person(alias: str, body: CloseBody) -> Response:
        owner.close_person(study, alias, body.state)
        return _json({"closed": alias})

    @app.get("/owner/api/export.csv", dependencies=guarded)
    def export() -> Response:
        return Response(owner.export_csv(study), media_type="text/csv; charset=utf-8")

    @app.get("/owner/api/results", dependencies=guarded)
    def results() -> Response:
        return _json(owner.results(study))

    @app.post("/owner/api/start", dependencies=guarded)
    def start(body: EmptyBody) -> Response:
        return _json(owner.set_state(study, schema.RUNNING))

    @app.post("/owner/api/stop", dependencies=guarded)
    def stop(body: EmptyBody) -> Response:
        return _json(owner.set_state(study, schema.STOPPED))

    @app.post("/owner/api/invitations", dependencies=guarded)
    def invitations(body: InvitationsBody) -> Response:
        return _json({"links": owner.invite(study, public_url, body.count, body.days)})


def _static_files(app: FastAPI) -> None:
    """Serve the files of the package by their names alone; no path reaches the file system."""
    files = {
        entry.name: (entry.read_bytes(), STATIC_TYPES[suffix])
        for entry in resources.files(__package__).joinpath("static").iterdir()
        if (suffix := f".{entry.name.rpartition('.')[2]}") in STATIC_TYPES
    }

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in files:
            raise RefusedError(404, "There is no such file.")
        data, kind = files[name]
        return Response(data, media_type=kind)


def _error_handlers(app: FastAPI) -> None:
    """Show refusals as ``{"error": sentence}``, those of pages as pages."""

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        if isinstance(error, PageRefusedError):
            page = _framed(message_page("Image study", error.text, _path(request)), error.panel)
            page.status_code = error.status
            return page
        return _json({"error": error.text}, error.status)

    def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        text = {404: "There is nothing at this address.", 405: "This address takes other requests."}
        sentence = text.get(error.status_code, "The request cannot be read.")
        if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
            page = message_page("Image study", sentence, _path(request))
            return HTMLResponse(page, status_code=404)
        return _json({"error": sentence}, error.status_code, error.headers)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return _json({"error": f"{place or 'the body'}: {first['msg']}"}, 422)

    def unstored(request: Request, error: Exception) -> Response:
        assert isinstance(error, SQLAlchemyError)
        logging.getLogger("uvicorn.error").error("the database failed: %s", cause_of(error))
        return _json({"error": "Nothing could be stored just now; please try again."}, 503)

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
        text = "This link is not complete. Please open the study from the panel again."
        raise PageRefusedError(400, text, panel) from None


def _to_session(request: Request, session: str) -> Response:
    return RedirectResponse(f"{_path(request)}/s/{session}", status_code=303)


def _path(request: Request) -> str:
    """Return the path below which the study lies on its host, or nothing."""
    return str(request.scope["root_path"])


def _framed(page: str, panel: Panel) -> Response:
    """Return a page that may be shown in the panel's frame."""
    policy = POLICY.format(panel=panel.content_security())
    return HTMLResponse(page, headers={"content-security-policy": policy})


def _json(
    value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    text = json.dumps(value, separators=(",", ":"))
    return Response(text, status, headers, media_type="application/json")
