"""The pages over HTTP: each handler parses a request, calls the project, and replies.

All addresses stand below a random token, which no other page on this machine knows. Requests under
another host's name are refused, so that no page of a stranger can reach the server through a name
that it lets point to this machine.
"""

import hmac
import logging
import sqlite3
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from ..data import DataError
from ..web.replies import RefusedError, invalid_reply, json_reply
from ..web.security import SecurityMiddleware, security_headers
from ..web.static_files import read_static_files, static_reply
from ..web.templates import render_template
from .items import Card, Fields, Passage, Picture
from .pictures import GRID_SIDE, LARGEST_SIDE, CardCache
from .project import Given, Project
from .store import Answer

MAX_BODY_BYTES = 256 * 1024
NOTHING_HERE = "There is nothing at this address."
NOT_FRAMED = "form-action 'none'; frame-ancestors 'none'"
MOST_ASKED, MOST_IN_GRID, RECENT = 50, 200, 30

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,40}$")]
Name = Annotated[str, Field(max_length=5000)]


class Body(BaseModel):
    """A JSON object of exactly these fields."""

    model_config = ConfigDict(extra="forbid")


class NextBody(Body):
    """How many items a page wants to have, and which it has."""

    person: Identifier
    count: Annotated[int, Field(ge=1, le=MOST_ASKED)]
    held: Annotated[list[Name], Field(max_length=MOST_ASKED)] = []


class AnswerBody(Body):
    """One answer."""

    request: Identifier
    person: Identifier
    item: Name
    kind: Literal["label", "none", "skip"]
    label: Name | None = None


class UndoBody(Body):
    """Which request is taken back."""

    request: Identifier
    person: Identifier
    target: Identifier


class SureBody(Body):
    """Which class a grid is to show."""

    person: Identifier
    label: Name | None = None
    count: Annotated[int, Field(ge=1, le=MOST_IN_GRID)]


class ConfirmBody(Body):
    """What a person says of a grid."""

    request: Identifier
    person: Identifier
    label: Name
    right: Annotated[list[Name], Field(max_length=MOST_IN_GRID)]
    wrong: Annotated[list[Name], Field(max_length=MOST_IN_GRID)]


class ClassBody(Body):
    """A new class."""

    name: Name
    alike: bool = False


class RenameBody(Body):
    """A class and its new name."""

    old: Name
    new: Name


class HostMiddleware:
    """Refuses requests under the name of another host, or that another host's page sends.

    Args:
        app: what replies.
        hosts: names with ports that are answered.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app, self.hosts = app, frozenset(hosts)
        self.origins = {f"http://{host}" for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with status 421 or 403."""
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            origin = headers.get(b"origin")
            refusal: Response | None = None
            if headers.get(b"host", b"").decode("latin-1").lower() not in self.hosts:
                refusal = json_reply({"error": "This server has another name."}, 421)
            elif origin is not None and origin.decode("latin-1").lower() not in self.origins:
                refusal = json_reply({"error": "Another page sent this request."}, 403)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


