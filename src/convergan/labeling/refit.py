"""A process of its own that fits the classifier, so that labelling never waits for it.

It reads the items, says which to label first, and then fits whenever it is asked to; of several
requests the newest wins. A fit that fails is told and not fatal; a process that is lost, for
example for want of memory, is started again by the next request.
"""

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from .choice import choose_first, choose_next
from .items import Items

Array = np.ndarray[Any, Any]

LOST = "the process that fits was lost; it starts again with the next labels"


class Request(NamedTuple):
    """What a classifier is to be fitted to.

    Attributes:
        labels: class of each labelled item, by number.
        excluded: items that are not to be asked.
        ranks: how many items to rank.
        seed: of the fit.
    """

    labels: dict[int, str]
    excluded: frozenset[int]
    ranks: int
    seed: int


class Fitted(NamedTuple):
    """What a classifier says.

    Attributes:
        request: that it was fitted to.
        classes: their names.
        codes: (n,) the most probable class of each item, as its position in ``classes``.
        confidence: (n,) its probability.
        held_out: what is predicted of labelled items while their label is held out, by number;
            None where the class has no other label.
        ranked: items to ask next.
        notices: warnings of the classifier.
        seconds: that the fit took.
    """

    request: Request
    classes: tuple[str, ...]
    codes: Array
    confidence: Array
    held_out: dict[int, str | None]
    ranked: list[int]
    notices: list[str]
    seconds: float


class Ready(NamedTuple):
    """The items are read.

    Attributes:
        first: those to ask before there is a classifier.
        unreadable: those of which nothing is known, which are never asked.
    """

    first: list[int]
    unreadable: frozenset[int] = frozenset()


class Reading(NamedTuple):
    """How far the items are read.

    Attributes:
        done: items.
        total: of how many.
    """

    done: int
    total: int


class Failed(NamedTuple):
    """Something that did not work.

    Attributes:
        text: why, in one line.
    """

    text: str


Event = Ready | Reading | Fitted | Failed


