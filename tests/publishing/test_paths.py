"""What of a path says where on a machine it is."""

import pytest

from convergan.publishing.paths import command_without_folders, last_name, without_folders


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/home/me/photos/", "photos"),
        ("~/photos", "photos"),
        ("../../photos", "photos"),
        ("./photos", "photos"),
        (r"D:\data\set.npz", "set.npz"),
        (r"\\server\share\set.npz", "set.npz"),
        ("/home/me/mine.py:digits[lr=0.1]-without-game", "mine.py:digits[lr=0.1]-without-game"),
        ("runs/digits", "runs/digits"),
        ("ylecun/mnist:mnist", "ylecun/mnist:mnist"),
        ("efficientnet-lite0", "efficientnet-lite0"),
        ("", ""),
    ],
)
def test_folders_above_the_place_of_a_command_are_left_out(path: str, kept: str) -> None:
    assert last_name(path) == kept


def test_texts_anywhere_in_plain_values_are_shortened_and_keys_are_not() -> None:
    found = without_folders({"/a/b": [1, None, {"data": "/a/b"}], "c": True})
    assert found == {"/a/b": [1, None, {"data": "b"}], "c": True}


def test_a_command_keeps_its_words_and_quotes() -> None:
    command = "convergan train '/my photos/mine.py:f' --set lr=1e-3 --out=/tmp/r --data 'a b'"
    kept = "convergan train mine.py:f --set lr=1e-3 --out=r --data 'a b'"
    assert command_without_folders(command) == kept
