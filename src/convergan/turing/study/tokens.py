"""Identifiers, signatures and keyed hashes. The key lies outside the database."""

import hashlib
import hmac
import secrets
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

from ...web.replies import RefusedError

CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # none that looks like another


def new_id() -> str:
    """Return 128 random bits in 22 letters that a URL may hold.

    Example:
        >>> len(new_id())
        22
    """
    return secrets.token_urlsafe(16)


def new_code() -> str:
    """Return a completion code of 10 letters, 49 bits."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(10))


def person_hash(key: bytes, adapter: str, external_id: str) -> str:
    """Return the hash by which a person is stored; without the key, nobody can try out names.

    Example:
        >>> person_hash(b"k", "prolific", "ann") == person_hash(b"k", "prolific", "ann")
        True
        >>> person_hash(b"k", "prolific", "ann") == person_hash(b"k", "mturk", "ann")
        False
    """
    return _keyed(key, "person", adapter, external_id)


def visit_hash(key: bytes, adapter: str, visit: str) -> str:
    """Return the hash by which the visit of a panel's person is stored, see `person_hash`."""
    return _keyed(key, "visit", adapter, visit)


def form_token(key: bytes, session: str) -> str:
    """Return what a session's page sends with every POST, against requests from other pages."""
    return _keyed(key, "form", session)


def equal_secrets(given: str, expected: str) -> bool:
    """Compare two secrets in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def token_sha256(token: str) -> str:
    """Return the hash by which the owner's token is stored; 256 random bits need no slow one."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def sign_invitation(key: bytes, study: str, invitation: str, expires: float) -> str:
    """Return the last part of an invitation's link; it expires so many seconds after 1970."""
    return str(_signer(key).dumps([study, invitation, int(expires)]))


def read_invitation(key: bytes, study: str, token: str) -> tuple[str, float]:
    """Return the identifier of a genuine invitation, and when it expires, in seconds since 1970.

    Raises:
        RefusedError: if it is forged or of another study.
    """
    try:
        found: Any = _signer(key).loads(token)
        of, invitation, expires = found
    except (BadSignature, ValueError, TypeError):
        raise RefusedError(404, "This invitation link is not complete or not genuine.") from None
    if of != study:
        raise RefusedError(404, "This invitation link is not complete or not genuine.")
    return str(invitation), float(expires)


def _signer(key: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(
        key, salt="invitation", signer_kwargs={"digest_method": hashlib.sha256}
    )


def _keyed(key: bytes, *parts: str) -> str:
    text = "\0".join(parts).encode(errors="replace")
    return hmac.new(key, text, hashlib.sha256).hexdigest()
