"""Hostile and plain images into a study."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from convergan.turing.errors import StudyError
from convergan.turing.study import image_import
from convergan.turing.study.image_import import (
    Source,
    check_sources,
    encode,
    pad,
    read_source,
    scramble,
    source_from_array,
)
from tests.turing.serving import noise


def write(folder: Path, name: str, pixels: Any = None, **options: Any) -> Path:
    folder.mkdir(exist_ok=True)
    if pixels is None:
        pixels = np.random.default_rng(len(name)).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / name, **options)
    return folder / name


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_size(width: int, height: int, data: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_a_folder_becomes_pixels_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "c.JPEG"):
        write(tmp_path / "in", name)
    (tmp_path / "in" / "notes.txt").write_text("not an image")
    found = read_source(tmp_path / "in")
    assert found.labels == ("a.jpg", "b.png", "c.JPEG")
    assert found.notes == ("1 file that is neither PNG nor JPEG is left out: notes.txt",)
    assert found.pixels.shape == (3, 8, 8, 3)
    with Image.open(tmp_path / "in" / "b.png") as image:
        assert (found.pixels[1] == np.asarray(image)).all()


def test_grey_images_are_grey_however_they_are_stored(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    write(tmp_path / "in", "a.png", grey)
    write(tmp_path / "in", "b.png", np.repeat(grey[..., None], 3, axis=2))
    assert read_source(tmp_path / "in").pixels.shape == (2, 8, 8)


def bomb(folder: Path) -> None:
    (folder / "x.png").write_bytes(png_of_size(100_000, 100_000))


def large_text(folder: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("k", "x" * 80_000_000, zip=True)
    write(folder, "x.png", pnginfo=info)


def animated(folder: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "x.png", save_all=True, append_images=frames[1:])


def truncated(folder: Path) -> None:
    file = write(folder, "x.png")
    file.write_bytes(file.read_bytes()[:-60])


def truncated_jpeg(folder: Path) -> None:
    file = write(folder, "x.jpg", np.zeros((64, 64, 3), np.uint8), quality=100)
    file.write_bytes(file.read_bytes()[:-200])
    file.rename(folder / "x.png")


def negative_size(folder: Path) -> None:
    (folder / "x.png").write_bytes(png_of_size(0, 8))


def deep(folder: Path) -> None:
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(folder / "x.png")


def fits(folder: Path) -> None:
    text = "SIMPLE  =                    T" + " " * 50 + "BITPIX  =                    8" + " " * 50
    (folder / "x.png").write_bytes((text + "END").ljust(2880).encode())


def postscript(folder: Path) -> None:
    (folder / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n")


def document(folder: Path) -> None:
    Image.new("RGB", (8, 8)).save(folder / "x.pdf")
    (folder / "x.pdf").rename(folder / "x.png")


def gif(folder: Path) -> None:
    Image.new("RGB", (8, 8)).save(folder / "x.gif")
    (folder / "x.gif").rename(folder / "x.png")


def empty_file(folder: Path) -> None:
    (folder / "x.png").write_bytes(b"")


def other_size(folder: Path) -> None:
    write(folder, "x.png", np.zeros((8, 9, 3), np.uint8))


def link_out(folder: Path) -> None:
    (folder / "x.png").symlink_to(write(folder.parent / "elsewhere", "y.png"))


def linked_folder(folder: Path) -> None:
    write(folder.parent / "elsewhere", "y.png")
    (folder / "x.png").symlink_to(folder.parent / "elsewhere")


def dangling_link(folder: Path) -> None:
    (folder / "x.png").symlink_to(folder / "nowhere.png")


def pipe(folder: Path) -> None:
    import os

    os.mkfifo(folder / "x.png")


HOSTILE = {
    bomb: "100000x100000, expected at most 4194304 pixels",
    large_text: "Decompressed data too large|more than",
    animated: "animated",
    truncated: "truncated",
    truncated_jpeg: "Truncated File Read",
    negative_size: "not a",
    deep: "mode I;16",
    fits: "not a PNG or JPEG",
    postscript: "not a PNG or JPEG",
    document: "not a PNG or JPEG",
    gif: "not a PNG or JPEG",
    empty_file: "zero bytes",
    other_size: "of one size",
    link_out: "a link out of the folder, .*--follow-links",
    linked_folder: "a link out of the folder, .*--follow-links",
    dangling_link: "link to nothing|No such file",
    pipe: "not a plain file",
}


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_what_is_no_plain_image_is_refused_by_name(make: Any, tmp_path: Path) -> None:
    write(tmp_path / "in", "a.png")
    make(tmp_path / "in")
    with pytest.raises(StudyError, match=HOSTILE[make]) as refused:
        read_source(tmp_path / "in")
    assert "x.png" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_memory_of_the_reader_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = zlib.compress((b"\0" + b"\0" * 2048 * 3) * 2048)
    monkeypatch.setattr(image_import, "MAX_MEMORY", 512 * 2**20)
    (tmp_path / "in").mkdir()
    for number in range(50):  # 629 MB of pixels in 0.6 MB of files
        (tmp_path / "in" / f"{number}.png").write_bytes(png_of_size(2048, 2048, rows))
    with pytest.raises(StudyError, match="memory"):
        read_source(tmp_path / "in")


def test_empty_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no PNG or JPEG"):
        read_source(tmp_path)
    with pytest.raises(StudyError, match="no folder"):
        read_source(tmp_path / "missing")
    with pytest.raises(StudyError, match="no file"):
        read_source(tmp_path / "missing.npz")


@pytest.mark.slow
def test_archives_are_read_without_pickles_and_by_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", samples=images)
    assert read_source(tmp_path / "a.npz").pixels.shape == (3, 8, 8, 3)
    np.savez(tmp_path / "b.npz", other=images)
    with pytest.raises(StudyError, match="neither"):
        read_source(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", samples=np.array([{}], dtype=object))
    with pytest.raises(StudyError, match="pickle"):
        read_source(tmp_path / "c.npz")
    (tmp_path / "d.npz").write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(StudyError, match="not an npz"):
        read_source(tmp_path / "d.npz")
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 64, 64)}
    )
    with zipfile.ZipFile(tmp_path / "e.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples.npy", head.getvalue() + bytes(10**6))
    with pytest.raises(StudyError, match="not an npz"):
        read_source(tmp_path / "e.npz")
    monkeypatch.setattr(image_import, "MAX_UNPACKED", 100)
    with pytest.raises(StudyError, match="too many"):
        image_import._read_archive(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((0, 8, 8), np.uint8), "must hold images"),
        (np.zeros((2, 2, 8, 8), np.uint8), "must hold images"),
        (np.zeros((8, 8), np.uint8), "must hold images"),
        (np.zeros((2, 8, 8), np.int64), "uint8 or floating"),
        (np.full((2, 8, 8), 1.5), "must lie in"),
        (np.full((2, 8, 8), np.nan), "must lie in"),
        (np.zeros((1, 3000, 3000), np.uint8), "pixels"),
    ],
)
def test_arrays_that_are_no_images_are_refused(array: Any, reason: str) -> None:
    with pytest.raises(StudyError, match=reason):
        source_from_array("array", array)


def test_floating_point_arrays_become_the_nearest_levels() -> None:
    levels = np.arange(256).reshape(1, 1, 16, 16)
    assert (source_from_array("x", levels / 255).pixels == levels[:, 0]).all()


def test_classes_that_differ_in_more_than_what_they_show_are_refused() -> None:
    real = noise("real")
    check_sources(real, [noise("a"), noise("b")])
    for others, reason in (
        ([noise("a", side=9)], "8x8 images, a 9x9"),
        ([noise("a"), noise("a", seed=1)], "different names"),
        ([source_from_array("a", np.random.default_rng(0).random((20, 3, 8, 8)))], "grey"),
        (
            [Source("a", real.pixels[:20], real.labels[:20])],
            r"20 .*: real\[0\] of a is real\[0\] of",
        ),
    ):
        with pytest.raises(StudyError, match=reason):
            check_sources(real, others)


def chunks(file: bytes) -> list[tuple[bytes, int]]:
    """Return the names and lengths of a RIFF file's chunks."""
    place, found = 12, []
    while place < len(file):
        name, length = struct.unpack("<4sI", file[place : place + 8])
        found.append((name, length))
        place += 8 + length + length % 2
    assert place == len(file) == struct.unpack("<I", file[4:8])[0] + 8
    return found


