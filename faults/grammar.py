"""Requests as bytes, and changes that no browser makes: what row 14 sends."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

Change = Callable[["Request", random.Random], "Request"]


@dataclass(frozen=True)
class Request:
    """One request in bytes.

    Attributes:
        method: GET or POST, or anything.
        target: path and query as sent.
        headers: lines without their ends.
        body: after the headers.
        whole: whether HTTP's own rules are kept, so that there has to be a reply.
        owner: whether the owner's token goes along.
    """

    method: bytes
    target: bytes
    headers: tuple[bytes, ...] = ()
    body: bytes = b""
    whole: bool = True
    owner: bool = False

    def to_bytes(self) -> bytes:
        """Return it as it is sent."""
        lines = [b"%s %s HTTP/1.1" % (self.method, self.target), *self.headers]
        if not any(line.lower().startswith((b"content-length", b"transfer")) for line in lines):
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"Host: study", b"Connection: close", b"", self.body])


METHODS = (b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"get", b"BREW")
PIECES = (
    *(b"%00", b"x%00", b"%00"),
    *(b"..", b"%2e%2e", b"%252e%252e%252f", b"%2f", b"%5c..", b"%ff%fe", b"%c0%ae%c0%ae"),
    *(b"%E2%80%AE", b"%ED%A0%80", b"%F0%9F%90%B1", b"'%20OR%201=1--", b"%3Cscript%3E", b";"),
    *(b"..%2f..%2f..%2fetc%2fpasswd", b"a" * 5000, b"%", b"%zz", b"study.sqlite3", b"secret.key"),
)
HEADERS = (
    *(b"Range: bytes=0-", b"Range: bytes=" + b"0-1," * 2000, b"Range: bytes=5-1,-0,a-b"),
    *(b"Content-Type: text/xml", b"Content-Type: application/json; charset=utf-16"),
    *(b"Content-Type: multipart/form-data", b"Content-Type: \xff\xfe", b"Content-Encoding: gzip"),
    *(b"Accept: text/html", b"Accept: \xf0\x28", b"X-Form-Token: \xe9\x00", b"X-Form-Token: x"),
    *(b"Authorization: Bearer \xff", b"Authorization: Bearer", b"Authorization: Basic \xe9"),
    *(b"Cookie: " + b"a=b;" * 1000, b"X-Long: " + b"y" * 30000, b"If-None-Match: *"),
    *(b"If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT", b"Expect: 100-continue"),
    *(b"X-Forwarded-For: 1.2.3.4", b"X-HTTP-Method-Override: DELETE", b"Upgrade: h2c"),
    *(b"No colon", b"\x00: x", b": empty", b"Origin: https://evil.example", b"X-Cut: a\r b"),
)
FRAMES = (
    *(b"Transfer-Encoding: gzip", b"Content-Length: -1", b"Content-Length: 99999999999999999999"),
    *(b"Content-Length: 7\r\nContent-Length: 8", b"Content-Length: 1", b"Content-Length: 20000"),
)
VALUES = (
    *(b"null", b"true", b"-1", b"0", b"1e400", b"-1e400", b"NaN", b"Infinity", b"1" * 5000, b"0.1"),
    *(b'""', b'"\\u0000"', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"' + b"x" * 9000 + b'"', b"[]"),
    *(b"{}", b'{"a":1}', b'"real"', b'"generated"', b'"left"', b"9223372036854775808", b"1e308"),
    *(b"[" * 3000 + b"]" * 3000, b'"\xff"', b"-0.0", b"5e-324", b'"P-00000000"'),
)


def other_method(request: Request, chance: random.Random) -> Request:
    """Ask in another way."""
    method = chance.choice(METHODS)
    return replace(request, method=method)


def other_path(request: Request, chance: random.Random) -> Request:
    """Put something else in place of one part of the path."""
    parts = request.target.split(b"/")
    place = chance.randrange(1, len(parts))
    piece = chance.choice(PIECES)
    changed = (piece, parts[place] + piece, parts[place][: chance.randrange(30)], b"", parts[1])
    parts[place] = chance.choice(changed)
    return replace(request, target=b"/".join(parts))


def other_letter(request: Request, chance: random.Random) -> Request:
    """Change one letter of the address."""
    place = chance.randrange(1, len(request.target) + 1)
    letter = quote(chr(chance.choice((chance.randrange(256), chance.randrange(0xD7FF))))).encode()
    return replace(request, target=request.target[:place] + letter + request.target[place + 1 :])


def other_query(request: Request, chance: random.Random) -> Request:
    """Ask for something in the query."""
    mark = b"&" if b"?" in request.target else b"?"
    return replace(request, target=request.target + mark + b"token=" + chance.choice(PIECES))


def other_header(request: Request, chance: random.Random) -> Request:
    """Add a header, or put another in its place."""
    line = chance.choice(HEADERS)
    name = line.partition(b":")[0].lower()
    kept = tuple(old for old in request.headers if old.partition(b":")[0].lower() != name)
    owner = request.owner and name != b"authorization"
    return replace(request, headers=(*kept, line), owner=owner)


def no_header(request: Request, chance: random.Random) -> Request:
    """Leave a header out."""
    if not request.headers:
        return request
    gone = chance.choice(request.headers)
    owner = request.owner and not gone.startswith(b"Authorization")
    return replace(request, headers=tuple(h for h in request.headers if h != gone), owner=owner)


def other_value(request: Request, chance: random.Random) -> Request:
    """Put another value in place of one of the body's."""
    places = [found.span() for found in re.finditer(rb'(?<=: )("[^"]*"|[\d.]+)', request.body)]
    if not places:
        return replace(request, body=chance.choice(VALUES))
    start, end = chance.choice(places)
    return replace(request, body=request.body[:start] + chance.choice(VALUES) + request.body[end:])


def other_fields(request: Request, chance: random.Random) -> Request:
    """Give a field more, or one twice."""
    extra = b'"%s": %s, ' % (
        chance.choice((b"trial", b"answer", b"screen", b"count", b"__proto__", b"\xc3\xa9")),
        chance.choice(VALUES),
    )
    return replace(request, body=request.body.replace(b"{", b"{" + extra, 1))


def other_bytes(request: Request, chance: random.Random) -> Request:
    """Change the body's bytes or its encoding."""
    body = bytearray(request.body or b"{}")
    body[chance.randrange(len(body))] = chance.randrange(256)
    encoded = request.body.decode("latin-1").encode(
        chance.choice(("utf-16", "utf-8-sig", "utf-32"))
    )
    bodies = (bytes(body), encoded, request.body[: len(body) // 2], chance.randbytes(50), b"")
    return replace(request, body=chance.choice((*bodies, request.body * 300)))


def chunked(request: Request, chance: random.Random) -> Request:
    """Send the body in pieces, some of which are none."""
    sizes = (b"%x" % len(request.body), b"ffffffffffffffff", b"-1", b"zz", b"")
    size = chance.choice(sizes)
    body = b"%s\r\n%s\r\n0\r\n\r\n" % (size, request.body)
    headers = (*request.headers, b"Transfer-Encoding: chunked")
    return replace(request, headers=headers, body=body, whole=False)


def misframed(request: Request, chance: random.Random) -> Request:
    """Announce another length than is sent."""
    return replace(request, headers=(*request.headers, chance.choice(FRAMES)), whole=False)


CHANGES: tuple[Change, ...] = (
    *(other_method, other_path, other_path, other_letter, other_query, other_header, no_header),
    *(other_value, other_value, other_value, other_fields, other_bytes, chunked, misframed),
)
