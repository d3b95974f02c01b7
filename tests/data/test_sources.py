import os
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from convergan.data import DataError, load
from convergan.data.sources import find_encoded
from convergan.data.toy import grid_centres, mixture_of_gaussians, ring_centres
from convergan.recipes import find_recipe
from tests.data.written import LEVELS, encoded, picture, write_parquet

LABELS = np.array([0, 1, 2, -1, 1, 0, 2])


@pytest.fixture(autouse=True)
def _hub_caches_in_a_temporary_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)


def archive(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "rows.npz", **arrays)
    return str(folder / "rows.npz")


# --- embedded ------------------------------------------------------------------------------------


def test_the_embedded_digits_hold_every_digit_in_both_splits() -> None:
    dataset = load("digits")
    assert dataset.classes == tuple("0123456789")
    assert dataset.row_shape == (1, 8, 8)
    assert dataset.train.images[:].dtype == torch.uint8
    assert int(dataset.train.images[:].max()) == 255
    for rows, count in ((dataset.train, 1297), (dataset.test, 500)):
        assert rows.images.shape == (count, 1, 8, 8)
        assert int(rows.labels.bincount().min()) > count / 15
    together = torch.cat([dataset.train.labels, dataset.test.labels]).bincount().tolist()
    assert together == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # scikit-learn's


def test_the_ring_has_eight_modes_at_distance_one() -> None:
    dataset = load("ring")
    assert dataset.row_shape == (2,) and len(dataset.classes) == 8
    assert len(dataset.train.labels) == 16_000 and len(dataset.test.labels) == 4_000
    for mode in range(8):
        centre = dataset.train.images[dataset.train.labels == mode].mean(dim=0)
        angle = torch.tensor(mode * torch.pi / 4)
        assert torch.allclose(centre, torch.stack([angle.cos(), angle.sin()]), atol=0.01)


def test_the_grid_has_twenty_five_modes_two_apart() -> None:
    dataset = load("grid")
    assert dataset.row_shape == (2,) and len(dataset.classes) == 25
    between = torch.cdist(grid_centres(), grid_centres()) + 9 * torch.eye(25)
    assert between.min(dim=1).values.tolist() == [2.0] * 25
    assert grid_centres().mean(dim=0).tolist() == [0, 0]
    away = dataset.train.images[:] - grid_centres()[dataset.train.labels]
    assert away.std().item() == pytest.approx(0.05, rel=0.02)


def test_points_of_a_mixture_depend_on_name_and_seed_alone() -> None:
    (points, modes), (again, _), (other, _), (named, _) = (
        mixture_of_gaussians(name, ring_centres(), 50, seed=seed)
        for name, seed in (("ring", 1), ("ring", 1), ("ring", 2), ("round", 1))
    )
    assert torch.equal(points, again)
    assert not torch.equal(points, other) and not torch.equal(points, named)
    assert points.shape == (50, 2) and points.dtype == torch.float32 and modes.dtype == torch.int64


# --- archives ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (LEVELS[..., 0], LEVELS[:, None, :, :, 0]),
        (LEVELS[:, None, :, :, 0], LEVELS[:, None, :, :, 0]),
        (LEVELS[..., :1], LEVELS[:, None, :, :, 0]),
        (LEVELS, LEVELS.transpose(0, 3, 1, 2)),
        (LEVELS.transpose(0, 3, 1, 2), LEVELS.transpose(0, 3, 1, 2)),
        (np.asfortranarray(LEVELS), LEVELS.transpose(0, 3, 1, 2)),
    ],
    ids=["N,H,W", "N,1,H,W", "N,H,W,1", "N,H,W,3", "N,3,H,W", "Fortran order"],
)
def test_every_layout_of_images_in_an_archive_becomes_channels_first(
    tmp_path: Path, stored: Any, expected: Any
) -> None:
    dataset = load(archive(tmp_path, x_train=stored, y_train=LABELS))
    assert dataset.train.images[:].dtype == torch.uint8
    assert dataset.train.images[:].is_contiguous()
    assert np.array_equal(dataset.train.images[:].numpy(), expected)
    assert dataset.train.labels.tolist() == LABELS.tolist()
    assert dataset.classes == ("0", "1", "2")
    assert dataset.test.images.shape == (0, *expected.shape[1:]) and not len(dataset.test.labels)


