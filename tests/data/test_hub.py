"""Data sets in the layout of the Hugging Face hub."""

import os
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from convergan.data import DataError, load
from convergan.recipes import find_recipe
from tests.data.written import LEVELS, encoded, write_parquet


def write_svhn(folder: Path) -> Path:
    """Write two configurations in the schema of SVHN, of which the second has a third split."""
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=list("0123456789"))}
    )
    splits = {"full_numbers": ["train"], "cropped_digits": ["train", "test", "extra"]}
    metadata = "---\nconfigs:\n"
    for config, names in splits.items():
        (folder / config).mkdir(parents=True)
        metadata += f"- config_name: {config}\n  data_files:\n"
        for number, name in enumerate(names):
            level = 10 * number + 5 * (config == "full_numbers")
            cells = [encoded(Image.new("RGB", (32, 32), (level, 0, 255)))] * (3 - number)
            table = datasets.Dataset.from_dict(
                {"image": cells, "label": list(range(3 - number))}, features=features
            )
            table.to_parquet(str(folder / config / f"{name}-00000-of-00001.parquet"))
            metadata += f"  - split: {name}\n    path: {config}/{name}-*\n"
    (folder / "README.md").write_text(f"{metadata}---\n# SVHN\n")
    return folder


def expect_the_tiny_rows(images: Tensor, labels: Tensor) -> None:
    assert np.array_equal(images.numpy()[:, 0], LEVELS[:5, :, :, 0])
    assert labels.tolist() == [0, 1, 0, -1, 0]


def test_a_folder_in_the_layout_of_the_hub_is_read(tmp_path: Path) -> None:
    dataset = load(str(write_parquet(tmp_path / "set")))
    assert dataset.classes == ("cat", "dog")
    expect_the_tiny_rows(dataset.train.images[:], dataset.train.labels)
    assert np.array_equal(dataset.test.images[:].numpy()[:, 0], LEVELS[5:7, :, :, 0])
    assert dataset.test.labels.tolist() == [1, 0]


def test_a_hub_name_is_taken_from_the_folder_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parquet(tmp_path / "tiny-pets", held_out="validation")
    monkeypatch.setenv("CONVERGAN_DATA", str(tmp_path))
    dataset = load("somebody/tiny-pets")
    assert dataset.source == "somebody/tiny-pets"
    expect_the_tiny_rows(dataset.train.images[:], dataset.train.labels)
    assert dataset.test.labels.tolist() == [1, 0]


def test_a_configuration_of_a_hub_name_is_chosen_after_a_colon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_svhn(tmp_path / "svhn")
    monkeypatch.setenv("CONVERGAN_DATA", str(tmp_path))
    dataset = load(find_recipe("svhn").data)
    assert dataset.source == "ufldl-stanford/svhn:cropped_digits"
    assert dataset.classes == tuple("0123456789") and dataset.row_shape == (3, 32, 32)
    assert dataset.train.images[:, :, 0, 0].tolist() == [[0, 0, 255]] * 3
    assert dataset.test.images[:, :, 0, 0].tolist() == [[10, 0, 255]] * 2  # no row of extra
    assert dataset.train.labels.tolist() == [0, 1, 2] and dataset.test.labels.tolist() == [0, 1]
    other = load("ufldl-stanford/svhn:full_numbers")
    assert int(other.train.images[0, 0, 0, 0]) == 5 and not len(other.test.labels)


@pytest.mark.parametrize("name", ["svhn", "svhn:lost", "svhn:"])
def test_a_missing_or_unknown_configuration_is_answered_with_those_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_svhn(tmp_path / "svhn")
    monkeypatch.setenv("CONVERGAN_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"\['full_numbers', 'cropped_digits'\]"):
        load(f"ufldl-stanford/{name}")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"text": datasets.Value("string")}, r"has images \[\] and labels \[\] among .* text"),
        (
            {"one": datasets.ClassLabel(names=["a"]), "two": datasets.ClassLabel(names=["a"])},
            r"labels \['one', 'two'\]",
        ),
    ],
)
def test_a_table_without_one_image_and_one_label_column_is_refused(
    tmp_path: Path, columns: dict[str, Any], reason: str
) -> None:
    rows = {name: [0 if "names" in vars(kind) else "a"] for name, kind in columns.items()}
    table = datasets.Dataset.from_dict(rows, features=datasets.Features(columns))
    table.to_parquet(str(tmp_path / "train-00000-of-00001.parquet"))
    with pytest.raises(DataError, match=reason):
        load(str(tmp_path))


def test_damaged_images_in_a_table_are_named_by_split_and_row(tmp_path: Path) -> None:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a"])}
    )
    cells = [encoded(Image.new("L", (4, 3))), {"bytes": b"junk", "path": None}, None]
    table = datasets.Dataset.from_dict({"image": cells, "label": [0, 0, 0]}, features=features)
    table.to_parquet(str(tmp_path / "train-00000-of-00001.parquet"))
    with pytest.raises(DataError, match=r"2 unreadable: train row 1 .*, train row 2"):
        load(str(tmp_path))


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set .*nowhere.*neither a folder nor a file here"):
        load(str(tmp_path / "nowhere"))


def test_a_folder_of_data_sets_that_is_not_there_is_named_rather_than_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERGAN_DATA", str(tmp_path / "gone"))
    with pytest.raises(DataError, match="and CONVERGAN_DATA names .*/gone, which is no folder"):
        load("somebody/tiny-pets")


@pytest.mark.slow
@pytest.mark.data
def test_mnist_by_its_hub_name_has_its_canonical_class_counts() -> None:
    if "CONVERGAN_DATA" not in os.environ:
        pytest.skip("CONVERGAN_DATA is not set")
    dataset = load("ylecun/mnist")
    assert dataset.classes == tuple("0123456789")
    assert dataset.row_shape == (1, 28, 28)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert dataset.train.labels.bincount().tolist() == counts
    assert dataset.test.labels.bincount().tolist() == [
        *(980, 1135, 1032, 1010, 982),
        *(892, 958, 1028, 974, 1009),
    ]
    assert dataset.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    mean = float(dataset.train.images[:].double().mean()) / 255
    assert mean == pytest.approx(0.1307, abs=5e-5)  # the mean that everybody quotes
