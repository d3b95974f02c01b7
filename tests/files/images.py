"""Image files as cameras, browsers and programs write them, each with what a viewer shows."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from convergan.core.images import (
    FIRST_PICTURE,
    GAMMA_IGNORED,
    ON_WHITE,
    PROFILE_IGNORED,
    UPRIGHT,
)

Pixels = NDArray[np.uint8]
SIDE = 16
QUARTERS = [[(200, 30, 60), (20, 160, 90)], [(40, 70, 210), (250, 240, 100)]]
GREYS = [[10, 90], [170, 250]]
TURNED_AS_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera that writes an orientation has stored an upright picture."""


class Example(NamedTuple):
    """A file.

    Attributes:
        name: with its ending.
        data: bytes.
        seen: (16, 16) or (16, 16, 3), what a viewer shows.
        changes: that `convergan.core.images.decode` tells of.
        tolerance: levels by which lossy files differ.
    """

    name: str
    data: bytes
    seen: Pixels
    changes: tuple[str, ...] = ()
    tolerance: int = 0


def quarters(colours: Any) -> Pixels:
    """Four squares of one colour each."""
    eight = np.asarray(colours, dtype=np.uint8)
    return eight.repeat(SIDE // 2, axis=0).repeat(SIDE // 2, axis=1)


COLOUR, GREY = quarters(QUARTERS), quarters(GREYS)
RGB, L = Image.fromarray(COLOUR), Image.fromarray(GREY)
ALPHA = Image.fromarray(quarters([[255, 0], [128, 255]]))


def written(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a file of a kind."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def on_white(opaque: Pixels, alpha: Image.Image = ALPHA) -> Pixels:
    """The formula written slowly."""
    share = np.asarray(alpha) / 255
    share = share[..., None] if opaque.ndim == 3 else share
    return np.rint(opaque * share + 255 * (1 - share)).astype(np.uint8)


def with_alpha(image: Image.Image) -> Image.Image:
    made = image.convert("LA" if image.mode == "L" else "RGBA")
    made.putalpha(ALPHA)
    return made


def plain_files() -> Iterator[Example]:
    """Every mode that formats without loss take, and the lossy ones."""
    for kind, ending in (("PNG", "png"), ("BMP", "bmp"), ("TIFF", "TIF"), ("GIF", "gif")):
        bits = L.point(lambda level: 255 * (level > 127)).convert("1")
        yield Example(f"1.{ending}", written(bits, kind), np.asarray(bits.convert("L")))
        seen = COLOUR if kind == "GIF" else GREY  # which have a palette, whatever is in it
        grey = np.repeat(GREY[..., None], 3, axis=2) if kind == "GIF" else GREY
        yield Example(f"L.{ending}", written(L, kind), grey if kind == "GIF" else seen)
        yield Example(f"P.{ending}", written(RGB.quantize(16), kind), COLOUR)
        if kind != "GIF":
            yield Example(f"RGB.{ending}", written(RGB, kind), COLOUR)
    yield Example("RGB.ppm", written(RGB, "PPM"), COLOUR)
    yield Example("L.pgm", written(L, "PPM"), GREY)
    yield Example("RGB.webp", written(RGB, "WEBP", lossless=True), COLOUR)
    yield Example("RGB.jp2", written(RGB, "JPEG2000"), COLOUR)
    yield Example(
        "RGB.avif", written(RGB, "AVIF", quality=100, subsampling="4:4:4"), COLOUR, tolerance=8
    )
    for ending in ("jpg", "JPEG", "jfif"):
        jpeg = written(RGB, "JPEG", quality=95, subsampling=0)
        yield Example(f"RGB.{ending}", jpeg, COLOUR, tolerance=4)
    yield Example("L.jpg", written(L, "JPEG", quality=95), GREY, tolerance=3)
    inks = [channel.point(lambda level: 255 - level) for channel in RGB.split()]
    cmyk = Image.merge("CMYK", [*inks, Image.new("L", RGB.size)])
    yield Example("CMYK.tiff", written(cmyk, "TIFF"), COLOUR)
    yield Example("CMYK.jpg", written(cmyk, "JPEG", quality=100), COLOUR, tolerance=4)
    lab = ImageCms.applyTransform(
        RGB,
        ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
        ),
    )
    assert lab is not None
    # Eight bits are coarse there.
    yield Example("LAB.tif", written(lab, "TIFF"), COLOUR, tolerance=10)


def transparent_files() -> Iterator[Example]:
    """Drawings on nothing, whatever colours hide there."""
    for kind, ending in (("PNG", "png"), ("TIFF", "tif"), ("WEBP", "webp")):
        options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
        data = written(with_alpha(RGB), kind, **options)
        yield Example(f"RGBA.{ending}", data, on_white(COLOUR), (ON_WHITE,), tolerance=1)
        if kind != "WEBP":
            data = written(with_alpha(L), kind)
            yield Example(f"LA.{ending}", data, on_white(GREY), (ON_WHITE,), tolerance=1)
    opaque = RGB.convert("RGBA")
    yield Example("opaque.png", written(opaque, "PNG"), COLOUR)
    hole = quarters([[255, 0], [255, 255]])
    without = (on_white(COLOUR, Image.fromarray(hole)), (ON_WHITE,))
    yield Example("key.png", written(RGB, "PNG", transparency=QUARTERS[0][1]), *without)
    grey = on_white(GREY, Image.fromarray(hole))
    yield Example("key-L.png", written(L, "PNG", transparency=90), grey, (ON_WHITE,))
    palette = RGB.quantize(4)
    green = palette.getpixel((SIDE - 1, 0))
    assert isinstance(green, int)
    for kind, ending in (("PNG", "png"), ("GIF", "gif")):
        yield Example(f"key-P.{ending}", written(palette, kind, transparency=green), *without)
    alphas = bytes(0 if number == green else 255 for number in range(4))
    yield Example("alphas-P.png", written(palette, "PNG", transparency=alphas), *without)


def camera_files() -> Iterator[Example]:
    """Photographs that lie on their side, and files with more than one picture."""
    for number in range(1, 9):
        turn = TURNED_AS_STORED.get(number)
        stored = RGB if turn is None else RGB.transpose(turn)
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = number
        changes = (UPRIGHT,) if turn is not None else ()
        jpeg = written(stored, "JPEG", quality=95, subsampling=0, exif=exif)
        yield Example(f"turned-{number}.jpg", jpeg, COLOUR, changes, tolerance=4)
        yield Example(f"turned-{number}.png", written(stored, "PNG", exif=exif), COLOUR, changes)
        webp = written(stored, "WEBP", lossless=True, exif=exif)
        yield Example(f"turned-{number}.webp", webp, COLOUR, changes)
        tiff = written(stored, "TIFF", exif=exif)  # which Pillow turns by itself
        yield Example(f"turned-{number}.tif", tiff, COLOUR)
    clear = with_alpha(RGB).transpose(TURNED_AS_STORED[6])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = written(clear, "PNG", exif=exif)
    yield Example("turned-clear.png", data, on_white(COLOUR), (ON_WHITE, UPRIGHT), tolerance=1)
    for number in (0, 9):
        exif[ExifTags.Base.Orientation] = number
        yield Example(f"orientation-{number}.png", written(RGB, "PNG", exif=exif), COLOUR)
    small = RGB.resize((8, 8))
    options = {"quality": 95, "subsampling": 0}
    mpo = written(RGB, "MPO", save_all=True, append_images=[small], **options)
    yield Example("phone.jpg", mpo, COLOUR, (FIRST_PICTURE,), tolerance=4)
    yield Example("phone.mpo", mpo, COLOUR, (FIRST_PICTURE,), tolerance=4)


def profile_files() -> Iterator[Example]:
    """Colours in the terms of a profile."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield Example("srgb.png", written(RGB, "PNG", icc_profile=srgb), COLOUR)
    swapped = profile(b"RGB ", SRGB_COLORANTS[::-1], SRGB_CURVE)
    told = ("converted to sRGB from the profile made for tests",)
    for kind, ending in (("PNG", "png"), ("TIFF", "tif")):
        data = written(RGB, kind, icc_profile=swapped)
        yield Example(f"swapped.{ending}", data, COLOUR[..., ::-1], told, tolerance=2)
    data = written(RGB.quantize(4), "PNG", icc_profile=swapped)
    yield Example("swapped-P.png", data, COLOUR[..., ::-1], told, tolerance=2)
    data = written(with_alpha(RGB), "PNG", icc_profile=swapped)
    seen = on_white(COLOUR[..., ::-1])
    yield Example("swapped-clear.png", data, seen, (*told, ON_WHITE), tolerance=2)
    linear = profile(b"GRAY", [], [0, 65535])
    seen = np.rint(255 * encoded_srgb(GREY / 255)).astype(np.uint8)
    yield Example("linear.png", written(L, "PNG", icc_profile=linear), seen, told, tolerance=1)
    for name, image, icc in (("none", RGB, b"none"), ("grey", L, swapped), ("cut", RGB, srgb[:99])):
        data, seen = written(image, "PNG", icc_profile=icc), np.asarray(image)
        yield Example(f"profile-{name}.png", data, seen, (PROFILE_IGNORED,))
    gamma = written(RGB, "PNG")
    gamma = gamma[:33] + chunk(b"gAMA", struct.pack(">I", 100_000)) + gamma[33:]
    yield Example("gamma.png", gamma, COLOUR, (GAMMA_IGNORED,))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


SRGB_COLORANTS = [(0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139)]
"""Of red, green and blue at the white D50, from the profile of the standard."""


def encoded_srgb(linear: Any) -> Any:
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def decoded_srgb(level: Any) -> Any:
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


SRGB_CURVE = [round(65535 * float(decoded_srgb(level / 1023))) for level in range(1024)]


def profile(space: bytes, colorants: list[tuple[float, float, float]], curve: list[int]) -> bytes:
    """An ICC profile of version 2: a matrix of colorants, or nothing for grey, and a curve."""

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))

    text = b"made for tests\0"
    bend = b"curv\0\0\0\0" + struct.pack(f">I{len(curve)}H", len(curve), *curve)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0" + text,
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        **{b"%cXYZ" % c: xyz(v) for c, v in zip(b"rgb", colorants, strict=False)},
        **({b"%cTRC" % c: bend for c in b"rgb"} if colorants else {b"kTRC": bend}),
    }
    table, body, place = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = place + len(body)
    head = struct.pack(">I4s4s4s4s4s", size, b"test", b"\x02\x40\0\0", b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(24)
    head += bytes(4) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head[:128] + struct.pack(">I", len(tags)) + table + body


def refused_files() -> Iterator[tuple[str, bytes, str]]:
    """Files that no reader takes, and why."""
    frames = [Image.new("RGB", (SIDE, SIDE), colour) for colour in ("red", "blue")]
    more = {"save_all": True, "append_images": frames[1:]}
    for kind, ending in (("GIF", "gif"), ("WEBP", "webp"), ("PNG", "png")):
        data = written(frames[0], kind, **more)
        yield f"moving.{ending}", data, "animated: 2 frames, expected one"
    yield "pages.tif", written(frames[0], "TIFF", **more), "a document of 2 pages, expected one"
    for mode, kind in (("I;16", "PNG"), ("I;16", "TIFF"), ("I", "TIFF"), ("F", "TIFF")):
        deep = Image.new(mode, (SIDE, SIDE), 1000)
        bits = 16 if "16" in mode else 32
        yield f"{kind}-{mode}.{kind.lower()}", written(deep, kind), f"{bits}-bit: mode {mode}"
    jpeg = written(RGB, "JPEG", quality=100)
    yield "cut.jpg", jpeg[: len(jpeg) * 2 // 3], "truncated"
    yield "jpeg.heic", b"\0\0\0\x18ftypheic" + bytes(100), "pip install pillow-heif"
    yield "none.avif", b"\0\0\0\x18none" + bytes(100), "not an image"


def examples() -> list[Example]:
    """All files that can be read."""
    return [*plain_files(), *transparent_files(), *camera_files(), *profile_files()]
