"""The files of pages: of the applications themselves, and those that all of them share."""

from importlib import resources
from typing import NamedTuple

from starlette.responses import Response

from .replies import RefusedError

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


class StaticFile(NamedTuple):
    """A file of a page.

    Attributes:
        data: its bytes.
        media_type: by its ending.
    """

    data: bytes
    media_type: str


def read_static_files(package: str) -> dict[str, StaticFile]:
    """Return the shared files and those in ``static`` of a package, by their names alone.

    They are read once, so that no path of a request reaches the file system.

    Args:
        package: of the application; its files stand before shared ones of the same name.
    """
    return {
        entry.name: StaticFile(entry.read_bytes(), TYPES[suffix])
        for place in (__package__, package)
        for entry in resources.files(place).joinpath("static").iterdir()
        if (suffix := f".{entry.name.rpartition('.')[2]}") in TYPES
    }


def static_reply(files: dict[str, StaticFile], name: str) -> Response:
    """Return a file.

    Raises:
        RefusedError: if there is none of that name.
    """
    if name not in files:
        raise RefusedError(404, "There is no such file.")
    return Response(files[name].data, media_type=files[name].media_type)