def create_app(project: Project, token: str, hosts: Collection[str]) -> FastAPI:
    """Return the application of an open project.

    Args:
        project: to label.
        token: first part of all addresses.
        hosts: names, with ports, by which browsers may call the server.
    """
    app = FastAPI(
        title="convergan label",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(HostMiddleware, hosts=hosts)
    app.add_middleware(
        SecurityMiddleware, headers=security_headers(NOT_FRAMED), max_body_bytes=MAX_BODY_BYTES
    )

    def with_token(key: str) -> None:
        if not hmac.compare_digest(key.encode(), token.encode()):
            raise RefusedError(404, NOTHING_HERE)

    guarded = [Depends(with_token)]
    cards = CardCache(project.items.card)
    _page_routes(app, project, guarded)
    _item_routes(app, project, cards, guarded)
    _answer_routes(app, project, guarded)
    _export_routes(app, project, guarded)
    _error_handlers(app)
    return app


def _page_routes(app: FastAPI, project: Project, guarded: Sequence[Any]) -> None:
    files = read_static_files(__package__)

    @app.get("/{key}/", dependencies=guarded)
    def page(key: str) -> Response:
        one, many = project.items.noun
        values = {
            "title": project.items.title,
            "one": one,
            "many": many,
            "path": f"/{key}",
            "filled": project.items.filled,
        }
        return HTMLResponse(render_template(__package__, "label.html", values))

    @app.get("/{key}/static/{name}", dependencies=guarded)
    def static(key: str, name: str) -> Response:
        return static_reply(files, name)

    @app.get("/{key}/api/state", dependencies=guarded)
    def state(key: str) -> Response:
        return json_reply(project.state())


def _item_routes(app: FastAPI, project: Project, cards: CardCache, guarded: Sequence[Any]) -> None:
    def shown(number: int, side: int) -> dict[str, Any]:
        name = project.items.names[number]
        return {"number": number, "name": name, **_content(project, cards, number, side)}

    def remembered(answer: Answer, count: int) -> dict[str, Any]:
        given = {"request": answer.request, "kind": answer.kind, "label": answer.label}
        return {**given, "count": count, "card": shown(project.number(answer.item), LARGEST_SIDE)}

    @app.post("/{key}/api/next", dependencies=guarded)
    def next_items(key: str, body: NextBody) -> Response:
        found = project.next_items(body.person, body.count, body.held)
        return json_reply({"cards": [shown(number, LARGEST_SIDE) for number in found]})

    @app.post("/{key}/api/sure", dependencies=guarded)
    def sure(key: str, body: SureBody) -> Response:
        label, found = project.sure_items(body.person, body.label, body.count)
        return json_reply({"label": label, "cards": [shown(number, GRID_SIDE) for number in found]})

    @app.get("/{key}/api/recent", dependencies=guarded)
    def recent(key: str, person: str) -> Response:
        found = project.recent(person, RECENT)
        return json_reply({"answers": [remembered(answer, count) for answer, count in found]})

    @app.get("/{key}/api/guess", dependencies=guarded)
    def guess(key: str, number: int) -> Response:
        if not 0 <= number < len(project.items.names):
            raise RefusedError(404, "There is no such item.")
        found = project.guess(number)
        return json_reply({"guess": None if found is None else [found[0], round(found[1], 3)]})

    @app.get("/{key}/picture/{number}", dependencies=guarded)
    def picture(key: str, number: int, side: int = LARGEST_SIDE) -> Response:
        if not 0 <= number < len(project.items.names) or side not in (GRID_SIDE, LARGEST_SIDE):
            raise RefusedError(404, "There is no such picture.")
        card = cards.get(number, side)
        if not isinstance(card, Picture):
            raise RefusedError(404, "There is no such picture.")
        kept = {"cache-control": "private, max-age=86400"}
        return Response(card.data, media_type=card.media_type, headers=kept)


def _answer_routes(app: FastAPI, project: Project, guarded: Sequence[Any]) -> None:
    @app.post("/{key}/api/answer", dependencies=guarded)
    def answer(key: str, body: AnswerBody) -> Response:
        return json_reply(project.answer(Given(**body.model_dump())))

    @app.post("/{key}/api/confirm", dependencies=guarded)
    def confirm(key: str, body: ConfirmBody) -> Response:
        return json_reply(project.confirm(**body.model_dump()))

    @app.post("/{key}/api/undo", dependencies=guarded)
    def undo(key: str, body: UndoBody) -> Response:
        return json_reply(project.undo(body.request, body.person, body.target))

    @app.post("/{key}/api/again", dependencies=guarded)
    def again(key: str) -> Response:
        return json_reply(project.forget_skips())

    @app.post("/{key}/api/class", dependencies=guarded)
    def add_class(key: str, body: ClassBody) -> Response:
        return json_reply(project.add_class(body.name, alike=body.alike))

    @app.post("/{key}/api/rename", dependencies=guarded)
    def rename(key: str, body: RenameBody) -> Response:
        return json_reply(project.rename_class(body.old, body.new))


def _export_routes(app: FastAPI, project: Project, guarded: Sequence[Any]) -> None:
    @app.get("/{key}/export/labels.csv", dependencies=guarded)
    def labels(key: str) -> Response:
        return _file("labels.csv", project.labels_csv().encode())

    @app.get("/{key}/export/history.csv", dependencies=guarded)
    def history(key: str) -> Response:
        return _file("history.csv", project.history_csv().encode())

    @app.get("/{key}/export/filled", dependencies=guarded)
    def filled(key: str) -> Response:
        if not project.items.filled:
            raise RefusedError(404, "There is no table to fill.")
        return _file(project.items.filled, project.items.fill(project.store.labels()))


def _content(project: Project, cards: CardCache, number: int, side: int) -> dict[str, Any]:
    """Return what is shown of an item: where its picture is, or its text or cells."""
    if project.items.pictures:
        return {"kind": "picture", "picture": f"picture/{number}?side={side}"}
    card: Card = cards.get(number, side)
    if isinstance(card, Fields):
        return {"kind": "fields", "cells": card.cells}
    if isinstance(card, Passage):
        return {"kind": "text", "text": card.text, "cells": card.cells}
    return {"kind": "picture", "picture": f"picture/{number}?side={side}"}


def _file(name: str, data: bytes) -> Response:
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(data, media_type="text/csv; charset=utf-8", headers=headers)


def _error_handlers(app: FastAPI) -> None:
    """Show refusals as ``{"error": sentence}``; to somebody who opens an address, as a page."""

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        return _refusal(request, error.status, error.text)

    def unreadable(request: Request, error: Exception) -> Response:
        return json_reply({"error": str(error)}, 422)

    def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        text = {404: NOTHING_HERE, 405: "This address takes other requests."}
        sentence = text.get(error.status_code, "The request cannot be read.")
        return _refusal(request, error.status_code, sentence)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return invalid_reply(error.errors())

    def unstored(request: Request, error: Exception) -> Response:
        logging.getLogger("uvicorn.error").error("the database failed: %s", error)
        return json_reply({"error": f"Nothing could be stored just now: {error}"}, 503)

    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(DataError, unreadable)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(sqlite3.Error, unstored)


def _refusal(request: Request, status: int, text: str) -> Response:
    if status == 404 and "text/html" in request.headers.get("accept", ""):
        text = "Open the address that convergan label prints: it holds a token."
        return HTMLResponse(render_template(__package__, "lost.html", {"text": text}), status)
    return json_reply({"error": text}, status)
