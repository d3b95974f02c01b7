"""Import of images into a study: untrusted files to pixels, pixels to files that hide the class.

A child process with little memory decodes the files, so a file that unpacks to far more than its
size cannot harm the caller. It accepts PNG and JPEG alone, whatever a file is called, and decodes
them as training does: `convergan.core.images`.

One function then writes every image, real or generated: same mode, same size, WebP without loss and
without metadata. Compressed files differ in length, so `pad` makes all of a study as long as the
longest.
"""

import contextlib
import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ...core.image_folders import ImageFolder, read_file
from ...core.images import decode, why_not
from ..errors import StudyError

Pixels = NDArray[np.uint8]  # (N, H, W) grey or (N, H, W, 3)

MAX_FILES = 20_000
MAX_FILE_BYTES = 32 * 2**20
"""Of one file."""
MAX_PIXELS = 2048 * 2048
"""Of one image."""
MAX_MEMORY = 3 * 2**30
"""Address space of the child process, with the interpreter's own."""
MAX_UNPACKED = 2**30
"""Bytes of an archive's arrays."""
IMAGE_SUFFIXES = (".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
FORMATS = ("PNG", "JPEG")
"""What files may be, whatever they are called; a JPEG file may hold more pictures (MPO)."""
UNLIKE = "neither PNG nor JPEG"
FOLLOW_LINKS = "follow links"
"""Argument of the child process."""
WEBP_METHOD, WEBP_QUALITY = 1, 0
"""Effort of the compression: more takes several times as long for a few percent."""
SCRAMBLED_CELLS = 64
"""Most cells of a scrambled image along a side: noise of single pixels cannot be compressed, and
all files of a study are as long as the longest."""


@dataclass(frozen=True)
class Source:
    """Images of one kind.

    Attributes:
        name: what the owner calls them.
        pixels: (N, H, W) grey or (N, H, W, 3), uint8.
        labels: what each is called in messages.
        notes: what was passed over in the folder that they come from.
    """

    name: str
    pixels: Pixels
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def were_jpeg(self) -> bool:
        """Whether most images were JPEG files, whose artefacts stay in the pixels.

        Example:
            >>> pixels = np.zeros((2, 8, 8), np.uint8)
            >>> Source("photos", pixels, ("a.JPG", "b.jpeg")).were_jpeg
            True
        """
        names = [label.lower() for label in self.labels]
        return 2 * sum(name.endswith((".jpg", ".jpeg")) for name in names) > len(names)


def jpeg_caution(sources: Sequence[Source]) -> str | None:
    """Return a warning where only some sources were JPEG files, else None."""
    if {source.were_jpeg for source in sources} != {False, True}:
        return None
    return (
        "caution: some sources were JPEG files and others not; the artefacts of JPEG can be seen "
        "in the pixels and tell them apart"
    )


def read_source(path: Path, *, follow_links: bool = False) -> Source:
    """Read a folder of PNG and JPEG files, or an ``.npz`` archive with ``samples`` or ``images``.

    Args:
        path: the folder, whose subfolders are read, too, or the archive.
        follow_links: follow links out of the folder.

    Raises:
        StudyError: if it does not exist, or holds anything but plain images; the message names it.
    """
    with tempfile.TemporaryDirectory(prefix="convergan-import-") as scratch:
        result = Path(scratch) / "pixels.npy"
        code = f"from {__name__} import child; child()"
        arguments = [str(path), str(result), str(MAX_MEMORY), FOLLOW_LINKS * follow_links]
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=_environment())
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise StudyError(
                f"{path} cannot be read within {MAX_MEMORY // 2**20:,} MiB of memory"
            ) from None
        if "error" in answer:
            raise StudyError(answer["error"])
        pixels = np.load(result, allow_pickle=False)
    return Source(path.name, pixels, tuple(answer["labels"]), tuple(answer["notes"]))


