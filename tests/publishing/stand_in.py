"""A stand-in for the Hugging Face hub: as much of its HTTP as pushes and pulls by its library need.

Answers are those of the hub, with its headers: ``X-Error-Code`` tells what is missing, 401 comes
for what is missing or private where nobody is logged in, and some files go and come by LFS.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

LARGE = (".safetensors", ".png", ".zip")
"""Files that the hub keeps by LFS."""
Files = Mapping[str, bytes]


class Answer(NamedTuple):
    """What the hub says."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


class RefusalError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        named = {"X-Error-Code": code} if code else {}
        body = json.dumps({"error": message}).encode()
        self.answer = Answer(status, body, {**named, "X-Error-Message": message})


@dataclass
class Repository:
    """Files of each commit, the newest last."""

    private: bool
    commits: dict[str, Files] = field(default_factory=dict)

    def add(self, files: Files) -> str:
        """Make a commit."""
        seed = repr((len(self.commits), sorted(files.items())))
        revision = hashlib.sha1(seed.encode()).hexdigest()
        self.commits[revision] = files
        return revision

    @property
    def head(self) -> str:
        return list(self.commits)[-1]


@dataclass
class Hub:
    """Repositories, and users by their tokens."""

    users: dict[str, str] = field(default_factory=lambda: {"token-me": "me", "token-other": "you"})
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    before_commit: Callable[[], None] = lambda: None
    failing: str = ""
    """A pattern of requests that are answered with 500."""
    endpoint: str = ""

    @property
    def elsewhere(self) -> str:
        """Where large files come from, another host, which gets no token."""
        return self.endpoint.replace("127.0.0.1", "localhost")

    def make(self, name: str, files: Files, *, private: bool = False) -> Repository:
        """Make a repository with one commit."""
        made = self.repositories[name] = Repository(private)
        made.add({".gitattributes": b"*.safetensors filter=lfs\n", **files})
        return made

    def files(self, name: str) -> Files:
        """The files of the newest commit."""
        repository = self.repositories[name]
        return repository.commits[repository.head]

    def answer(self, method: str, path: str, token: str, body: bytes) -> Answer:
        """Answer a request."""
        self.requests.append(f"{method} {path}")
        if self.failing and re.search(self.failing, self.requests[-1]):
            raise RefusalError(500, "Internal Error")
        if token and token not in self.users:
            raise RefusalError(401, "Invalid credentials in Authorization header")
        user = self.users.get(token, "")
        for verb, pattern, work in ROUTES:
            if verb == method and (found := re.fullmatch(pattern, path)):
                return work(
                    self, user, body, **{k: unquote(v) for k, v in found.groupdict().items()}
                )
        raise RefusalError(404, f"no such page: {method} {path}")

    def readable(self, user: str, name: str) -> Repository:
        """Find a repository that a user may read."""
        found = self.repositories.get(name)
        if found is None or (found.private and user != name.partition("/")[0]):
            if not user:
                raise RefusalError(401, "Invalid username or password.")
            raise RefusalError(404, "Repository not found", "RepoNotFound")
        return found

    def writable(self, user: str, name: str) -> Repository:
        """Find a repository that a user may write into."""
        found = self.readable(user, name)
        if user != name.partition("/")[0]:
            raise RefusalError(403, "Forbidden: you must have write access to this repository")
        return found


def at(repository: Repository, revision: str) -> str:
    """Find a commit."""
    if revision == "main":
        return repository.head
    if revision not in repository.commits:
        raise RefusalError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return revision


def as_json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


def info(hub: Hub, user: str, body: bytes, name: str, revision: str = "main") -> Answer:
    repository = hub.readable(user, name)
    commit = at(repository, revision)
    siblings = [
        {"rfilename": file, "size": len(data)} for file, data in repository.commits[commit].items()
    ]
    return as_json({"id": name, "sha": commit, "private": repository.private, "siblings": siblings})


def create(hub: Hub, user: str, body: bytes) -> Answer:
    asked = json.loads(body)
    name = f"{asked.get('organization') or user}/{asked['name']}"
    if name.partition("/")[0] != user:
        owner = name.partition("/")[0]
        raise RefusalError(
            403, f'You don\'t have the rights to create a model under the namespace "{owner}"'
        )
    if name in hub.repositories:
        raise RefusalError(409, "You already created this model repo")
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    hub.make(name, {}, private=private)
    return as_json({"url": f"{hub.endpoint}/{name}"})


def validate(hub: Hub, user: str, body: bytes) -> Answer:
    content = json.loads(body)["content"]
    found = re.search(r"^license: (.*)$", content, re.MULTILINE)
    if found and found[1] not in ("mit", "apache-2.0"):
        error = {"errors": [{"message": f'"license" must be one of mit, ..., not {found[1]}'}]}
        return Answer(400, json.dumps(error).encode())
    return as_json({"errors": [], "warnings": []})


