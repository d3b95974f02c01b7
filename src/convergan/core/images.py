"""One image file to the pixels that a viewer shows: for training, scores, scans and studies.

Grey and black-and-white images become grey, all others RGB in 8 bits. Before that

* a photograph is turned upright, as its EXIF orientation says;
* colours and greys of another ICC profile, such as Display P3 or CMYK, become those of sRGB;
* what is transparent is shown on white;
* of the several pictures that cameras put into one file (MPO, HEIF, thumbnails in TIFF) the first
  is taken; animations and documents of several pages are refused.

`Decoded.changes` says which of these an image needed.
"""

import hashlib
import io
import re
import zlib
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import (
    ExifTags,
    Image,
    ImageChops,
    ImageCms,
    ImageFile,
    ImageOps,
    TiffImagePlugin,
    UnidentifiedImageError,
)

IMAGE_SUFFIXES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .mpo .bmp .dib .gif .webp .tif .tiff .ppm .pgm .pbm .pnm "
    ".avif .heic .heif .jp2".split()
)
MOST_PIXELS = 2**26
"""Of one image; a small file may claim to have any number."""
PNG = b"\x89PNG\r\n\x1a\n"
"""The first bytes of a PNG file."""
NETPBM_HEADER = re.compile(rb"P[2356](?:(?:\s|#[^\n]*\n)+(\d+)){3}\s")
"""Of PGM and PPM files: width, height, and the largest level, which is the group's last match."""
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
AVIF_BRANDS = {b"avif", b"avis"}
SRGB_TOLERANCE = 2
"""Levels by which a profile may differ from sRGB and be taken for it, so that pixels stay."""
SRGB_GAMMA = 1 / 2.2
"""As a PNG file says it."""

UPRIGHT = "turned upright, as their EXIF orientation says"
ON_WHITE = "transparent in parts, which are shown on white"
FIRST_PICTURE = "the first of several pictures in their files"
EXIF_IGNORED = "taken as they are stored, as their EXIF cannot be read"
PROFILE_IGNORED = "taken as sRGB, as their colour profile cannot be used"
GAMMA_IGNORED = "taken as sRGB, though their PNG gamma is another"

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What sets an image of each EXIF orientation upright; `ImageOps.exif_transpose` also rewrites the
other EXIF fields, and fails where one of them is damaged."""
_SIDEWAYS = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}
"""What swaps width and height."""


class Decoded(NamedTuple):
    """One image.

    Attributes:
        pixels: (H, W) grey or (H, W, 3), uint8.
        sha256: of the file's bytes.
        size: width and height as a viewer shows it, before it is cut to a square.
        mode: of the file, as Pillow calls it.
        changes: what was done to show it as viewers do, to follow "images are"; nothing of an
            image that is plain.
    """

    pixels: np.ndarray[Any, Any]
    sha256: bytes
    size: tuple[int, int]
    mode: str
    changes: tuple[str, ...] = ()

    @property
    def scaled(self) -> bool:
        """Whether it was of another size."""
        height, width = self.pixels.shape[:2]
        return (width, height) != self.size


def decode(
    data: bytes,
    side: int | None,
    *,
    formats: tuple[str, ...] | None = None,
    most_pixels: int = MOST_PIXELS,
    least_side: int | None = None,
) -> Decoded:
    """Decode one image file completely; cut it to a square of ``side`` if it is none.

    Args:
        data: bytes of the file.
        side: of the square; None to leave the image as it is.
        formats: that are tried, as Pillow calls them; None for all.
        most_pixels: that the image may have.
        least_side: JPEG files may be decoded at a half, a quarter or an eighth of their size, as
            long as both sides have so many pixels, which takes a fraction of the time; None for
            their own size.

    Raises:
        ValueError: if it has more than 8 bits a channel, several frames or pages, too many pixels,
            or needs a decoder that is not installed.
        Exception: of half a dozen kinds that Pillow raises for damaged files.
    """
    if not data:
        raise ValueError("zero bytes")
    if data.startswith(PNG):
        _require_whole_png(data)
    with _open(data, formats) as image:
        if image.width * image.height > most_pixels:
            raise ValueError(
                f"decompression bomb: {image.width}x{image.height}, "
                f"expected at most {most_pixels} pixels"
            )
        changes = [FIRST_PICTURE] if _has_more_pictures(image) else []
        _require_8_bits(image, data)
        mode, (width, height) = image.mode, image.size
        drafted = least_side is not None and image.draft(image.mode, (least_side, least_side))
        turn = _turn(image, changes)
        seen = _flatten(image, changes)
    if turn is not None:
        seen = seen.transpose(turn)
        changes.append(UPRIGHT)
    size = seen.size
    if drafted:
        size = (height, width) if turn in _SIDEWAYS else (width, height)
    if side is not None:
        seen = ImageOps.fit(seen, (side, side), Image.Resampling.BILINEAR)
    sha256 = hashlib.sha256(data).digest()
    return Decoded(np.asarray(seen), sha256, size, mode, tuple(changes))


def why_not(error: Exception) -> str:
    """Return why an image cannot be read, in one line."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _open(data: bytes, formats: tuple[str, ...] | None) -> ImageFile.ImageFile:
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if formats is None and brand in HEIC_BRANDS:
        _install_heif()
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        if formats is None and brand in AVIF_BRANDS:
            raise ValueError(
                "AVIF, which this Pillow cannot decode: pip install --upgrade pillow, or save it "
                "as PNG"
            ) from None
        raise


