"""Pushes and pulls by the hub's own library, over HTTP, to a stand-in for the hub."""

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convergan.core.files import canonical_sha256
from convergan.data import DataError
from convergan.publishing.bundle import Bundle, write_bundle
from convergan.publishing.hub import Pushed, pull, push, require_repository
from convergan.publishing.manifest import make_manifest, parse_manifest
from tests.publishing.stand_in import Hub, Repository

FILES = {"model.json": b"{}", "arrays.safetensors": b"weights", "table.json": b"{}"}
SMALL = Bundle("table", FILES, (), ())


def send(bundle: Bundle = SMALL, name: str = "me/it", **more: Any) -> Pushed:
    return push(bundle, make_manifest(bundle.kind, bundle.files), "# card", name, **more)


def test_what_was_pushed_is_pulled_to_the_bit(hub: Hub, tmp_path: Path) -> None:
    pushed = send()
    assert (
        pushed.url == f"{hub.endpoint}/me/it" and pushed.revision == hub.repositories["me/it"].head
    )
    assert pushed.changed and pushed.before is None
    pulled = pull("me/it", tmp_path / "a" / "it")
    assert (pulled.revision, pulled.folder) == (pushed.revision, tmp_path / "a" / "it")
    assert pulled.manifest == make_manifest("table", FILES)
    write_bundle(tmp_path / "same", SMALL, pulled.manifest, "# card")
    for folder in (tmp_path / "a" / "it", tmp_path / "same"):
        found = {file.name: file.read_bytes() for file in folder.iterdir()}
        assert found == {
            **FILES,
            "README.md": b"# card",
            "convergan.json": pulled.manifest.as_bytes(),
        }
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["it"]


def test_a_push_is_one_commit_which_deletes_what_the_model_has_no_more(hub: Hub) -> None:
    first = send()
    less = replace(SMALL, files={"model.json": b"{1}", "record.json": b"{}"})
    second = send(less)
    assert second.before == first.revision and second.changed
    repository = hub.repositories["me/it"]
    assert len(repository.commits) == 3  # the hub's own, and two
    assert set(hub.files("me/it")) == {
        *(".gitattributes", "README.md", "convergan.json", "model.json", "record.json"),
    }
    assert pulled_files(hub, first.revision) == set(FILES)


def pulled_files(hub: Hub, revision: str) -> set[str]:
    data = hub.repositories["me/it"].commits[revision]["convergan.json"]
    return set(parse_manifest(data, "me/it").files)


def test_the_same_once_more_is_no_commit(hub: Hub) -> None:
    first, again = send(), send()
    assert (again.revision, again.changed, again.before) == (first.revision, False, None)
    assert len(hub.repositories["me/it"].commits) == 2


def test_a_new_repository_is_private_where_that_is_asked(hub: Hub) -> None:
    send(private=True)
    send(name="me/open")
    assert hub.repositories["me/it"].private and not hub.repositories["me/open"].private
    assert send(private=True).changed is False
    with pytest.raises(ValueError, match="me/open is there and public"):
        send(name="me/open", private=True)


def test_what_somebody_else_wrote_is_neither_changed_nor_deleted(hub: Hub) -> None:
    repository = hub.make("me/it", {"notes.txt": b"mine", "README.md": b"mine"})
    with pytest.raises(DataError) as refused:
        send()
    assert str(refused.value) == (
        "me/it holds files that convergan did not write: README.md, notes.txt; push into a new "
        "repository"
    )
    assert len(repository.commits) == 1
    hub.make("me/ours", {})
    send(name="me/ours")
    repository = hub.repositories["me/ours"]
    repository.add({**hub.files("me/ours"), "LICENSE": b"mit", "record.json": b"mine"})
    send(replace(SMALL, files={"model.json": b"{2}"}), name="me/ours")
    assert hub.files("me/ours")["LICENSE"] == b"mit"
    with pytest.raises(DataError, match=r"did not write: record\.json; "):
        send(replace(SMALL, files={"record.json": b"{}"}), name="me/ours")


