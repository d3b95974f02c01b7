"""Items that are small enough to label and to fit in a moment, and a process that fits nothing."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from convergan.data import DataError
from convergan.labeling import project as project_module
from convergan.labeling.items import Card, Picture, Report
from convergan.labeling.labels_file import LabelsFile
from convergan.labeling.opening import hidden
from convergan.labeling.project import Given, Project, Settings
from convergan.labeling.refit import Event, Ready, Request
from convergan.labeling.store import Store

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ONE_BATCH = Settings()
ANN, BOB = "person-ann", "person-bob"


@dataclass
class Digits:
    """Scikit-learn's digits as pictures."""

    names: list[str]
    labels: list[str | None]
    truth: dict[str, str]
    pixels: Any
    broken: frozenset[int] = frozenset()
    title: str = "digits"
    noun: tuple[str, str] = ("digit", "digits")
    key: str = "file"
    pictures: bool = True
    alike: bool = False
    notices: list[str] = field(default_factory=list)
    next_step: str = "convergan fit digits --out model"
    filled: str = ""

    def rows(self, report: Report) -> Any:
        report(len(self.names), len(self.names))
        rows = self.pixels.reshape(len(self.pixels), -1) / 16
        rows[sorted(self.broken)] = np.nan
        return rows

    def card(self, number: int, side: int) -> Card:
        if number in self.broken:
            raise DataError(f"{self.names[number]} cannot be shown: truncated")
        buffer = io.BytesIO()
        Image.fromarray((255 - self.pixels[number] * 15.9).astype(np.uint8)).save(buffer, "PNG")
        return Picture(buffer.getvalue(), "image/png")

    def fill(self, labels: Mapping[str, str]) -> bytes:
        return b""


def digits(count: int = 60, classes: int = 3, broken: frozenset[int] = frozenset()) -> Digits:
    pixels, labels = load_digits(n_class=classes, return_X_y=True)
    names = [f"{number:03d}.png" for number in range(count)]
    truth = {name: WORDS[label] for name, label in zip(names, labels, strict=False)}
    none: list[str | None] = [None] * count
    return Digits(names, none, truth, pixels[:count].reshape(-1, 8, 8), broken)


class StillRefitter:
    """In the place of the process: keeps what it is asked, and says what a test tells it to."""

    def __init__(self, items: Any, count: int, seed: int, heard: Callable[[Event], None]) -> None:
        self.heard = heard
        self.asked: list[Request] = []
        self.is_ready = self.is_busy = False

    def start(self) -> None:
        self.heard(Ready([]))

    def ask(self, request: Request) -> None:
        self.asked.append(request)

    def close(self) -> None:
        pass


@contextmanager
def opened(
    file: Path, items: Any = None, settings: Settings = ONE_BATCH, start: bool = True
) -> Iterator[Project]:
    """A project of a labels file; `StillRefitter` is in it where a test has put it there."""
    items = digits() if items is None else items
    store = Store(hidden(file, ".sqlite3"))
    project = Project(items, store, LabelsFile(file, items.names, items.key), settings)
    if start:
        project.start()
    try:
        yield project
    finally:
        project.close()
        store.close()


def put_still_refitter(patch: Any) -> None:
    patch.setattr(project_module, "Refitter", StillRefitter)


_count = iter(range(10**9))


def request() -> str:
    return f"request-{next(_count):06d}"


def give(
    project: Project, item: str, label: str | None, person: str = ANN, kind: str = "label"
) -> str:
    """Answer an item; a class that is not there is added. Return the request."""
    if label is not None:
        project.add_class(label, alike=True)
    made = request()
    project.answer(Given(made, person, item, kind, label))
    return made
