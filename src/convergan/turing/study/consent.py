"""What people agree to: a text, whom they can ask, and where more is written; and its versions."""

import hashlib
import json
import re
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from ..checks import check
from . import schema
from .schema import consent_texts

MAX_LINKS = 10
MAX_LINK = 2000
_SCHEME = re.compile(r"(https?://|mailto:)")
_FORBIDDEN = re.compile(r"[\s<>\"]")


@dataclass(frozen=True)
class ConsentText:
    """A version of what people agree to.

    Attributes:
        text: paragraphs with empty lines between them.
        contact: whom people can ask, such as a name and a mail address.
        links: addresses of https, http or mailto.
    """

    text: str
    contact: str | None = None
    links: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """A name that changes with the text, the contact and the links."""
        more = [self.contact, list(self.links)] if self.contact or self.links else []
        whole = self.text + (json.dumps(more) if more else "")
        return hashlib.sha256(whole.encode()).hexdigest()[:12]

    def check(self) -> None:
        """Check the values.

        Raises:
            ValueError: naming the first that is not right.
        """
        usable = self.contact is None or 0 < len(self.contact.strip()) <= 500
        check(
            {"consent": self.text, "contact": self.contact},
            (bool(self.text.strip()), "consent", "a text"),
            (usable, "contact", "a text of at most 500 letters"),
        )
        if len(self.links) > MAX_LINKS:
            raise ValueError(f"there can be {MAX_LINKS} links, got {len(self.links)}")
        for link in self.links:
            shown = repr(link[:60])
            if (begun := _SCHEME.match(link)) is None:
                raise ValueError(
                    f"a link must begin with https://, http:// or mailto:, got {shown}"
                )
            if (wrong := _FORBIDDEN.search(link)) is not None:
                raise ValueError(f"a link cannot have the character {wrong[0]!r}, got {shown}")
            if not 0 < len(link) - begun.end() <= MAX_LINK:
                raise ValueError(
                    f"a link must have 1 to {MAX_LINK:,} letters after {begun[0]}, got {shown}"
                )


def add_consent_text(connection: Connection, text: ConsentText, now: float) -> None:
    """Store a version, if it is not there already; people may have agreed to it before.

    Args:
        connection: a transaction that writes.
        text: which.
        now: when it began, in seconds since 1970.
    """
    known = select(consent_texts.c.version).where(consent_texts.c.version == text.version)
    if connection.execute(known).first() is not None:
        return
    count = connection.execute(select(func.count()).select_from(consent_texts)).scalar_one()
    row = {
        "version": text.version,
        "number": count + 1,
        "text": text.text,
        "contact": text.contact,
        "links": list(text.links),
        "created": now,
    }
    connection.execute(insert(consent_texts), row)


def change_consent_text(connection: Connection, text: ConsentText, now: float) -> None:
    """Let those who come from now on agree to another text.

    Args:
        connection: a transaction that writes.
        text: the new one.
        now: in seconds since 1970.

    Raises:
        ValueError: if it is none.
    """
    text.check()
    add_consent_text(connection, text, now)
    columns = {
        "consent_version": text.version,
        "consent_text": text.text,
        "contact": text.contact,
        "links": list(text.links),
    }
    connection.execute(update(schema.study).values(**columns))
