from pathlib import Path

import pytest

from convergan.photos.fitting import PhotoOptions, read_training_photos
from convergan.photos.near_duplicates import near_duplicates
from tests.embedding.pictures import picture, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        name = f"labeled/{'ab'[number % 2]}/{number}.png"
        write(tmp_path / name, picture(number, (64, 48)))
        write(tmp_path / "test" / "a" / f"{number}.png", picture(100 + number, (64, 48)))
    return tmp_path


def pairs(folder: Path) -> list[tuple[str, str]]:
    photos = read_training_photos(folder, PhotoOptions(extractor="pixels@16"))
    return [
        (
            photos.train.photos.files.name(pair.first),
            (photos.test if pair.on_test else photos.train).photos.files.name(pair.second),
        )
        for pair in near_duplicates(photos)
    ]


def test_different_photographs_are_none(folder: Path) -> None:
    assert pairs(folder) == []


def test_another_size_and_compression_of_a_test_photograph(folder: Path) -> None:
    write(folder / "labeled" / "b" / "copy.jpg", picture(103, (64, 48)).resize((150, 110)))
    assert pairs(folder) == [("labeled/b/copy.jpg", "test/a/3.png")]


def test_one_photograph_under_two_labels(folder: Path) -> None:
    write(folder / "labeled" / "b" / "copy.jpg", picture(4, (64, 48)))
    write(folder / "labeled" / "a" / "fine.jpg", picture(6, (64, 48)))  # twice under one label
    assert [set(pair) for pair in pairs(folder)] == [{"labeled/b/copy.jpg", "labeled/a/4.png"}]