@pytest.mark.parametrize("kind", ["<f4", "<f8", ">f8", "<f2"])
def test_vectors_of_any_float_type_become_float32(tmp_path: Path, kind: str) -> None:
    vectors = np.linspace(-2, 2, 14).reshape(7, 2).astype(kind)
    rows = load(archive(tmp_path, x_train=vectors, y_train=LABELS)).train.images[:]
    assert rows.dtype == torch.float32 and rows.shape == (7, 2)
    assert np.array_equal(rows.numpy(), vectors.astype(np.float32))


@pytest.mark.parametrize("kind", ["int8", "uint8", ">i4", "int64"])
def test_labels_of_any_integer_type_become_int64(tmp_path: Path, kind: str) -> None:
    labels = np.abs(LABELS).astype(kind)
    found = load(archive(tmp_path, x_train=LEVELS, y_train=labels)).train.labels
    assert found.dtype == torch.int64 and found.tolist() == labels.tolist()


def test_an_archive_may_hold_test_rows(tmp_path: Path) -> None:
    held_out = {"x_test": LEVELS[:2, ..., 0], "y_test": LABELS[:2]}
    dataset = load(archive(tmp_path, x_train=LEVELS[..., 0], y_train=LABELS, **held_out))
    assert np.array_equal(dataset.test.images[:].numpy()[:, 0], LEVELS[:2, ..., 0])
    assert dataset.test.labels.tolist() == [0, 1]


GREY = LEVELS[..., 0]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"x_train": GREY}, "lacks the arrays y_train"),
        ({"images": GREY}, "lacks the arrays x_train, y_train"),
        (
            {"x_train": GREY, "y_train": LABELS, "x_test": GREY},
            "both x_test and y_test, or neither",
        ),
        ({"x_train": GREY, "y_train": LABELS[:5]}, "7 training rows but 5 labels"),
        ({"x_train": GREY, "y_train": LABELS - 1}, "training label -2 is out of range"),
        (
            {"x_train": GREY, "y_train": LABELS, "x_test": GREY, "y_test": LABELS + 3},
            "test label 3 is out of range, labels are 0 to 2",
        ),
        ({"x_train": GREY, "y_train": LABELS / 2}, "labels must be a row of integers, got float64"),
        ({"x_train": GREY, "y_train": np.eye(7, dtype=int)}, "labels must be a row of integers"),
        ({"x_train": GREY.astype(np.uint16), "y_train": LABELS}, "images must be uint8 .* uint16"),
        ({"x_train": GREY / 255, "y_train": LABELS}, "images must be uint8 .* float64"),
        ({"x_train": np.full((7, 2), np.nan), "y_train": LABELS}, "values that are not finite"),
        ({"x_train": np.full((7, 2), -np.inf), "y_train": LABELS}, "values that are not finite"),
        ({"x_train": np.full((7, 2), 1e300), "y_train": LABELS}, "values that are not finite"),
        (
            {"x_train": np.zeros((7, 5, 5, 4), np.uint8), "y_train": LABELS},
            "images must be uint8 .* with C 1 or 3",
        ),
        ({"x_train": GREY, "y_train": LABELS + 10**12}, "out of range for 7 rows"),
        (
            {"x_train": GREY, "y_train": LABELS, "x_test": GREY, "y_test": LABELS},
            "test label -1 is out of range",
        ),
        ({"x_train": GREY[:0], "y_train": LABELS[:0]}, "has no training rows"),
        (
            {"x_train": GREY, "y_train": LABELS, "x_test": GREY[:, :4], "y_test": LABELS},
            r"test rows have shape \(1, 4, 4\), training rows \(1, 5, 4\)",
        ),
        ({"x_train": GREY.astype(object), "y_train": LABELS}, "without pickles"),
    ],
)
def test_an_archive_that_cannot_be_used_is_refused_with_its_name_and_the_reason(
    tmp_path: Path, arrays: dict[str, Any], reason: str
) -> None:
    with pytest.raises(DataError, match=rf"rows\.npz.*{reason}"):
        load(archive(tmp_path, **arrays))


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x93NUMPY no", b"PK\x03\x04 and no more"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "rows.npz").write_bytes(data)
    with pytest.raises(DataError, match=r"rows\.npz is not a readable npz archive"):
        load(str(tmp_path / "rows.npz"))


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*rows\.npz"):
        load(str(tmp_path / "rows.npz"))