@pytest.mark.parametrize("shape", [(28, 28, 3), (28, 28), (31, 17, 3)])
def test_padded_files_have_one_length_and_one_chunk_and_every_pixel(shape: tuple[int, ...]) -> None:
    chance = np.random.default_rng(0)
    images = [np.full(shape, level, np.uint8) for level in range(0, 250, 5)]
    images += list(chance.integers(0, 256, (200, *shape), dtype=np.uint8))
    files = [encode(image) for image in images]
    longest = max(map(len, files))
    assert len({len(file) for file in files}) > 10  # which is what padding is for
    padded = [pad(file, longest) for file in files]
    assert {tuple(chunks(file)) for file in padded} == {((b"VP8L", longest - 20),)}
    for file, image in zip(padded, images, strict=True):
        with Image.open(io.BytesIO(file)) as opened:
            shown = opened if image.ndim == 3 else opened.convert("L")
            assert (np.asarray(shown) == image).all()


def test_scrambled_images_have_the_pixels_of_the_image_elsewhere() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    mixed = scramble(pixels, seed=1)
    for image, other in zip(pixels, mixed, strict=True):
        assert sorted(map(tuple, image.reshape(-1, 3))) == sorted(map(tuple, other.reshape(-1, 3)))
        assert (image != other).mean() > 0.5
    assert (scramble(pixels, seed=1) == mixed).all()
    assert (scramble(pixels, seed=2) != mixed).any()


def test_large_scrambled_images_take_no_more_bytes_than_photographs() -> None:
    rows = np.linspace(0, 255, 200).astype(np.uint8)
    smooth = np.repeat(rows[None, :, None, None], 250, axis=2).repeat(3, axis=3)
    rough = smooth + np.random.default_rng(0).integers(0, 4, smooth.shape, dtype=np.uint8)
    (mixed,) = scramble(rough, seed=1)
    assert mixed.shape == (200, 250, 3)
    assert (mixed[:4, :4] == mixed[0, 0]).all() and (mixed[0] != mixed[4]).any()
    assert len(encode(mixed)) < len(encode(rough[0])) < mixed.size / 2


def test_too_many_and_too_large_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in", "a.png")
    write(tmp_path / "in", "b.png")
    monkeypatch.setattr(image_import, "MAX_FILES", 1)
    with pytest.raises(StudyError, match="2 images, at most 1"):
        image_import._read_folder(tmp_path / "in", follow_links=False)
    monkeypatch.setattr(image_import, "MAX_FILES", 2)
    monkeypatch.setattr(image_import, "MAX_FILE_BYTES", 10)
    with pytest.raises(StudyError, match="a.png has more than"):
        image_import._read_folder(tmp_path / "in", follow_links=False)
