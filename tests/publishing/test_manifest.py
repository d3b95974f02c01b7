"""Manifests: what they say, and which of somebody else's are refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from convergan.core.files import canonical_sha256
from convergan.core.version import __version__
from convergan.data import DataError
from convergan.publishing.manifest import Entry, Manifest, make_manifest, parse_manifest

DATA = b'{"a": 1}'
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    (tmp_path / "file").write_bytes(DATA)
    return make_manifest("run", {"twin/result.json": tmp_path / "file", "config.json": DATA})


def test_it_has_length_and_hash_of_bytes_and_of_files_alike(manifest: Manifest) -> None:
    assert list(manifest.files) == ["config.json", "twin/result.json"]
    assert set(manifest.files.values()) == {Entry(8, SHA256)}
    assert (manifest.version, manifest.total) == (__version__, 16)
    assert parse_manifest(manifest.as_bytes(), "me/model") == manifest


def test_its_hash_is_of_kind_version_and_files(manifest: Manifest) -> None:
    again = make_manifest("run", {"config.json": DATA, "twin/result.json": DATA})
    assert again.sha256 == manifest.sha256
    assert make_manifest("table", dict.fromkeys(manifest.files, DATA)).sha256 != manifest.sha256
    assert make_manifest("run", dict.fromkeys(manifest.files, b"")).sha256 != manifest.sha256


def changed(manifest: Manifest, **parts: Any) -> bytes:
    """Its bytes with other parts and the hash of these."""
    found = json.loads(manifest.as_bytes()) | parts
    del found["sha256"]
    return json.dumps(found | {"sha256": canonical_sha256(found)}).encode()


@pytest.mark.parametrize(
    "name",
    [
        *("../config.json", "a/../../b.json", "/etc/a.json", "a//b.json", "./a.json", "C:/a.json"),
        *("a\\b.json", ".hidden.json", ".git/config.json", "mine.py", "model.pkl", "a.bin"),
        *("README.md", "convergan.json.json\n", "a b.json", "", "\u0430.json"),
    ],
)
def test_no_file_has_a_name_that_leads_elsewhere_or_is_run(manifest: Manifest, name: str) -> None:
    files = {name: {"bytes": 8, "sha256": SHA256}}
    with pytest.raises(DataError, match="damaged: .*is no name of a model's file"):
        parse_manifest(changed(manifest, files=files), "me/model")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.json": {"bytes": -1, "sha256": SHA256}},
        {"a.json": {"bytes": 1.5, "sha256": SHA256}},
        {"a.json": {"bytes": 1, "sha256": "0"}},
        {"a.json": {"bytes": 1}},
        {"a.json": []},
        [],
    ],
)
def test_what_is_no_list_of_files_is_damaged(manifest: Manifest, files: Any) -> None:
    with pytest.raises(DataError, match=r"^convergan.json of me/model is damaged: "):
        parse_manifest(changed(manifest, files=files), "me/model")


def test_a_manifest_that_is_cut_short_is_damaged(manifest: Manifest) -> None:
    for data in (manifest.as_bytes()[:-20], b"", b"\xff", b"[" * 100_000):
        with pytest.raises(DataError, match=r"^convergan.json of me/model is damaged, no readable"):
            parse_manifest(data, "me/model")


def test_another_hash_or_kind_is_damaged(manifest: Manifest) -> None:
    found = manifest.as_bytes().replace(b'"bytes": 8', b'"bytes": 9', 1)
    with pytest.raises(DataError, match="damaged: its hash is another"):
        parse_manifest(found, "me/model")
    with pytest.raises(DataError, match="no model but 'poem'"):
        parse_manifest(changed(manifest, kind="poem"), "me/model")


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"format": "1"}'])
def test_another_programs_file_is_no_manifest(data: bytes) -> None:
    with pytest.raises(DataError, match="me/model is no model of convergan"):
        parse_manifest(data, "me/model")


def test_a_later_format_names_the_version_to_install(manifest: Manifest) -> None:
    later = changed(manifest, format=2, version="9.1.0", parts=[])
    with pytest.raises(DataError) as refused:
        parse_manifest(later, "me/model")
    assert str(refused.value) == (
        f"me/model is of convergan 9.1.0 and has format 2; this is {__version__}, which reads up "
        "to 1: install the later version"
    )