# --- image files ---------------------------------------------------------------------------------


def test_an_image_folder_holds_labeled_unlabeled_and_test_images(tmp_path: Path) -> None:
    picture(tmp_path / "labeled" / "dog" / "1.png", 30)
    picture(tmp_path / "labeled" / "cat" / "2.png", 10)
    picture(tmp_path / "labeled" / "cat" / "deeper" / "3.PNG", 20)
    picture(tmp_path / "unlabeled" / "4.jpg", 40)
    picture(tmp_path / "unlabeled" / "any" / "5.tiff", 50)
    picture(tmp_path / "test" / "dog" / "6.png", 60)
    (tmp_path / "unlabeled" / "notes.txt").write_text("no image")
    dataset = load(str(tmp_path))
    assert dataset.classes == ("cat", "dog")
    assert dataset.row_shape == (1, 3, 4)
    names = ("labeled/cat/2.png", "labeled/cat/deeper/3.PNG", "labeled/dog/1.png")
    assert dataset.train.names == (*names, "unlabeled/4.jpg", "unlabeled/any/5.tiff")
    assert dataset.train.labels.tolist() == [0, 0, 1, -1, -1]
    assert dataset.train.images[:, 0, 0, 0].tolist() == [10, 20, 30, 40, 50]
    assert dataset.test.names == ("test/dog/6.png",)
    assert dataset.test.labels.tolist() == [1]
    assert set(dataset.test.images[:].flatten().tolist()) == {60}


def test_a_class_that_only_the_test_images_have_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "labeled" / "cat" / "1.png")
    picture(tmp_path / "test" / "cow" / "2.png")
    with pytest.raises(DataError, match="test has classes that labeled/ lacks: cow"):
        load(str(tmp_path))


def test_a_table_labels_some_images_and_leaves_others_unlabeled(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        picture(tmp_path / "images" / f"{number}.png", number)
    table = "label,file\ndog,images/3.png\n,images/1.png\n cat ,images/2.png\n"
    (tmp_path / "labels.csv").write_text(table)
    dataset = load(str(tmp_path))
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.names == ("images/3.png", "images/1.png", "images/2.png")
    assert dataset.train.labels.tolist() == [1, -1, 0]
    assert dataset.train.images[:, 0, 0, 0].tolist() == [3, 1, 2]
    assert not len(dataset.test.labels)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("", "labels.csv cannot be read as a table: it has no line with names"),
        ("image,class\n1.png,a\n", "must have the columns file,label"),
        ("file,label\n1.png,a\n1.png,b\n", "names files twice: 1.png"),
        ("file,label\n2.png,a\n", "1 unreadable: 2.png"),
        ("file,label\n", "has no training rows"),
        ("file,label\n/1.png,a\n", "names files outside its folder: /1.png"),
        ("file,label\n../1.png,a\n", "names files outside its folder"),
        ("file,label\n1.png," + "x" * 200_000 + "\n", "line 2: field larger than field limit"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, table: str, reason: str) -> None:
    picture(tmp_path / "1.png")
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=reason):
        load(str(tmp_path))


@pytest.mark.parametrize(
    "table",
    [
        "file;label\nsub/bär 1.png;a\nsub/2.png;\n",
        "File,Label\r\nsub\\bär 1.png,a\r\nsub\\2.png,\r\n",
        "\ufefffile, label\n./sub/bär 1.png , a\nsub/2.png,\n\n,\n",
        "file,label,by\nsub/ba\u0308r 1.png,a,me\nsub/2.png,,you\n",
        "file\tlabel\nsub/bär 1.png\ta\nsub/2.png\t\n",
    ],
)
def test_tables_of_labels_are_read_as_programs_write_them(tmp_path: Path, table: str) -> None:
    picture(tmp_path / "sub" / "bär 1.png", 1)
    picture(tmp_path / "sub" / "2.png", 2)
    (tmp_path / "labels.csv").write_text(table, encoding="utf-8")
    dataset = load(str(tmp_path))
    assert (dataset.classes, dataset.train.labels.tolist()) == (("a",), [0, -1])
    assert dataset.train.names == ("sub/bär 1.png", "sub/2.png")


