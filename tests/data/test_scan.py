"""What a scan says of images, and that loading says the same."""

import io
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convergan.data import DataError, ImageFiles, Streaming, load
from convergan.data.scan import Scan, scan_images, summary_lines, to_json
from convergan.data.sources import find_encoded
from convergan.turing.study.image_import import read_source
from faults.bad_files import KINDS
from tests.commands import convergan
from tests.data.written import picture, write_parquet
from tests.files.images import Example, examples

SIDE = 8


def scan(source: Path, workers: int = 2) -> Scan:
    found = find_encoded(str(source))
    return Scan(str(source), found.classes, list(scan_images(found, workers)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """24 grey images of two classes, half of them without a class, and two test images."""
    monkeypatch.setenv("CONVERGAN_CACHE", str(tmp_path / "cache"))
    levels = np.random.default_rng(0).integers(0, 256, (26, SIDE, SIDE), dtype=np.uint8)
    for number, pixels in enumerate(levels):
        place = ("labeled/a", "labeled/b", "unlabeled")[number % 3] if number < 24 else "test/a"
        file = tmp_path / "images" / place / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    return tmp_path / "images"


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.png"))


# --- refused -------------------------------------------------------------------------------------

REASONS = {
    "_cut": "truncated",
    "_no_bytes": "zero bytes",
    "_text": "not an image",
    "_deep": "16-bit: mode I;16, expected 8 bits a channel",
    "_moving": "animated: 3 frames, expected one",
    "_explodes": "decompression bomb",
    "_leads_nowhere": "a link to nothing",
    "_leads_out": "a link out of the folder",
    "_flipped": "its part IDAT is damaged",
}


def test_every_defect_has_its_reason_and_loading_refuses_the_same_for_the_same(
    folder: Path,
) -> None:
    chance = random.Random(0)
    for damage, file in zip(KINDS, files(folder / "labeled"), strict=False):
        damage(file, chance)
    refused = scan(folder).refused()
    for damage, image in zip(KINDS, refused, strict=True):
        assert REASONS[damage.__name__] in image.refused, damage.__name__
    listed = tuple(f"{image.name} ({image.refused})" for image in refused)
    for streaming in (None, Streaming(2)):
        with pytest.raises(DataError) as raised:
            load(str(folder), SIDE, streaming=streaming)
        assert raised.value.files == listed
        left = load(str(folder), SIDE, streaming=streaming, allow_bad=True)
        accepted = [image.name for image in scan(folder).accepted()]
        assert [*left.train.names, *left.test.names] == accepted


@pytest.mark.parametrize("ending", ["jpg", "gif", "bmp", "webp", "tif"])
def test_a_file_that_was_cut_off_is_refused_in_any_format_as_in_loading(
    folder: Path, ending: str
) -> None:
    whole = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(whole, {"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending.upper()))
    file = folder / "labeled" / "a" / f"cut.{ending}"
    for length in (0, 1, 12, len(whole.getvalue()) // 2, len(whole.getvalue()) - 60):
        file.write_bytes(whole.getvalue()[:length])
        [image] = scan(folder).refused()
        with pytest.raises(DataError) as raised:
            load(str(folder), SIDE)
        assert raised.value.files == (f"labeled/a/cut.{ending} ({image.refused})",)


def test_what_has_no_training_rows_or_wrong_classes_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "labeled").mkdir()
    with pytest.raises(DataError, match="has no training rows"):
        find_encoded(str(tmp_path))
    with pytest.raises(DataError, match="digits has no encoded images to stream or scan"):
        find_encoded("digits")
    with pytest.raises(DataError, match="rows.npz has no encoded .*: its rows are arrays, which"):
        find_encoded(str(tmp_path / "rows.npz"))


def test_names_that_are_not_utf_8_are_spelled_and_their_images_taken(folder: Path) -> None:
    for name, data in ((b"caf\xe9.png", files(folder)[0].read_bytes()), (b"bad\xe9.png", b"")):
        (folder / "labeled" / "a" / os.fsdecode(name)).write_bytes(data)
    scanned = scan(folder)
    assert [image.name for image in scanned.refused()] == [r"labeled/a/bad\xe9.png"]
    for streaming in (None, Streaming(2)):
        left = load(str(folder), SIDE, streaming=streaming, allow_bad=True)
        assert r"labeled/a/caf\xe9.png" in left.train.names
        assert left.left_out == (r"labeled/a/bad\xe9.png (zero bytes)",)
    "\n".join(summary_lines(scanned)).encode()


# --- the same twice ------------------------------------------------------------------------------


def copy(of: Path, to: Path) -> None:
    to.write_bytes(of.read_bytes())


def draw_again(of: Path, to: Path) -> None:
    with Image.open(of) as image:
        image.convert("RGB").save(to, "PNG", compress_level=1)


@pytest.mark.parametrize(("repeat", "same"), [(copy, "bytes"), (draw_again, "pixels")])
@pytest.mark.parametrize("place", ["labeled/a", "labeled/b", "test/a"])
def test_twins_are_told_by_what_they_share_and_where_they_are(
    folder: Path, repeat: Callable[[Path, Path], None], same: str, place: str
) -> None:
    assert scan(folder).duplicates() == []
    repeat(folder / "labeled/a/00.png", folder / place / "zz.png")
    scanned = scan(folder)
    [twins] = scanned.duplicates()
    assert [image.name for image in twins.images] == ["labeled/a/00.png", f"{place}/zz.png"]
    assert twins.same == same and twins.leak == (place == "test/a")
    assert len(twins.labels) == 1 + (place == "labeled/b")
    lines = list(summary_lines(scanned))
    assert ("leak: 1 test images are among the training images too" in lines) == twins.leak
    assert "duplicates: 1 images are copies of others" in lines
    assert not scanned.refused()


# --- counts and conversions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modes", "conversions"),
    [
        (["L", "L"], {}),
        (["1"], {("1", "L"): 1}),
        (["RGB"], {("L", "RGB"): 26}),
        (["P", "RGBA", "LA", "CMYK"], {(m, "RGB"): 1 for m in ("P", "RGBA", "LA", "CMYK")}),
    ],
)
def test_modes_become_what_loading_makes_of_them(
    folder: Path, modes: list[str], conversions: dict[tuple[str, str], int]
) -> None:
    for number, mode in enumerate(modes):
        name = f"z{number}.{'tif' if mode == 'CMYK' else 'png'}"
        picture(folder / "labeled" / "a" / name, 9 + number, mode=mode, size=(SIDE, SIDE))
    grey = load(str(folder)).row_shape[0] == 1
    expected = conversions if grey else conversions | {("L", "RGB"): 26}
    assert scan(folder).conversions() == expected


def test_images_are_counted_by_class_size_and_mode(folder: Path) -> None:
    picture(folder / "labeled" / "b" / "z.png", size=(9, 7))
    (folder / "labeled" / "b" / "zz.png").write_bytes(b"")
    plain = to_json(scan(folder, workers=0))
    assert plain["images"] == 28 and [entry["image"] for entry in plain["refused"]]
    assert plain["classes"] == {
        "train": {"a": 8, "b": 9, "unlabelled": 8},
        "test": {"a": 2, "b": 0},
    }
    assert plain["sizes"] == {"8x8": 26, "9x7": 1} and plain["modes"] == {"L": 27}
    assert any("only recipes with a side" in line for line in summary_lines(scan(folder)))


def test_rows_of_a_table_are_named_by_split_and_row(tmp_path: Path) -> None:
    plain = to_json(scan(write_parquet(tmp_path / "set")))
    assert plain["classes"]["train"] == {"cat": 3, "dog": 1, "unlabelled": 1}
    assert plain["classes"]["test"] == {"cat": 1, "dog": 1}
    assert plain["modes"] == {"L": 7} and not plain["refused"] and not plain["duplicates"]


# --- the command ---------------------------------------------------------------------------------


def test_the_command_ends_with_0_where_all_can_be_read_though_some_are_twice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy(folder / "labeled/a/00.png", folder / "test/a/zz.png")
    assert convergan("scan", folder) == 0
    shown = capsys.readouterr().out
    assert "train: 24 images: a 8, b 8, unlabelled 8\n" in shown and "test: 3 images: " in shown
    assert "leak: the same bytes: labeled/a/00.png, test/a/zz.png\n" in shown


def test_the_command_ends_with_65_where_one_cannot_and_writes_all_down(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "labeled/b/01.png").write_bytes(b"")
    assert convergan("scan", folder, "--json", tmp_path / "found.json", "--workers", 0) == 65
    shown = capsys.readouterr()
    assert "refused: labeled/b/01.png (zero bytes)\n" in shown.out
    assert shown.err.splitlines()[-1] == f"convergan: {folder}: 1 of 26 are refused"
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["refused"] == [{"image": "labeled/b/01.png", "reason": "zero bytes"}]


def test_a_file_that_could_not_be_written_is_refused_before_anything_is_decoded(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convergan("scan", folder, "--json", tmp_path / "none/found.json") == 2
    shown = capsys.readouterr()
    assert not shown.out and shown.err.endswith(f"there is no folder {tmp_path}/none\n")


# --- files as they are ---------------------------------------------------------------------------


def test_every_reader_sees_files_as_viewers_show_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERGAN_CACHE", str(tmp_path / "cache"))
    known = {example.name: example for example in examples()}
    place = tmp_path / "set" / "labeled" / "a"
    place.mkdir(parents=True)
    for name, example in known.items():
        (place / name).write_bytes(example.data)
    told: dict[str, int] = {}
    for change in (change for example in known.values() for change in example.changes):
        told[change] = told.get(change, 0) + 1
    scanned = scan(tmp_path / "set")
    assert not scanned.refused() and scanned.changes() == told
    loaded = load(str(tmp_path / "set"))
    streamed = load(str(tmp_path / "set"), 16, streaming=Streaming(0))
    scored = torch.cat(list(ImageFiles(place).batches(len(known))))
    studied = read_source(study_folder(tmp_path / "study", known)).pixels
    names = [name.rpartition("/")[2] for name in loaded.train.names]
    assert sorted(names) == sorted(known)
    for row, name in enumerate(names):
        seen = known[name].seen
        seen = seen if seen.ndim == 3 else np.repeat(seen[..., None], 3, axis=2)
        for images in (loaded.train.images[:], streamed.train.images[:], scored * 255):
            found = images[row].permute(1, 2, 0).double().numpy()
            assert np.abs(found - seen).max() <= known[name].tolerance + 1e-3, name
    assert {a.tobytes() for a in studied} <= {
        row.permute(1, 2, 0).numpy().tobytes() for row in loaded.train.images[:]
    }


def study_folder(folder: Path, known: dict[str, Example]) -> Path:
    """Write what a study takes."""
    folder.mkdir()
    for name, example in known.items():
        if name.lower().endswith((".png", ".jpg", ".jpeg", ".jfif", ".mpo")):
            (folder / name).write_bytes(example.data)
    return folder


def test_what_was_changed_is_counted_in_the_summary(folder: Path) -> None:
    picture(folder / "labeled" / "a" / "clear.png", 9, size=(SIDE, SIDE))
    with Image.open(folder / "labeled" / "a" / "clear.png") as image:
        image.convert("L").save(folder / "labeled" / "a" / "clear.png", transparency=9)
    scanned = scan(folder)
    line = "note: 1 images are transparent in parts, which are shown on white"
    assert line in list(summary_lines(scanned))
    assert to_json(scanned)["changes"] == {"transparent in parts, which are shown on white": 1}