def source_from_array(name: str, array: NDArray[Any]) -> Source:
    """Take images from an array.

    Args:
        name: what the owner calls them.
        array: (N, C, H, W), (N, H, W, C) or (N, H, W), C = 1 or 3; uint8, or floating point in
            [0, 1].

    Raises:
        StudyError: if the array is not one of these.

    Example:
        >>> source_from_array("zeros", np.zeros((5, 1, 8, 8))).pixels.shape
        (5, 8, 8)
    """
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[-1] not in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[-1] != 3) or not len(array):
        raise StudyError(f"{name} must hold images (N, C, H, W) with C 1 or 3, got {array.shape}")
    if array.dtype != np.uint8:
        if not np.issubdtype(array.dtype, np.floating):
            raise StudyError(f"{name} must be uint8 or floating point, got {array.dtype}")
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise StudyError(f"{name} must lie in [0, 1], got values outside")
        array = np.rint(array * 255).astype(np.uint8)
    if array.shape[1] * array.shape[2] > MAX_PIXELS:
        raise StudyError(f"{name} has images of more than {MAX_PIXELS:,} pixels")
    labels = tuple(f"{name}[{place}]" for place in range(len(array)))
    return Source(name, _without_colour(np.ascontiguousarray(array)), labels)


def check_sources(real: Source, generated: Sequence[Source]) -> None:
    """Check that nothing but the pixels distinguishes real from generated images.

    Args:
        real: real images.
        generated: those of each model.

    Raises:
        StudyError: if they differ in size or in having colour, two models have
            one name, or a generated image is a real one to the pixel.
    """
    names = [source.name for source in generated]
    if len(set(names)) < len(names):
        raise StudyError(f"models must have different names, got {', '.join(names)}")
    for source in generated:
        if source.pixels.shape[1:3] != real.pixels.shape[1:3]:
            raise StudyError(f"{real.name} has {_size(real)} images, {source.name} {_size(source)}")
        if source.pixels.ndim != real.pixels.ndim:
            kinds = ["grey" if s.pixels.ndim == 3 else "colour" for s in (real, source)]
            raise StudyError(f"{real.name} is {kinds[0]}, {source.name} is {kinds[1]}")
    known = dict(zip(map(_digest, real.pixels), real.labels, strict=True))
    pairs = [
        f"{label} of {source.name} is {known[digest]} of {real.name}"
        for source in generated
        for digest, label in zip(map(_digest, source.pixels), source.labels, strict=True)
        if digest in known
    ]
    if pairs:
        raise StudyError(
            f"{len(pairs):,} generated images are real ones to the pixel: {', '.join(pairs[:3])}"
        )