@pytest.mark.parametrize(
    ("modes", "channels"),
    [
        (["L", "L"], 1),
        (["L", "1"], 1),
        (["L", "RGB"], 3),
        (["RGB", "RGB"], 3),
        (["L", "P"], 3),
        (["L", "LA"], 3),
        (["L", "RGBA"], 3),
    ],
)
def test_images_stay_grey_where_all_are_grey_and_become_rgb_otherwise(
    tmp_path: Path, modes: Sequence[str], channels: int
) -> None:
    for number, mode in enumerate(modes):
        picture(tmp_path / "labeled" / "a" / f"{number}.png", 255, mode=mode)
    images = load(str(tmp_path)).train.images[:]
    assert images.shape == (2, channels, 3, 4)
    assert set(images.flatten().tolist()) == {255}


def test_colours_keep_their_channels_and_grey_repeats_over_them(tmp_path: Path) -> None:
    folder = tmp_path / "labeled" / "a"
    picture(folder / "grey.png", 7, size=(4, 5))
    Image.fromarray(LEVELS[0]).save(folder / "rgb.png")
    picture(tmp_path / "test" / "a" / "grey.png", 9, size=(4, 5))
    dataset = load(str(tmp_path))
    assert torch.equal(dataset.train.images[0], torch.full((3, 5, 4), 7, dtype=torch.uint8))
    assert np.array_equal(dataset.train.images[1].numpy(), LEVELS[0].transpose(2, 0, 1))
    assert torch.equal(dataset.test.images[0], torch.full((3, 5, 4), 9, dtype=torch.uint8))


def test_grey_images_of_16_bits_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "labeled" / "a" / "good.png")
    deep = Image.fromarray(np.full((3, 4), 40_000, dtype=np.uint16))
    deep.save(tmp_path / "labeled" / "a" / "deep.png")
    with pytest.raises(DataError, match=r"1 unreadable: labeled/a/deep\.png .*8 bits a channel"):
        load(str(tmp_path))


def test_images_of_mixed_sizes_are_counted_with_an_example_of_each(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / "labeled" / "a" / f"{number}.png")
    picture(tmp_path / "test" / "a" / "odd.png", size=(9, 8))
    pattern = r"mixed sizes: 4x3 \(3, e\.g\. labeled/a/0\.png\), 9x8 \(1, e\.g\. test/a/odd\.png\)"
    with pytest.raises(DataError, match=pattern):
        load(str(tmp_path))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite(path: Path) -> None:
    path.write_text("this is no image")


@pytest.mark.parametrize("damage", [cut, empty, overwrite])
def test_every_damaged_image_is_named_up_to_twenty_and_the_rest_counted(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    for number in range(30):
        path = picture(tmp_path / "labeled" / "a" / f"{number:02d}.png")
        if number >= 7:
            damage(path)
    with pytest.raises(DataError) as refused:
        load(str(tmp_path))
    message = str(refused.value)
    assert "23 unreadable" in message and message.endswith("and 3 more")
    named = [number for number in range(30) if f"labeled/a/{number:02d}.png" in message]
    assert named == list(range(7, 27))


def test_a_folder_without_data_is_refused_and_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no data: expected Parquet files .* or labels.csv"):
        load(str(tmp_path))
    (tmp_path / "labeled").mkdir()
    with pytest.raises(DataError, match="has no training rows"):
        load(str(tmp_path))


# --- the hub's layout ----------------------------------------------------------------------------


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


def write_digits(
    folder: Path, *, side: int = 28, splits: Sequence[str] = ("train", "test")
) -> None:
    """Write twenty plain images a split, as bright as twelve times their row, of rising digits."""
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=list("0123456789"))}
    )
    for split in splits:
        images = [encoded(Image.new("L", (side, side), 12 * row)) for row in range(20)]
        table = datasets.Dataset.from_dict(
            {"image": images, "label": [row % 10 for row in range(20)]}, features=features
        )
        folder.mkdir(exist_ok=True)
        table.to_parquet(str(folder / f"{split}-00000-of-00001.parquet"))


