import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from convergan.web.replies import RefusedError
from convergan.web.security import MAX_BODY_BYTES, SecurityMiddleware, security_headers


async def echo(request: Request) -> Response:
    length = len(await request.body())
    return PlainTextResponse(f"{request.scope['root_path']} {length}")


def own(request: Request) -> Response:
    return PlainTextResponse("", headers={"cache-control": "max-age=9"})


def client(**options: int) -> TestClient:
    routes = [Route("/echo", echo, methods=["POST"]), Route("/own", own)]
    headers = security_headers("frame-ancestors 'none'")
    return TestClient(SecurityMiddleware(Starlette(routes=routes), headers, "/below", **options))


def test_every_reply_has_the_headers() -> None:
    reply = client().post("/below/echo", content=b"abc")
    assert reply.text == "/below 3"
    for name, value in security_headers("frame-ancestors 'none'").items():
        assert reply.headers[name] == value
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy and policy.endswith("frame-ancestors 'none'")
    assert client().get("/below/none").headers["x-content-type-options"] == "nosniff"


def test_the_path_alone_is_the_front_page() -> None:
    routes = [Route("/", own)]
    app = SecurityMiddleware(Starlette(routes=routes), security_headers(""), "/below")
    for address in ("/below", "/below/", "/"):
        assert TestClient(app, follow_redirects=False).get(address).status_code == 200


def test_a_reply_keeps_the_headers_that_it_has() -> None:
    assert client().get("/below/own").headers["cache-control"] == "max-age=9"


@pytest.mark.parametrize("most", [MAX_BODY_BYTES, 10])
def test_a_request_that_is_too_large_is_refused(most: int) -> None:
    fits = client(max_body_bytes=most).post("/below/echo", content=b"a" * most)
    assert fits.text == f"/below {most}"
    with pytest.raises(RefusedError, match="too large"):
        client(max_body_bytes=most).post("/below/echo", content=b"a" * (most + 1))