def scramble(pixels: Pixels, seed: int) -> Pixels:
    """Shuffle the pixels within each image, so that nobody can take it for a real one.

    Of images with more than `SCRAMBLED_CELLS` pixels along a side, some pixels are enlarged to
    cells.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    height, width = pixels.shape[1:3]
    cell = -(-max(height, width) // SCRAMBLED_CELLS)
    coarse = pixels[:, ::cell, ::cell]
    flat = coarse.reshape(len(pixels), -1, *pixels.shape[3:])
    mixed = np.stack([image[rng.permutation(len(image))] for image in flat]).reshape(coarse.shape)
    cells = mixed.repeat(cell, axis=1).repeat(cell, axis=2)
    return np.ascontiguousarray(cells[:, :height, :width])


def encode(image: Pixels) -> bytes:
    """Write one image (H, W) or (H, W, 3) as WebP, which keeps every pixel.

    Example:
        >>> file = encode(np.zeros((8, 8), np.uint8))
        >>> file[:4] + file[8:16]
        b'RIFFWEBPVP8L'
    """
    buffer = io.BytesIO()
    picture = Image.fromarray(image)
    picture.save(buffer, format="WEBP", lossless=True, method=WEBP_METHOD, quality=WEBP_QUALITY)
    return buffer.getvalue()


def pad(file: bytes, length: int) -> bytes:
    """Return a file of `encode` with zeros behind the pixels, inside their chunk.

    Readers stop at the last pixel, so the picture is the same; that there is padding cannot be seen
    from the outside of the chunk.

    Args:
        file: to make longer.
        length: in bytes, even, and not below the file's own.

    Example:
        >>> black, noise = np.zeros((8, 8), np.uint8), np.arange(64, dtype=np.uint8).reshape(8, 8)
        >>> len(pad(encode(black), 500)) == len(pad(encode(noise), 500)) == 500
        True
    """
    head = b"RIFF" + struct.pack("<I", length - 8) + b"WEBPVP8L" + struct.pack("<I", length - 20)
    return head + file[20:].ljust(length - 20, b"\0")


def storable(name: str) -> str:
    r"""Return a file's name as text that every database takes: bytes that are no UTF-8 as ``\xff``.

    Example:
        >>> storable("caf\udce9.png")
        'caf\\udce9.png'
    """
    return name.encode(errors="backslashreplace").decode().replace("\0", "")


def child() -> None:
    """Read the source that the command line names, write its pixels, print labels or an error."""
    source, result, memory = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    follow_links = sys.argv[4] == FOLLOW_LINKS
    _limit_memory(memory)
    try:
        archive = source.suffix == ".npz"
        found = _read_archive(source) if archive else _read_folder(source, follow_links)
        np.save(result, found.pixels, allow_pickle=False)
        print(json.dumps({"labels": found.labels, "notes": found.notes}))
    except StudyError as error:
        print(json.dumps({"error": " ".join(str(error).split())}))
    except OSError as error:
        print(json.dumps({"error": f"{source} cannot be read: {error.strerror or error}"}))


def _limit_memory(memory: int) -> None:
    """Limit the address space of this process, where the system can; Linux does."""
    if sys.platform != "win32":
        with contextlib.suppress(ImportError, ValueError, OSError):
            import resource

            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _environment() -> dict[str, str]:
    """Return the environment of the child: one thread, as each takes address space."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def _read_folder(folder: Path, follow_links: bool) -> Source:
    if not folder.is_dir():
        raise StudyError(f"there is no folder {folder}")
    reader = ImageFolder(
        folder, follow_links=follow_links, suffixes=IMAGE_SUFFIXES, unlike=(UNLIKE, UNLIKE)
    )
    try:
        files = reader.images(folder)
    except ValueError as error:
        raise StudyError(str(error)) from None
    if not files:
        raise StudyError("; ".join([f"{folder} has no PNG or JPEG files", *reader.notes()]))
    if len(files) > MAX_FILES:
        raise StudyError(f"{folder} has {len(files):,} images, at most {MAX_FILES:,} can be taken")
    images: list[Pixels] = []
    for file in files:
        images.append(_decode(folder, file, follow_links))
        if images[-1].shape[:2] != images[0].shape[:2]:
            first, other = (f"{i.shape[1]}x{i.shape[0]}" for i in (images[0], images[-1]))
            raise StudyError(f"images must be of one size: {files[0]} is {first}, {file} {other}")
    labels = tuple(file.relative_to(folder).as_posix() for file in files)
    pixels = _without_colour(np.stack(images))
    return Source(folder.name, pixels, labels, tuple(reader.notes()))


def _decode(folder: Path, file: Path, follow_links: bool) -> Pixels:
    """Return (H, W, 3), as a viewer shows the file."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit comes first, and as an error
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise StudyError(f"{file} has more than {MAX_FILE_BYTES // 2**20} MiB")
        data = read_file(folder, file, follow_links=follow_links)
        pixels = decode(data, None, formats=FORMATS, most_pixels=MAX_PIXELS).pixels
    except StudyError:
        raise
    except UnidentifiedImageError:
        raise StudyError(f"{file} is not a PNG or JPEG image, whatever its name says") from None
    except MemoryError:
        raise StudyError(f"{file} takes too much memory") from None
    except Exception as error:  # Pillow raises half a dozen kinds for damaged files
        raise StudyError(f"{file} cannot be taken: {why_not(error)}") from None
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _read_archive(file: Path) -> Source:
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_UNPACKED:
            raise StudyError(f"{file} has {size // 2**20:,} MiB of arrays, too many")
        with np.load(file, allow_pickle=False) as arrays:
            names = [name for name in ("samples", "images") if name in arrays.files]
            if not names:
                raise StudyError(f"{file} has neither an array samples nor images")
            array = arrays[names[0]]
    except FileNotFoundError:
        raise StudyError(f"there is no file {file}") from None
    except StudyError:
        raise
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError, MemoryError) as error:
        raise StudyError(f"{file} is not an npz archive without pickles: {error}") from None
    return source_from_array(file.name, array)


def _without_colour(pixels: Pixels) -> Pixels:
    """Drop the colour channels where they are equal in every image."""
    if pixels.ndim == 3:
        return pixels
    grey = pixels[..., :1]
    return np.ascontiguousarray(pixels[..., 0]) if (pixels == grey).all() else pixels


def _digest(image: Pixels) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).data).digest()


def _size(source: Source) -> str:
    return f"{source.pixels.shape[2]}x{source.pixels.shape[1]}"