def test_stacked_mnist_is_made_of_the_digits_at_the_hub_name_of_mnist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_digits(tmp_path / "mnist")
    monkeypatch.setenv("CONVERGAN_DATA", str(tmp_path))
    dataset = load("stacked-mnist")
    assert dataset.row_shape == (3, 28, 28) and dataset.source == "stacked-mnist"
    assert dataset.classes[:2] == ("000", "001") and dataset.classes[-1] == "999"
    for rows, count in ((dataset.train, 128_000), (dataset.test, 10_000)):
        assert rows.images[:].shape == (count, 3, 28, 28) and rows.images[:].dtype == torch.uint8
        digits = rows.images[:, :, 5, 7] // 12 % 10
        assert torch.equal(digits.long() @ torch.tensor([100, 10, 1]), rows.labels)
    assert not torch.equal(dataset.train.labels[:10_000], dataset.test.labels)


@pytest.mark.parametrize(
    ("side", "splits", "reason"),
    [
        (20, ("train", "test"), r"here has \(1, 20, 20\) rows of 10 classes, 0 unlabelled, 20"),
        (28, ("train",), r"here has \(1, 28, 28\) rows of 10 classes, 0 unlabelled, 0 for test"),
    ],
)
def test_stacked_mnist_of_other_digits_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    side: int,
    splits: Sequence[str],
    reason: str,
) -> None:
    write_digits(tmp_path / "mnist", side=side, splits=splits)
    monkeypatch.setenv("CONVERGAN_DATA", str(tmp_path))
    with pytest.raises(DataError, match=reason):
        load("stacked-mnist")


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


# --- identity ------------------------------------------------------------------------------------


def test_the_hash_is_of_the_rows_and_not_of_where_they_were(tmp_path: Path) -> None:
    arrays = {"x_train": LEVELS, "y_train": LABELS, "x_test": LEVELS[:2], "y_test": LABELS[:2]}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    dataset = load(archive(tmp_path / "a", **arrays))
    same = load(archive(tmp_path / "b", **arrays))
    assert len(dataset.sha256()) == 64
    assert dataset.sha256() == same.sha256()


def test_the_hash_changes_with_any_row_label_or_class_name(tmp_path: Path) -> None:
    arrays = {"x_train": LEVELS, "y_train": LABELS, "x_test": LEVELS[:2], "y_test": LABELS[:2]}
    dataset = load(archive(tmp_path, **arrays))
    hashes = {dataset.sha256(), replace(dataset, classes=("0", "1", "x")).sha256()}
    for split in ("train", "test"):
        rows = getattr(dataset, split)
        changed = rows.images.clone()
        changed[1, 2, 3, 0] ^= 1
        other_labels = rows.labels.clone()
        other_labels[1] = 2
        for other in (replace(rows, images=changed), replace(rows, labels=other_labels)):
            hashes.add(replace(dataset, **{split: other}).sha256())
    assert len(hashes) == 6


def test_a_data_set_without_test_rows_has_a_hash(tmp_path: Path) -> None:
    assert len(load(archive(tmp_path, x_train=LEVELS, y_train=LABELS)).sha256()) == 64


def test_colour_images_of_16_bits_are_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 3, 16, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(3 * (b"\0" + bytes(4 * 3 * 2))))
    folder = tmp_path / "labeled" / "a"
    folder.mkdir(parents=True)
    data = b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")
    (folder / "deep.png").write_bytes(data)
    with pytest.raises(DataError, match="1 unreadable: labeled/a/deep.png"):
        load(str(tmp_path))


def test_a_table_in_another_encoding_is_told_and_a_short_line_is_unlabeled(
    tmp_path: Path,
) -> None:
    picture(tmp_path / "1.png")
    picture(tmp_path / "2.png")
    (tmp_path / "labels.csv").write_bytes("file,label\n1.png,\xe9\n".encode("latin-1"))
    found = find_encoded(str(tmp_path))
    assert found.classes == ("é",)
    assert "labels.csv is not in UTF-8 and was read as cp1252" in found.notes[0]
    (tmp_path / "labels.csv").write_bytes("file,label\n1.png,Иван и Пётр\n".encode("cp1251"))
    with pytest.raises(DataError, match="is not text in UTF-8; it may be .*: name its encoding"):
        load(str(tmp_path))
    (tmp_path / "labels.csv").write_text("file,label\n1.png,a\n2.png\n")
    assert load(str(tmp_path)).train.labels.tolist() == [0, -1]


