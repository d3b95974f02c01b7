"""Several studies on one server, each below its own name: one process, own databases and keys.

Nothing of one study can be reached below another's name, and the page above them names none: it
leads an owner, by the token, to the page of that owner's study.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI, Header
from fastapi.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ...web.replies import json_reply
from ...web.static_files import read_static_files, static_reply
from .. import owner
from ..errors import StudyError
from ..study.study import KEY, Study
from .app import bare_app, create_app
from .owner_token import OwnerTokens
from .pages import index_page
from .server import OWN_PATHS

OWN_NAMES = OWN_PATHS | {"find"}
"""Names that no study can have: first parts of addresses of a study or of the index page."""


def find_studies(folder: Path) -> list[Path]:
    """Return the folders of studies in a folder, by name.

    Raises:
        StudyError: if there is none.
    """
    if not folder.is_dir():
        raise StudyError(f"there is no folder {folder}")
    found = sorted(key.parent for key in folder.glob(f"*/{KEY}") if key.parent.name[0] != ".")
    if not found:
        raise StudyError(f"{folder} holds no studies")
    return found


def name_studies(folders: Sequence[Path]) -> dict[str, Path]:
    """Return studies by the names that they have in addresses, those of their folders.

    Raises:
        ValueError: if a name cannot stand in an address, or two studies have one.

    Example:
        >>> name_studies([Path("lab/faces"), Path("lab/digits/")])
        {'faces': PosixPath('lab/faces'), 'digits': PosixPath('lab/digits')}
    """
    named: dict[str, Path] = {}
    for folder in folders:
        name = folder.resolve().name
        if not re.fullmatch(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*", name) or name in OWN_NAMES:
            raise ValueError(
                f"{name!r} cannot be a part of an address; give the study's folder a name of "
                "letters, digits and -"
            )
        if name in named:
            raise ValueError(f"two studies are called {name}: {named[name]} and {folder}")
        named[name] = folder
    return named


class Studies:
    """Open studies below their names, as one application.

    Args:
        studies: by name.
        public_url: where people reach the page above them. A proxy may leave the path in it to
            requests or take it away.

    Raises:
        ValueError: if its path begins with the name of a study.
    """

    def __init__(self, studies: Mapping[str, Study], public_url: str) -> None:
        self._path = urlsplit(public_url).path.rstrip("/")
        if (first := self._path.strip("/").partition("/")[0]) in studies:
            raise ValueError(f"public-url cannot have the path /{first}, the name of a study")
        self._apps: dict[str, ASGIApp] = {
            name: create_app(study, f"{public_url}/{name}") for name, study in studies.items()
        }
        self._index = _index(studies, public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the study that its address names."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if self._path and (path == self._path or path.startswith(f"{self._path}/")):
                path = path[len(self._path) :]
            name, _, rest = path.removeprefix("/").partition("/")
            if (app := self._apps.get(name)) is not None:
                await app({**scope, "path": f"/{rest}"}, receive, send)
                return
        await self._index(scope, receive, send)


def _index(studies: Mapping[str, Study], public_url: str) -> FastAPI:
    app, files = bare_app(public_url), read_static_files(__package__)
    path = urlsplit(public_url).path.rstrip("/")
    tokens = OwnerTokens({name: owner.token_hash(study) for name, study in studies.items()})

    @app.get("/")
    def page() -> Response:
        return HTMLResponse(index_page(path))

    @app.post("/find")
    def find(authorization: Annotated[str, Header()] = "") -> Response:
        return json_reply({"address": f"{path}/{tokens.require(authorization)}/owner"})

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        return static_reply(files, name)

    return app