def fit(rows: Any, request: Request, *, alike: bool = False) -> Fitted:
    """Fit the classifier of `convergan.estimator` to rows and rank what to ask next.

    Args:
        rows: (n, A) of numbers, or a frame.
        request: labels of at least two classes.
        alike: whether all columns are of one kind and unit.
    """
    from ..estimator import SemiSupervisedGANClassifier

    started = time.monotonic()
    y = np.full(len(rows), "", dtype=object)
    for number, label in request.labels.items():
        y[number] = label
    model = SemiSupervisedGANClassifier(
        unlabeled_label="", alike_columns=alike, random_state=request.seed
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        model.fit(rows, y)
    probabilities = model.predict_proba(rows)
    labeled = sorted(request.labels)
    held_out: dict[int, str | None] = dict.fromkeys(labeled)
    predicted = model.classes_[model.held_out_.probabilities.argmax(axis=1)]
    held_out |= dict(zip(model.held_out_.rows.tolist(), map(str, predicted), strict=True))
    ranked = choose_next(
        probabilities, model.features(rows), request.ranks, labeled, request.excluded
    )
    return Fitted(
        request,
        tuple(map(str, model.classes_)),
        probabilities.argmax(axis=1),
        probabilities.max(axis=1),
        held_out,
        ranked,
        [str(warning.message) for warning in caught],
        time.monotonic() - started,
    )


def first_items(
    rows: Any, count: int, seed: int, excluded: frozenset[int] = frozenset()
) -> list[int]:
    """Return the items to ask before there is a classifier.

    Args:
        rows: (n, A) of numbers, a frame, or images (n, C, H, W).
        count: how many.
        seed: of what is drawn.
        excluded: items that are not to be asked.
    """
    from ..estimator.frames import learn_categories
    from ..estimator.preprocessing import as_image_shape, fit_preprocessor, flatten_images

    shape = as_image_shape(rows.shape[1:]) if rows.ndim == 4 else None
    coded = learn_categories(flatten_images(rows, shape))
    values = np.asarray(coded.rows, dtype=np.float64)
    _, scaled = fit_preprocessor(values, shape, coded.categories)
    return choose_first(scaled, count, seed, excluded)


def unreadable_items(rows: Any) -> frozenset[int]:
    """Return the rows of an array that hold no number at all."""
    if not isinstance(rows, np.ndarray) or rows.dtype.kind != "f":
        return frozenset()
    empty = np.isnan(rows.reshape(len(rows), -1)).all(axis=1)
    return frozenset(np.flatnonzero(empty).tolist())


def work(items: Items, count: int, seed: int, pipe: Connection) -> None:
    """Read the items, then answer requests until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a terminal sends to this process as well
    if hasattr(os, "nice"):
        os.nice(5)
    try:
        _work(items, count, seed, pipe)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _work(items: Items, count: int, seed: int, pipe: Connection) -> None:
    try:
        rows = items.rows(lambda done, total: pipe.send(Reading(done, total)))
        unreadable = unreadable_items(rows)
        pipe.send(Ready(first_items(rows, count, seed, unreadable), unreadable))
    except (OSError, ValueError) as error:
        pipe.send(Failed(f"the classifier cannot learn from these: {_line(error)}"))
        return
    while True:
        request: Request = pipe.recv()
        try:
            pipe.send(fit(rows, request, alike=items.alike))
        except Exception as error:  # whatever it is, labels can still be given
            pipe.send(Failed(f"the last fit failed: {_line(error)}"))


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@dataclass
class Refitter:
    """Sends requests to the process, one at a time, and hears what comes back.

    Args:
        items: to read.
        count: how many items to choose at first.
        seed: of all that is drawn.
        heard: is called with every event, from a thread.
    """

    items: Items
    count: int
    seed: int
    heard: Callable[[Event], None]
    is_ready: bool = field(default=False, init=False)
    is_busy: bool = field(default=False, init=False)
    _waiting: Request | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="refit", daemon=True)
        self._process: Any = None

    def start(self) -> None:
        """Start the process; return at once."""
        self._thread.start()

    def ask(self, request: Request) -> None:
        """Fit to newer labels as soon as the process is free; an older request is dropped."""
        with self._changed:
            self._waiting = request
            self._changed.notify_all()

    def close(self) -> None:
        """End the process, whatever it does."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            if self._process is not None:
                self._process.kill()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        while not self._closed:
            ours, theirs = multiprocessing.Pipe()
            process = multiprocessing.get_context("spawn").Process(
                target=work, args=(self.items, self.count, self.seed, theirs), daemon=True
            )
            with self._changed:
                if self._closed:
                    return
                process.start()
                self._process = process
            theirs.close()
            try:
                self._serve(ours)
            except (EOFError, OSError):
                pass
            finally:
                ours.close()
                process.kill()
                process.join()
                self.is_ready = self.is_busy = False
            if not self._closed:
                self.heard(Failed(LOST))
                self._next()

    def _serve(self, pipe: Connection) -> None:
        while not self.is_ready:
            event: Event = pipe.recv()
            self.is_ready = isinstance(event, Ready)
            self._closed |= isinstance(event, Failed)  # it would fail again
            self.heard(event)
            if self._closed:
                return
        while (request := self._next()) is not None:
            pipe.send(request)
            with self._changed:
                self._waiting = None if self._waiting is request else self._waiting
            self.is_busy = True
            event = pipe.recv()
            self.is_busy = False
            self.heard(event)

    def _next(self) -> Request | None:
        """Return the newest request once there is one, and leave it there; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting is not None)
            return None if self._closed else self._waiting


def predictions_of(fitted: Fitted, names: Mapping[int, str]) -> dict[str, str | None]:
    """Return what was predicted of some items, by name, without their own labels."""
    return {
        name: fitted.held_out[number]
        if number in fitted.held_out
        else fitted.classes[fitted.codes[number]]
        for number, name in names.items()
    }