@lru_cache
def _install_heif() -> None:
    """Teach Pillow HEIF, if the package for it is there.

    Raises:
        ValueError: if it is not.
    """
    try:
        from pillow_heif import register_heif_opener
    except ModuleNotFoundError:
        raise ValueError(
            "HEIC, which Pillow cannot decode by itself: pip install pillow-heif, or save it as "
            "JPEG"
        ) from None
    register_heif_opener()


def _require_whole_png(data: bytes) -> None:
    """See that all parts of a PNG file are there and as written, which its decoder does not."""
    place, kind = len(PNG), b""
    while kind != b"IEND":
        end = place + 8 + int.from_bytes(data[place : place + 4])
        if len(data) < end + 4:
            raise ValueError("truncated")
        kind = data[place + 4 : place + 8]
        if zlib.crc32(data[place + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise ValueError(f"its part {kind.decode('latin-1')} is damaged")
        place = end + 4


def _has_more_pictures(image: ImageFile.ImageFile) -> bool:
    """Whether pictures follow that viewers do not show; refuse those that they show in turn."""
    frames = getattr(image, "n_frames", 1)  # which only some formats know of
    if frames == 1:
        return False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        pages = 1 + sum(not _is_thumbnail(image, page) for page in range(1, frames))
        image.seek(0)
        if pages > 1:
            raise ValueError(f"a document of {pages} pages, expected one")
    elif image.format not in ("MPO", "HEIF"):
        raise ValueError(f"animated: {frames} frames, expected one")
    return True


def _is_thumbnail(image: TiffImagePlugin.TiffImageFile, page: int) -> bool:
    image.seek(page)
    reduced = 1  # a bit of the tag NewSubfileType, 254
    return bool(image.tag_v2.get(254, 0) & reduced)


def _require_8_bits(image: ImageFile.ImageFile, data: bytes) -> None:
    layouts = (str(tile[3]) for tile in image.tile)  # which also hold widths and places
    deep = "16" in image.mode or any(re.search(";16[BLN]", layout) for layout in layouts)
    if named := NETPBM_HEADER.match(data):  # whose deeper colours Pillow cuts to 8 bits
        deep |= int(named[1]) > 255
    if deep or image.mode.startswith(("I", "F")):
        bits = 16 if deep else 32
        raise ValueError(f"{bits}-bit: mode {image.mode}, expected 8 bits a channel")


def _turn(image: ImageFile.ImageFile, changes: list[str]) -> Image.Transpose | None:
    """Return what sets an image upright, if it is not."""
    image.load()  # some formats turn images by themselves, and take the orientation away
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # of many kinds for damaged EXIF, which viewers pass over
        changes.append(EXIF_IGNORED)
        return None


def _flatten(image: Image.Image, changes: list[str]) -> Image.Image:
    """Return what a viewer shows of an image on white, as L or RGB."""
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    image.info.pop("transparency", None)  # Pillow warns of dropping a palette's
    opaque = _as_srgb(image, changes)
    if alpha is None or alpha.getextrema() == (255, 255):
        return opaque
    changes.append(ON_WHITE)
    return Image.composite(opaque, Image.new(opaque.mode, opaque.size, "white"), alpha)


def _as_srgb(image: Image.Image, changes: list[str]) -> Image.Image:
    """Return an image without its transparency, as L or RGB."""
    plain = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
    profile = image.info.get("icc_profile")
    if not profile or image.mode == "LAB":  # which says what its numbers mean by itself
        gamma = image.info.get("gamma", SRGB_GAMMA)
        if "srgb" not in image.info and abs(gamma - SRGB_GAMMA) > 0.01:
            changes.append(GAMMA_IGNORED)
        return plain
    coloured = image if image.mode == "CMYK" else plain
    try:
        found = _find_profile(profile, coloured.mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        changes.append(PROFILE_IGNORED)
        return plain
    if found is None:
        return plain
    name, transform = found
    changes.append(f"converted to sRGB from the profile {name}")
    converted = transform.apply(coloured)
    return converted.getchannel("G") if plain.mode == "L" else converted


@lru_cache(maxsize=64)
def _find_profile(data: bytes, mode: str) -> tuple[str, ImageCms.ImageCmsTransform] | None:
    """Return a profile's name and its transform to sRGB; None if it is sRGB.

    Args:
        data: the profile.
        mode: of the image, L, RGB or CMYK.

    Raises:
        ValueError: if it is of images of another mode.
        Exception: if it is damaged, one of two.
    """
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    space = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}[mode]
    if profile.profile.xcolor_space.strip() != space:
        raise ValueError(f"a profile of {profile.profile.xcolor_space}")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    transform = ImageCms.ImageCmsTransform(profile, srgb, mode, "RGB")
    if mode != "CMYK":
        levels = _levels(mode)
        differences = ImageChops.difference(levels.convert("RGB"), transform.apply(levels))
        if np.asarray(differences).max() <= SRGB_TOLERANCE:
            return None
    name = " ".join(ImageCms.getProfileDescription(profile).split())
    return name, transform


def _levels(mode: str) -> Image.Image:
    """Return an image of all greys, or of colours from a regular grid."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    grid = np.stack(np.meshgrid(*[np.arange(0, 256, 17)] * 3, indexing="ij"), axis=-1)
    return Image.fromarray(grid.reshape(1, -1, 3).astype(np.uint8))
