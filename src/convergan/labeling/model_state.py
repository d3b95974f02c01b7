"""What is known of the classifier: its last fit, what it is sure of, and how its error fell."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from . import progress
from .refit import Event, Failed, Fitted, Reading, Ready, predictions_of
from .store import LABEL, Answer, Refit, Store

AHEAD = 300
"""Items after the sample whose predictions a refit keeps, as they may be drawn later."""


class ModelState:
    """Takes what the process that fits says; whoever calls it holds a lock.

    Args:
        store: keeps what each refit predicted.
        names: of all items.
        seed: of the forecast.

    Attributes:
        ranked: items to ask next, the best first.
        fitted: the last fit, or None.
    """

    def __init__(self, store: Store, names: Sequence[str], seed: int) -> None:
        self._store, self._names, self._seed = store, names, seed
        self.ranked: list[int] = []
        self.fitted: Fitted | None = None
        self._stage: dict[str, Any] = {"stage": "reading", "done": 0, "total": len(names)}
        self._problem = ""
        self._refits = store.refits()
        self._sure: dict[str, list[int]] = {}
        self._measured: tuple[Any, progress.Progress] | None = None

    def take(self, event: Event, upcoming: Sequence[int]) -> None:
        """Take over an event.

        Args:
            event: what happened.
            upcoming: the random order of items, as far as it was drawn and `AHEAD` further.
        """
        if isinstance(event, Reading):
            self._stage = {"stage": "reading", "done": event.done, "total": event.total}
            return
        self._stage = {"stage": "ready"}
        if isinstance(event, Failed):
            self._problem = event.text
        elif isinstance(event, Ready):
            self.ranked = event.first
        else:
            self._problem, self.fitted, self.ranked = "", event, event.ranked
            kept = {number: self._names[number] for number in upcoming}
            self._keep(Refit(len(event.request.labels), predictions_of(event, kept)))
            self._sort()

    def _keep(self, refit: Refit) -> None:
        if not self._refits or self._refits[-1] != refit:  # it is the same after a restart
            self._store.keep_refit(refit)
            self._refits.append(refit)

    def _sort(self) -> None:
        fitted, self._sure = self.fitted, {}
        assert fitted is not None
        for number in (-fitted.confidence).argsort(kind="stable").tolist():
            if fitted.confidence[number] < progress.SURE:
                return
            self._sure.setdefault(fitted.classes[fitted.codes[number]], []).append(number)

    def renamed(self, old: str, new: str) -> None:
        """Call a class by its new name."""
        self._refits = self._store.refits()
        if self.fitted is not None:
            classes = tuple(new if name == old else name for name in self.fitted.classes)
            self.fitted = self.fitted._replace(classes=classes)
            self._sort()

    def guess(self, number: int) -> tuple[str, float] | None:
        """Return the predicted class of an item and its probability; None before the first fit."""
        if self.fitted is None:
            return None
        fitted = self.fitted
        return fitted.classes[fitted.codes[number]], float(fitted.confidence[number])

    def sure(self) -> dict[str, list[int]]:
        """Return items that nobody answered and that are surely of a class, the surest first."""
        known = self._store.current
        return {
            label: free
            for label, numbers in self._sure.items()
            if (free := [number for number in numbers if self._names[number] not in known])
        }

    def shown_fit(self) -> dict[str, Any]:
        """Return what the page shows of the fit."""
        fitted = self.fitted
        return {
            **self._stage,
            "labels": 0 if fitted is None else len(fitted.request.labels),
            "seconds": None if fitted is None else round(fitted.seconds, 1),
            "notices": [] if fitted is None else fitted.notices,
            "problem": self._problem,
        }

    def shown_progress(self, drawn: Sequence[int]) -> dict[str, Any]:
        """Return what the page shows of the held-out error.

        Args:
            drawn: the beginning of the random order that was drawn.
        """
        held = self._held(drawn)
        sample = {n: a.label for n, a in held.items() if a.kind == LABEL and a.label is not None}
        kinds = Counter(answer.kind for answer in held.values())
        key = (len(self._refits), tuple(sorted(sample.items())))
        if self._measured is None or self._measured[0] != key:
            self._measured = key, progress.measure(self._refits, sample, self._seed)
        found = self._measured[1]
        return {
            "points": [point._asdict() for point in found.points],
            "forecast": None if found.forecast is None else found.forecast._asdict(),
            "advice": found.advice,
            "text": found.text,
            "sample": len(sample),
            "needed": progress.LEAST_SAMPLE,
            "none": kinds["none"],
            "skipped": kinds["skip"],
        }

    def _held(self, drawn: Sequence[int]) -> Mapping[str, Answer]:
        names = (self._names[number] for number in drawn)
        return {name: self._store.current[name] for name in names if name in self._store.current}
