"""The command as a process of its own, on photographs of digits."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from convergan.web.server import listen

WORDS = ("zero", "one", "two")


def digit_of(name: str) -> str:
    """Return the word for a photograph of `make_photos`."""
    _, labels = load_digits(n_class=3, return_X_y=True)
    return WORDS[labels[int(name.removesuffix(".png"))]]


def make_photos(folder: Path, count: int = 60) -> None:
    folder.mkdir()
    pixels, _ = load_digits(n_class=3, return_X_y=True)
    for number in range(count):
        image = Image.fromarray((pixels[number].reshape(8, 8) * 15.9).astype(np.uint8))
        image.resize((64, 64)).save(folder / f"{number:03d}.png")


@contextmanager
def command(folder: Path, port: int) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the command; yield the process and the address of the page."""
    words = ["label", str(folder), "--no-browser", "--extractor", "pixels@16"]
    process = subprocess.Popen(
        [sys.executable, "-m", "convergan", *words, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"http://\S+", line):
                yield process, found.group()
                break
        else:
            raise AssertionError("the server did not start")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def free_port() -> int:
    with listen("127.0.0.1", 0) as free:
        return int(free.getsockname()[1])
