import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from convergan.data import DataError, Streaming, load
from tests.data.written import LABELS, LEVELS, archive, encoded, picture, write_parquet

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
        (
            {"x_train": GREY},
            "lacks the arrays y_train; .*for rows without labels fill y_train with -1",
        ),
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


@pytest.mark.parametrize(
    ("modes", "channels"),
    [
        (["L", "L"], 1),
        (["L", "1"], 1),
        (["L", "RGB"], 3),
        (["RGB", "RGB"], 3),
        (["L", "P"], 3),
        (["L", "LA"], 1),
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


# --- stacked digits ------------------------------------------------------------------------------


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


# --- folders without labeled/ and train/ ---------------------------------------------------------


def test_a_flat_folder_of_images_is_rows_without_classes(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.png", level=10 * number)
    (tmp_path / "notes.txt").touch()
    dataset = load(str(tmp_path))
    assert dataset.classes == () and dataset.train.labels.tolist() == [-1] * 3
    assert dataset.train.images[:, 0, 0, 0].tolist() == [0, 10, 20]
    assert dataset.train.names == ("0.png", "1.png", "2.png") and not len(dataset.test.labels)
    assert dataset.notes == ("1 file that is no image is left out: notes.txt",)


def test_folders_of_classes_are_labels_and_loose_images_beside_them_have_none(
    tmp_path: Path,
) -> None:
    for name in ("dog/1.png", "cat/deeper/2.png", "dog/3.png", "4.png"):
        picture(tmp_path / name, level=int(Path(name).stem))
    dataset = load(str(tmp_path))
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.labels.tolist() == [0, 1, 1, -1]
    assert dataset.train.images[:, 0, 0, 0].tolist() == [2, 1, 3, 4]


def test_splits_without_classes_are_rows_to_learn_from_and_to_measure_on(tmp_path: Path) -> None:
    for name in ("train/1.png", "train/2.png", "val/3.png", "4.png"):
        picture(tmp_path / name, level=int(Path(name).stem))
    dataset = load(str(tmp_path))
    assert dataset.classes == ()
    assert dataset.train.images[:, 0, 0, 0].tolist() == [1, 2]
    assert dataset.test.images[:, 0, 0, 0].tolist() == [3]
    assert dataset.notes == ("1 images in no class folder are left out: 4.png",)


@pytest.mark.parametrize("names", [("1.png", "2.png"), ("a/1.png", "b/2.png", "3.png")])
def test_such_folders_are_the_same_data_streamed(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        picture(tmp_path / name, level=int(Path(name).stem), mode="RGB", size=(6, 4))
    held = load(str(tmp_path), 4)
    streamed = load(str(tmp_path), 4, streaming=Streaming(0))
    assert streamed.sha256() == held.sha256()
    assert torch.equal(streamed.train.images[:], held.train.images[:])
    assert torch.equal(streamed.train.labels, held.train.labels)