def test_a_push_on_a_repository_that_changes_meanwhile_is_refused(hub: Hub) -> None:
    send()
    repository = hub.repositories["me/it"]

    def change() -> None:
        repository.add({**hub.files("me/it"), "LICENSE": b"mit"})

    hub.before_commit = change
    with pytest.raises(DataError, match=r"changed meanwhile \(412: .*\): push again"):
        send(replace(SMALL, files={"model.json": b"{2}"}))
    assert hub.files("me/it")["model.json"] == b"{}"


@pytest.mark.parametrize(
    ("token", "name", "kind", "said"),
    [
        (None, "me/it", ValueError, "a push needs a token of the hub that may write: put it into"),
        ("other", "me/it", DataError, "the hub does not take the token (401: Invalid cred"),
        ("token-me", "you/new", DataError, "the token may not write into you/new (403: You don't"),
        ("token-me", "you/open", DataError, "the token may not write into you/open (403: Forb"),
        ("token-me", "you/private", DataError, "the token may not write into you/private (403: "),
    ],
)
def test_who_may_not_write_is_told_why(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    token: str | None,
    name: str,
    kind: type[Exception],
    said: str,
) -> None:
    hub.make("you/open", {})
    hub.make("you/private", {}, private=True)
    before = dict(hub.repositories)
    if token is None:
        monkeypatch.delenv("HF_TOKEN")
    else:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(kind) as refused:
        send(name=name)
    assert str(refused.value).startswith(said) and type(refused.value) is kind
    assert hub.repositories == before and all(len(r.commits) == 1 for r in before.values())


def test_a_license_that_the_hub_does_not_know_is_refused(hub: Hub) -> None:
    manifest = make_manifest("table", FILES)
    with pytest.raises(DataError, match="knows no license 'odd': --license takes its names, such"):
        push(SMALL, manifest, "---\nlicense: odd\n---\n", "me/it")
    assert not hub.repositories  # none was made for it
    assert push(SMALL, manifest, "---\nlicense: mit\n---\n", "me/it").changed


