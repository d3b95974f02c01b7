"""What a command says where it refuses, and images to be refused."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

Refusal = tuple[int, str]
Ask = Callable[..., Refusal]


def the_one_line(stderr: str) -> str:
    """Return the message; see that it is one line, the last, and that nothing else explains."""
    assert "Traceback" not in stderr
    assert stderr.startswith("convergan: ")
    assert stderr.count("\n") == 1
    return stderr.rstrip("\n")


def picture(path: str, size: tuple[int, int] = (8, 8)) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path)
    return Path(path)