def preupload(hub: Hub, user: str, body: bytes, name: str, revision: str) -> Answer:
    repository = hub.writable(user, name)
    there = repository.commits[at(repository, revision)]

    def plan(path: str) -> dict[str, Any]:
        large, old = path.endswith(LARGE), there.get(path)
        oid = None if old is None else _sha256(old) if large else _git_hash(old)
        mode = "lfs" if large else "regular"
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}

    return as_json({"files": [plan(file["path"]) for file in json.loads(body)["files"]]})


def batch(hub: Hub, user: str, body: bytes, name: str) -> Answer:
    hub.writable(user, name)
    objects = [
        {"oid": one["oid"], "size": one["size"]}
        | (
            {}
            if one["oid"] in hub.large
            else {"actions": {"upload": {"href": f"{hub.endpoint}/large/{one['oid']}"}}}
        )
        for one in json.loads(body)["objects"]
    ]
    return as_json({"transfer": "basic", "objects": objects})


def put(hub: Hub, user: str, body: bytes, oid: str) -> Answer:
    assert _sha256(body) == oid
    hub.large[oid] = body
    return Answer(200)


def commit(hub: Hub, user: str, body: bytes, name: str, revision: str) -> Answer:
    hub.before_commit()
    repository = hub.writable(user, name)
    lines = [json.loads(line) for line in body.splitlines()]
    parent = lines[0]["value"].get("parentCommit")
    if parent not in (None, at(repository, revision)):
        raise RefusalError(412, "A commit has happened since. Please refresh and try again.")
    files = dict(repository.commits[at(repository, revision)])
    for line in lines[1:]:
        value = line["value"]
        if line["key"] == "deletedFile":
            del files[value["path"]]
        elif line["key"] == "lfsFile":
            files[value["path"]] = hub.large[value["oid"]]
        else:
            files[value["path"]] = base64.b64decode(value["content"])
    made = repository.add(files)
    url = f"{hub.endpoint}/{name}/commit/{made}"
    return as_json({"commitUrl": url, "commitOid": made, "success": True})


def resolve(hub: Hub, user: str, body: bytes, name: str, revision: str, path: str) -> Answer:
    repository = hub.readable(user, name)
    made = at(repository, revision)
    data = repository.commits[made].get(path)
    if data is None:
        raise RefusalError(404, "Entry not found", "EntryNotFound")
    told = {"X-Repo-Commit": made}
    if not path.endswith(LARGE):
        return Answer(200, data, {**told, "ETag": f'"{_git_hash(data)}"'})
    oid = _sha256(data)
    hub.large.setdefault(oid, data)
    told |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(data))}
    return Answer(302, b"", {**told, "Location": f"{hub.elsewhere}/large/{oid}"})


def get(hub: Hub, user: str, body: bytes, oid: str) -> Answer:
    assert not user  # it is another host
    return Answer(200, hub.large[oid], {"ETag": f'"{oid}"'})


NAME = r"(?P<name>[^/]+/[^/]+)"
REVISION = r"(?P<revision>[^/]+)"
OID = "(?P<oid>[0-9a-f]{64})"
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", f"/api/models/{NAME}", info),
    ("GET", f"/api/models/{NAME}/revision/{REVISION}", info),
    ("POST", "/api/repos/create", create),
    ("POST", "/api/validate-yaml", validate),
    ("POST", f"/api/models/{NAME}/preupload/{REVISION}", preupload),
    ("POST", rf"/{NAME}\.git/info/lfs/objects/batch", batch),
    ("PUT", f"/large/{OID}", put),
    ("GET", f"/large/{OID}", get),
    ("POST", f"/api/models/{NAME}/commit/{REVISION}", commit),
    ("GET", f"/{NAME}/resolve/{REVISION}/(?P<path>.+)", resolve),
)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Passes requests on; of HEAD it sends the headers alone."""

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            method = "GET" if self.command == "HEAD" else self.command
            try:
                answer = hub.answer(method, urlsplit(self.path).path, token, body)
            except RefusalError as refusal:
                answer = refusal.answer
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = respond

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve a hub on a port of this machine, which becomes its endpoint."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub)) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def asked_by_the_library(patch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Serve a hub that the hub's library asks, with the token of its user ``me``.

    The library reads its settings from the environment once, when it is loaded.
    """
    constants = "huggingface_hub.constants"
    with serving(Hub()) as hub:
        patch.setattr(f"{constants}.ENDPOINT", hub.endpoint)
        files = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        patch.setattr(f"{constants}.HUGGINGFACE_CO_URL_TEMPLATE", files)
        patch.setattr(f"{constants}.HF_HUB_DISABLE_XET", True)
        patch.setattr(f"{constants}.HF_HUB_OFFLINE", False)
        patch.setattr(f"{constants}.HF_TOKEN_PATH", "no file")
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setenv("HF_TOKEN", "token-me")
        yield hub
