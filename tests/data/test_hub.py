"""Data sets in the layout of the Hugging Face hub."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from convergan.data import DataError, SourceOptions, load
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
        ({"text": datasets.Value("string")}, "has no column of images among text$"),
        ({"one": datasets.Image(), "two": datasets.Image()}, "--image-column one or --image-col"),
        (
            {
                "image": datasets.Image(),
                "one": datasets.ClassLabel(names=["a"]),
                "the other": datasets.ClassLabel(names=["a"]),
            },
            "name one: --label-column one or --label-column 'the other'$",
        ),
    ],
)
def test_a_table_in_which_several_columns_could_be_meant_says_how_to_name_one(
    tmp_path: Path, columns: dict[str, Any], reason: str
) -> None:
    cells = {"Image": encoded(Image.new("L", (4, 3))), "ClassLabel": 0, "Value": "a"}
    rows = {name: [cells[type(kind).__name__]] for name, kind in columns.items()}
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


@pytest.mark.nightly
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


# --- layouts that others write -------------------------------------------------------------------

ROWS = [encoded(Image.fromarray(LEVELS[n, :, :, 0])) for n in range(6)]


def as_pandas_writes(folder: Path, **columns: Any) -> str:
    import pandas

    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "valid"):
        pandas.DataFrame({"image": ROWS, **columns}).to_parquet(folder / f"{split}.parquet")
    return str(folder)


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        ([0, 1, 0, 1, 1, 0], ("0", "1"), [0, 1, 0, 1, 1, 0]),
        ([5.0, 2.0, 2.0, 5.0, 2.0, 2.0], ("2", "5"), [1, 0, 0, 1, 0, 0]),
        (["b", "a", "b", "a", "a", "a"], ("a", "b"), [1, 0, 1, 0, 0, 0]),
    ],
    ids=["whole numbers", "with gaps", "text"],
)
def test_images_of_pandas_are_read_with_labels_of_any_kind_and_guesses_told(
    tmp_path: Path, labels: list[Any], classes: tuple[str, ...], numbers: list[int]
) -> None:
    dataset = load(as_pandas_writes(tmp_path, label=labels))
    assert dataset.classes == classes
    for rows in (dataset.train, dataset.test):
        assert rows.labels.tolist() == numbers
        assert (rows.images[:][:, 0].numpy() == LEVELS[:6, :, :, 0]).all()
    assert any("values of the column label" in note for note in dataset.notes)


def test_rows_without_labels_are_all_unlabelled(tmp_path: Path) -> None:
    dataset = load(as_pandas_writes(tmp_path, comment=list("abcdef")))
    assert dataset.classes == () and dataset.train.labels.tolist() == [-1] * 6
    assert any("no column of labels among image, comment" in note for note in dataset.notes)


def test_columns_and_splits_can_be_named(tmp_path: Path) -> None:
    source = as_pandas_writes(tmp_path, label=[0, 1] * 3, fine=list("xyzxyz"))
    fine = load(source, options=SourceOptions(label_column="fine", test_split=""))
    assert fine.classes == ("x", "y", "z") and not len(fine.test.labels)
    assert "splits that are not read: validation; --test-split names another" in fine.notes
    turned = load(source, options=SourceOptions(split="validation", test_split="train"))
    assert len(turned.train.labels) == len(turned.test.labels) == 6
    assert load(source, options=SourceOptions(label_column="")).classes == ()
    for options, reason in (
        (SourceOptions(label_column="gone"), "--label-column 'gone'; it has image, label, fine"),
        (SourceOptions(split="dev"), "--split 'dev'; it has train, validation"),
        (SourceOptions(image_column="x"), "--image-column 'x'; it has image"),
    ):
        with pytest.raises(DataError, match=reason):
            load(source, options=options)


def test_the_only_split_is_learned_from_whatever_its_name(tmp_path: Path) -> None:
    as_pandas_writes(tmp_path, label=[0, 1] * 3)
    (tmp_path / "train.parquet").unlink()
    (tmp_path / "valid.parquet").rename(tmp_path / "test.parquet")
    dataset = load(str(tmp_path))
    assert len(dataset.train.labels) == 6 and not len(dataset.test.labels)
    assert "the only split, test, is learned from" in dataset.notes


@pytest.mark.parametrize("name", ["[set]", "a*b", "what?"])
def test_a_folder_with_glob_signs_in_its_name_holds_its_own_rows_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CONVERGAN_CACHE", str(tmp_path / "cache"))
    for other in ("s", "axxb", "whatx"):
        as_pandas_writes(tmp_path / other, label=[7] * 6)
    assert load(as_pandas_writes(tmp_path / name, label=[0, 1] * 3)).classes == ("0", "1")


@pytest.mark.parametrize(
    "name", ["gone/set/", "./gone", "/gone", "here/gone", "gone.csv", "a/b/c", "~/gone", "a b"]
)
def test_a_path_to_nothing_is_told_without_asking_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONVERGAN_DATA", raising=False)
    monkeypatch.setattr("datasets.load_dataset", lambda *_: pytest.fail("the hub was asked"))
    with pytest.raises(DataError, match="neither a folder nor a file here"):
        load(name)


def test_a_file_of_another_kind_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="set.zip is a file that is not read: .* unpack an archive"):
        load(str(tmp_path / "set.zip"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", ["datasets.py", pytest.param("datasets/__init__.py", marks=pytest.mark.nightly)]
)
def test_a_module_of_the_users_with_the_librarys_name_is_not_in_the_way(
    tmp_path: Path, place: str
) -> None:
    source = as_pandas_writes(tmp_path / "set", label=[0, 1] * 3)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("def my_set(): return 1\n")
    places = [path for path in (*sys.path, os.getcwd()) if path]
    environment = os.environ | {"HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": ":".join(places)}
    for words in (["-m", "convergan", "scan", source], ["-c", LOAD, source]):
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "datasets" in done.stdout or "0 3, 1 3" in done.stdout


LOAD = """
import sys
from convergan.data import DataError, load
try:
    load(sys.argv[1])
except DataError as error:
    print(error)
    assert "is in the way of the library datasets" in str(error)
"""
