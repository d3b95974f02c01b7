"""Small photographs for tests."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (40, 30), mode: str = "RGB") -> Image.Image:
    """A smooth picture, so that compression changes little of it."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=form)
    return buffer.getvalue()


def write(file: Path, image: Image.Image) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)
    return file


def shapes(folder: Path, *, labeled: int, unlabeled: int, seed: int = 0) -> None:
    """Write dark and light pictures: labeled/<class>/* and unlabeled/*."""
    chance = np.random.default_rng(seed)
    for name, low in (("dark", 0), ("light", 150)):
        for number in range(labeled + unlabeled):
            size = tuple(chance.integers(12, 40, 2).tolist())
            level = int(chance.integers(low, low + 100))
            noise = chance.integers(-20, 20, (size[1], size[0], 3))
            pixels = np.clip(level + noise, 0, 255).astype(np.uint8)
            place = f"labeled/{name}" if number < labeled else "unlabeled"
            write(folder / place / f"{name}-{number}.png", Image.fromarray(pixels))