@pytest.mark.parametrize("token", [None, "token-other"])
def test_what_is_not_there_or_private_looks_alike(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    send(private=True)
    if token is None:
        monkeypatch.delenv("HF_TOKEN")
    else:
        monkeypatch.setenv("HF_TOKEN", token)
    for name in ("me/it", "me/nothing"):
        with pytest.raises(DataError, match=f"the hub has no model {name}, or shows it to its"):
            pull(name, tmp_path / "it")
    assert not list(tmp_path.iterdir())


def tampered(
    hub: Hub, change: Callable[[dict[str, Any]], object] = lambda manifest: None, **files: bytes
) -> Repository:
    """Change the manifest of a repository, whose hash is made anew, and files."""
    send()
    there = dict(hub.files("me/it"))
    manifest = json.loads(there["convergan.json"])
    change(manifest)
    del manifest["sha256"]
    manifest["sha256"] = canonical_sha256(manifest)
    there |= {"convergan.json": json.dumps(manifest).encode()}
    there |= {name.replace("_", "."): data for name, data in files.items()}
    hub.repositories["me/it"].add(there)
    return hub.repositories["me/it"]


def refused_pull(tmp_path: Path, **more: Any) -> str:
    with pytest.raises(DataError) as refused:
        pull("me/it", tmp_path / "it", **more)
    assert not list(tmp_path.iterdir())
    return str(refused.value)


def test_other_bytes_than_the_manifest_says_are_refused(hub: Hub, tmp_path: Path) -> None:
    tampered(hub, arrays_safetensors=b"WEIGHTS")
    assert refused_pull(tmp_path) == "arrays.safetensors of me/it is damaged: its hash is another"
    asked = len(hub.requests)
    tampered(hub, arrays_safetensors=b"weights and more")
    said = "arrays.safetensors of me/it is 16 bytes long, its convergan.json says 7 bytes long"
    assert refused_pull(tmp_path) == said
    assert not [one for one in hub.requests[asked:] if "GET" in one and "arrays" in one]


def test_a_hash_that_was_printed_holds_whoever_may_write(hub: Hub, tmp_path: Path) -> None:
    sha256 = make_manifest("table", FILES).sha256
    pushed = send()
    assert pull("me/it", tmp_path / "a", sha256=sha256).manifest.sha256 == sha256
    assert pull("me/it", tmp_path / "A", sha256=sha256.upper()).manifest.sha256 == sha256
    other = replace(SMALL, files={**FILES, "model.json": b"[]"})
    send(other)
    (tmp_path / "more").mkdir()
    said = refused_pull(tmp_path / "more", sha256=sha256)
    assert said.startswith("me/it holds another model than --sha256 says: its hash is ")
    assert pull("me/it", tmp_path / "b", sha256=sha256, revision=pushed.revision)
    assert (tmp_path / "b" / "model.json").read_bytes() == b"{}"
    with pytest.raises(ValueError, match="--sha256 must be 64 hexadecimal digits, got 'ab'"):
        pull("me/it", tmp_path / "c", sha256="ab")
    with pytest.raises(DataError, match="me/it has no revision 'v2'"):
        pull("me/it", tmp_path / "c", revision="v2")


def test_what_is_not_of_the_model_is_left_out_and_told(hub: Hub, tmp_path: Path) -> None:
    send()
    assert pull("me/it", tmp_path / "a").left_out == ()
    hub.repositories["me/it"].add({**hub.files("me/it"), "LICENSE": b"mit", "a/b.json": b"{}"})
    assert pull("me/it", tmp_path / "b").left_out == ("LICENSE", "a/b.json")
    assert not (tmp_path / "b" / "LICENSE").exists()


def test_names_that_lead_elsewhere_are_asked_for_by_nobody(hub: Hub, tmp_path: Path) -> None:
    def lead_up(manifest: dict[str, Any]) -> None:
        manifest["files"]["../../evil.json"] = manifest["files"]["model.json"]

    tampered(hub, lead_up)
    asked = len(hub.requests)
    assert "'../../evil.json' is no name of a model's file" in refused_pull(tmp_path)
    assert not [one for one in hub.requests[asked:] if "evil" in one]


def test_other_models_and_later_formats_are_refused(hub: Hub, tmp_path: Path) -> None:
    repository = tampered(hub, lambda manifest: manifest.update(format=2, version="9.0.0"))
    assert "is of convergan 9.0.0 and has format 2" in refused_pull(tmp_path)
    with pytest.raises(DataError, match=r"is of convergan 9\.0\.0 and has format 2"):
        send()
    repository.add({"model.safetensors": b"weights"})
    assert refused_pull(tmp_path) == "me/it is no model of convergan: it has no convergan.json"
    tampered_again = make_manifest("table", FILES)
    repository.add({"convergan.json": tampered_again.as_bytes()})
    assert refused_pull(tmp_path).startswith("arrays.safetensors of me/it is not there, its")


def test_a_folder_that_is_there_is_left_alone(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exists"):
        pull("me/it", tmp_path)
    assert not hub.requests


def test_no_answer_is_told_in_a_line(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.failing = "POST .*/commit/"
    with pytest.raises(OSError, match="^the hub answers for me/it with 500: Internal Error$"):
        send()
    hub.failing = "GET /api/models"
    with pytest.raises(OSError, match="with 500: Internal Error"):
        pull("me/it", tmp_path / "it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")
    for ask in (send, lambda: pull("me/it", tmp_path / "it")):
        with pytest.raises(OSError, match=r"^no answer from the hub for me/it \(ConnectError: "):
            ask()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for ask in (send, lambda: pull("me/it", tmp_path / "it")):
        with pytest.raises(OSError, match="^HF_HUB_OFFLINE is set, so the hub is not asked: unset"):
            ask()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["digits", "a/b/c", "/digits", "me/", "me/../you", "me/a b", ""])
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a repository of the hub is OWNER/NAME"):
        require_repository(name)