# --- cut and scaled ------------------------------------------------------------------------------


def save(path: Path, pixels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)


def test_images_of_mixed_sizes_become_squares_of_the_side_asked_for(tmp_path: Path) -> None:
    for number, size in enumerate([(9, 6), (6, 9), (6, 6), (31, 17)]):
        picture(tmp_path / "labeled" / "a" / f"{number}.png", 50 * number, size=size)
    picture(tmp_path / "test" / "a" / "t.png", 7, size=(40, 50))
    dataset = load(str(tmp_path), side=6)
    assert dataset.train.images.shape == (4, 1, 6, 6)
    assert [set(image.flatten().tolist()) for image in dataset.train.images[:]] == [
        {50 * number} for number in range(4)
    ]
    assert dataset.test.images.shape == (1, 1, 6, 6)
    with pytest.raises(DataError, match="mixed sizes: 9x6"):
        load(str(tmp_path))


def test_the_middle_of_a_long_image_is_what_is_left(tmp_path: Path) -> None:
    wide = np.arange(8 * 4).reshape(4, 8)  # columns 2 to 5 are the middle
    save(tmp_path / "labeled" / "a" / "tall.png", wide.T)
    save(tmp_path / "labeled" / "a" / "wide.png", wide)
    tall, across = load(str(tmp_path), side=4).train.images[:, 0]
    assert across.tolist() == wide[:, 2:6].tolist()
    assert tall.tolist() == wide.T[2:6].tolist()


def test_pixels_of_a_smaller_side_are_weighted_means_of_those_near_them(tmp_path: Path) -> None:
    rows = [[0, 80, 160, 240]] * 4
    save(tmp_path / "labeled" / "a" / "1.png", rows)
    # Bilinear with weights 1/8, 3/8, 3/8, 1/8 around the middle, of which those inside count:
    # (3 * 0 + 3 * 80 + 160) / 7 and its mirror image.
    expected = [[57, 183], [57, 183]]
    assert load(str(tmp_path), side=2).train.images[0, 0].tolist() == expected


def test_colours_and_names_are_kept_where_images_are_cut(tmp_path: Path) -> None:
    save(tmp_path / "rgb.png", LEVELS[0])  # 5 high, 4 wide
    picture(tmp_path / "grey.png", 9, size=(7, 7))
    (tmp_path / "labels.csv").write_text("file,label\nrgb.png,a\ngrey.png,\n")
    dataset = load(str(tmp_path), side=4)
    assert dataset.train.images.shape == (2, 3, 4, 4)
    assert set(dataset.train.images[1].flatten().tolist()) == {9}
    assert dataset.train.names == ("rgb.png", "grey.png")
    assert dataset.train.labels.tolist() == [0, -1]


def test_images_in_the_layout_of_the_hub_are_cut_as_well(tmp_path: Path) -> None:
    dataset = load(str(write_parquet(tmp_path / "set")), side=2)
    assert dataset.train.images.shape == (5, 1, 2, 2) and dataset.test.images.shape == (2, 1, 2, 2)


def test_what_is_not_encoded_is_left_as_it_is(tmp_path: Path) -> None:
    stored = archive(tmp_path, x_train=LEVELS, y_train=LABELS)
    assert load(stored, side=2).row_shape == (3, 5, 4)
    assert load("digits", side=2).row_shape == (1, 8, 8)


def test_damaged_images_are_named_where_others_are_cut(tmp_path: Path) -> None:
    picture(tmp_path / "labeled" / "a" / "1.png")
    cut(picture(tmp_path / "labeled" / "a" / "2.png", size=(9, 9)))
    with pytest.raises(DataError, match=r"1 unreadable: labeled/a/2\.png"):
        load(str(tmp_path), side=2)
