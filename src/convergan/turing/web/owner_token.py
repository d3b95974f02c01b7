"""Who asks as an owner: the token of a request's header, and a limit on wrong ones."""

import time
from collections.abc import Mapping

from ...web.replies import RefusedError
from ..study.tokens import equal_secrets, token_sha256

WRONG_TOKENS, WRONG_TOKENS_SECONDS = 10, 60.0
"""So many wrong tokens of the owner in so many seconds, from all clients; more get status 429."""


class OwnerTokens:
    """The tokens of the owners of some studies, of which only hashes are known.

    Args:
        hashes: of each study's token, by the study's name.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = hashes
        self._wrong: list[float] = []

    def require(self, authorization: str) -> str:
        """Return the name of the study whose owner's token a header has.

        Args:
            authorization: the header, ``Bearer TOKEN``.

        Raises:
            RefusedError: if it is none of them, or too many were wrong of late.
        """
        kind, _, token = authorization.partition(" ")
        given = token_sha256(token.strip())
        for name, expected in self._hashes.items():
            if kind.lower() == "bearer" and equal_secrets(given, expected):
                return name
        now = time.monotonic()
        self._wrong = [moment for moment in self._wrong if moment > now - WRONG_TOKENS_SECONDS]
        if len(self._wrong) >= WRONG_TOKENS:
            raise RefusedError(429, "Too many wrong tokens; wait a minute.")
        self._wrong.append(now)
        raise RefusedError(401, "The owner's token is wrong or missing.")
