"""Files that are there wholly or not at all."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from convergan.core.files import (
    NUMBER,
    DamagedFileError,
    canonical_sha256,
    named_place,
    new_folder,
    read_fields,
    read_json,
    replace_file,
    write_array,
    write_csv,
    write_json,
)


def test_a_value_has_one_hash_whatever_the_order_of_its_keys() -> None:
    assert canonical_sha256({"a": 1, "b": [2]}) == canonical_sha256({"b": [2], "a": 1})
    assert canonical_sha256({"a": 1}) != canonical_sha256({"a": 2})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_sha256(float("nan"))


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    replace_file(file, b"old")
    replace_file(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_replaced_stays_and_nothing_else_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        replace_file(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, 2.5]})
    assert read_json(tmp_path / "a.json") == {"b": [1, 2.5]}
    write_array(tmp_path / "a.npy", torch.arange(3.0))
    assert np.load(tmp_path / "a.npy", allow_pickle=False).tolist() == [0, 1, 2]
    write_csv(tmp_path / "a.csv", [("x", "y"), (1, 'a "b"')])
    assert (tmp_path / "a.csv").read_text() == 'x,y\n1,"a ""b"""\n'


@pytest.mark.parametrize("content", [b"{", b"\xff", b"", b"[" * 100_000])
def test_what_is_no_json_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(DamagedFileError, match="a.json is not readable JSON"):
        read_json(file)


def test_a_field_that_is_not_there_is_told_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"a": 1, "rows": [{"b": 2.5, "c": true}]}')
    found = read_fields(file)
    assert found == {"a": 1, "rows": [{"b": 2.5, "c": True}]} and found.get("x") is None
    for lacking in (found, found["rows"][0], pickle.loads(pickle.dumps(found))):
        with pytest.raises(DamagedFileError, match=r"^/.*a\.json lacks the field 'x'$"):
            lacking["x"]
    found.require({"a": int, "rows": list})
    row = found["rows"][0]
    row.require({"b": NUMBER})
    for kinds, said in (({"b": str}, "b is 2.5"), ({"c": int}, "c is True"), ({"d": int}, "lacks")):
        with pytest.raises(DamagedFileError, match=f"a.json.* {said}"):
            row.require(kinds)
    file.write_text("[]")
    assert read_json(file) == []
    with pytest.raises(DamagedFileError, match=r"a\.json holds no fields$"):
        read_fields(file)


def test_json_is_written_in_one_order(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": 2})
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["a", "b"]


def test_a_new_folder_is_there_wholly_or_not_at_all(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "new") as temporary:
        temporary.mkdir()
        (temporary / "file").write_text("1")
        assert not (tmp_path / "deep" / "new").exists()
    assert (tmp_path / "deep" / "new" / "file").read_text() == "1"
    with pytest.raises(OSError, match="full"), new_folder(tmp_path / "other") as temporary:
        temporary.mkdir()
        raise OSError("full")
    assert sorted(place.name for place in tmp_path.iterdir()) == ["deep"]


def test_a_hidden_name_in_a_sentence_of_ours_becomes_the_place(tmp_path: Path) -> None:
    place, other = tmp_path / "study", tmp_path / "other"
    with pytest.raises(OSError, match="study/db cannot be used: full") as told, named_place(place):
        raise OSError(f"{tmp_path}/.tmp-study-aZ_-9/db cannot be used: full")
    assert str(told.value) == f"{place}/db cannot be used: full"
    with pytest.raises(FileNotFoundError, match="other"), named_place(place):
        other.read_bytes()


def test_what_is_no_fault_of_storage_stays_what_it_is(tmp_path: Path) -> None:
    class RefusedByServer(OSError):
        """As libraries of networks have them."""

    with pytest.raises(RefusedByServer, match="404"), named_place(tmp_path):
        raise RefusedByServer("404")
