from pathlib import Path

import numpy as np

from convergan.embedding.store import FeatureStore, file_stamp


def test_rows_come_back_to_the_bit(tmp_path: Path) -> None:
    row = np.array([0.1, -1e-30, 3], dtype=np.float32)
    with FeatureStore("there and back") as store:
        store.add({b"a": row}, {})
    with FeatureStore("there and back") as store:
        assert store.known() == {b"a"}
        assert np.array_equal(store.rows([b"a", b"b", b"a"])[b"a"], row)
        assert set(store.rows([b"b"])) == set()


def test_many_contents_are_asked_for_at_once() -> None:
    contents = [number.to_bytes(2) for number in range(1200)]
    with FeatureStore("many") as store:
        store.add({content: np.ones(1, dtype=np.float32) for content in contents}, {})
        assert set(store.rows(contents)) == set(contents)


def test_networks_do_not_share() -> None:
    with FeatureStore("one network") as store:
        store.add({b"a": np.ones(1, dtype=np.float32)}, {})
    with FeatureStore("another network") as store:
        assert not store.known()


def test_a_file_is_known_while_it_is_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"1")
    with FeatureStore("files") as store:
        store.add({}, {file: (file_stamp(file), b"content")})
        assert store.contents([file, tmp_path / "other"]) == {file: b"content"}
        file.write_bytes(b"22")
        assert store.contents([file]) == {}
    assert file_stamp(tmp_path / "none") == ""


def test_nothing_is_kept_on_request() -> None:
    with FeatureStore("not kept", keep=False) as store:
        store.add({b"a": np.ones(1, dtype=np.float32)}, {})
        assert not store.known()
