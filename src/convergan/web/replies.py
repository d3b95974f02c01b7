"""Replies of every application: JSON in its shortest form, and refusals of one sentence."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


class RefusedError(Exception):
    """A request of a browser that is refused.

    Attributes:
        status: of the HTTP reply, 4xx.
        text: one sentence for the person.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def json_reply(
    value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a reply of JSON without spaces."""
    text = json.dumps(value, separators=(",", ":"))
    return Response(text, status, headers, media_type="application/json")


def invalid_reply(errors: Any, sentence: str = "") -> Response:
    """Return the refusal of a body that has other fields than it should, naming the first.

    Args:
        errors: of FastAPI's ``RequestValidationError``.
        sentence: for the person, before what is wrong in English.
    """
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    wrong = f"{place or 'the body'}: {first['msg']}"
    return json_reply({"error": f"{sentence} {wrong}".lstrip()}, 422)
