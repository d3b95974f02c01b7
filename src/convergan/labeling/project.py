"""Labelling of one set of items: who is asked what, what becomes of an answer, and the refits."""

import re
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from ..core.files import csv_lines
from ..data.decoding import some
from ..data.label_values import NO_LABEL
from ..web.replies import RefusedError
from . import choice
from .file_sync import FileSync
from .items import Items
from .labels_file import LabelsFile
from .model_state import AHEAD, ModelState
from .refit import Event, Ready, Refitter, Request
from .store import (
    ANSWERED,
    CHANGED,
    CHOSEN,
    FILE,
    GRID,
    LABEL,
    NONE,
    RANDOM,
    REJECTED,
    SKIP,
    Answer,
    Store,
)

LEASE_SECONDS, GRID_SECONDS = 300.0, 900.0
"""For which an item is shown to one person alone, unless the page asks to keep it longer."""
LONGEST_NAME = 80


@dataclass(frozen=True)
class Settings:
    """How items are labelled.

    Attributes:
        batch: new labels after which the classifier is fitted again.
        seed: of the random order and of fits.
    """

    batch: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"--batch must be at least 1, got {self.batch}")


class Given(NamedTuple):
    """An answer as a person gives it.

    Attributes:
        request: an identifier that the page made up.
        person: likewise, of the page.
        item: its name.
        kind: ``label``, ``none`` or ``skip``.
        label: the class of ``label``.
    """

    request: str
    person: str
    item: str
    kind: str
    label: str | None


class Project:
    """Items and all that is known of their labels. Methods may be called from any thread.

    Attributes:
        items: that are labelled.
        store: their answers.
        notices: what people should know.
    """

    def __init__(self, items: Items, store: Store, file: LabelsFile, settings: Settings) -> None:
        self.items, self.store, self.settings = items, store, settings
        self.notices: list[str] = [*items.notices]
        self.order = choice.random_order(items.names, settings.seed)
        self._lock = threading.RLock()
        self._number = {name: number for number, name in enumerate(items.names)}
        self._asked_labels: dict[int, str] = {}
        self._unreadable: frozenset[int] = frozenset()
        self._count = max(50, 5 * settings.batch)
        self._model = ModelState(store, items.names, settings.seed)
        self._refitter = Refitter(items, self._count, settings.seed, self._heard)
        self._sync = FileSync(store, file, self.notices)
        self._sync.start(items.names, items.labels)

    def start(self) -> None:
        """Start to read the items and to fit."""
        self._refitter.start()

    def close(self) -> None:
        """End what was started."""
        self._refitter.close()

    # --- what is asked ---------------------------------------------------------------------------

    def next_items(self, person: str, count: int, held: Sequence[str] = ()) -> list[int]:
        """Return items for a person, by number, and keep them from others for a while.

        Args:
            person: who asks.
            count: how many, with those that the page already has.
            held: names of items that the page already has; they are kept for it longer.
        """
        with self._lock:
            mine = [name for name in held if self._is_open(self._number.get(name, -1), person)]
            self.store.give_back(person, mine)
            kept = {name: self._drawn(name) for name in mine}
            rejected = [
                self._number[name]
                for name, answer in self.store.current.items()
                if answer.kind == REJECTED and name in self._number
            ]
            asked = choice.ask(
                rejected,
                self.order,
                self._model.ranked,
                lambda number: self._is_open(number, person),
                self._given(),
            )
            found: list[int] = []
            for number, at_random in asked:
                if len(kept) >= count:
                    break
                name = self.items.names[number]
                if name not in kept:
                    kept[name] = RANDOM if at_random else CHOSEN
                    found.append(number)
            if kept:
                self.store.lease(kept, person, LEASE_SECONDS)
            return found

    def sure_items(
        self, person: str, label: str | None, count: int
    ) -> tuple[str | None, list[int]]:
        """Return items that are predicted with confidence to be of one class, the surest first.

        Args:
            person: who asks.
            label: the class; None for the one with the most sure items.
            count: how many, at most.
        """
        with self._lock:
            self.store.give_back(person)
            sure = self._model.sure()
            if label is None or label not in sure:
                label = max(sure, key=lambda name: len(sure[name]), default=None)
            free = (n for n in sure.get(label or "", []) if self._is_open(n, person))
            numbers = list(islice(free, count))
            names = {self.items.names[number]: GRID for number in numbers}
            if names:
                self.store.lease(names, person, GRID_SECONDS)
            return label, numbers

    def guess(self, number: int) -> tuple[str, float] | None:
        """Return the predicted class of an item and its probability; None before the first fit."""
        return self._model.guess(number)

    def _is_open(self, number: int, person: str) -> bool:
        """Whether an item can be asked of a person."""
        if number < 0 or number in self._unreadable:
            return False
        name = self.items.names[number]
        answer, lease = self.store.current.get(name), self.store.leased(name)
        answered = answer is not None and answer.kind in ANSWERED
        return not answered and (lease is None or lease.person == person)

    def _drawn(self, name: str) -> str:
        lease = self.store.leased(name)
        return CHOSEN if lease is None else lease.drawn

    def _given(self) -> tuple[int, int]:
        """Return how many items were asked one by one, and how many of them at random."""
        at_random, chosen = (len(self.store.items_drawn(drawn)) for drawn in (RANDOM, CHOSEN))
        return at_random + chosen, at_random

    # --- answers ---------------------------------------------------------------------------------

    def answer(self, given: Given) -> dict[str, Any]:
        """Store an answer; on return it is on disk.

        The first answer of an item stands: one of another person that comes later does not count.

        Raises:
            RefusedError: if there is no such item or class.
        """
        with self._lock:
            if (reply := self.store.reply_to(given.request)) is not None:
                return reply
            if given.item not in self._number:
                raise RefusedError(404, f"There is no {self.items.noun[0]} {given.item}.")
            if given.kind == LABEL and given.label not in self.store.classes:
                raise RefusedError(409, f"There is no class {given.label}.")
            before = self.store.current.get(given.item)
            is_new = before is None or before.kind == REJECTED
            drawn = self._drawn(given.item) if is_new else CHANGED
            label = given.label if given.kind == LABEL else None
            answer = Answer(
                given.request, given.item, given.kind, label, given.person, drawn, time.time()
            )
            with self.store.writing():
                if before is not None and _stands(before, given.person):
                    reply = {"kept": before.label, "kind": before.kind}
                    self.store.add_late(answer)
                else:
                    reply = {}
                    self.store.add([answer])
                self.store.keep_reply(given.request, given.person, reply)
            return self._stored(reply)

    def confirm(
        self, request: str, person: str, label: str, right: Sequence[str], wrong: Sequence[str]
    ) -> dict[str, Any]:
        """Store what a person says of a grid; on return it is on disk.

        Args:
            request: an identifier that the page made up.
            person: who says it.
            label: the class that the grid showed.
            right: items that are of it.
            wrong: items that are not; they are asked next.

        Raises:
            RefusedError: if there is no such item or class.
        """
        with self._lock:
            if (reply := self.store.reply_to(request)) is not None:
                return reply
            if label not in self.store.classes:
                raise RefusedError(409, f"There is no class {label}.")
            unknown = [name for name in (*right, *wrong) if name not in self._number]
            if unknown:
                raise RefusedError(404, f"There is no {self.items.noun[0]} {unknown[0]}.")
            free = [n for n in (*right, *wrong) if self._is_open(self._number[n], person)]
            kinds = dict.fromkeys(right, LABEL) | dict.fromkeys(wrong, REJECTED)
            now = time.time()
            with self.store.writing():
                self.store.add(
                    Answer(request, name, kinds[name], label, person, GRID, now) for name in free
                )
                reply = {"stored": len(free), "others": len(kinds) - len(free)}
                self.store.keep_reply(request, person, reply)
            return self._stored(reply)

    def undo(self, request: str, person: str, target: str) -> dict[str, Any]:
        """Take back all answers of a person's earlier request; on return that is on disk."""
        with self._lock:
            if (reply := self.store.reply_to(request)) is not None:
                return reply
            with self.store.writing():
                undone = self.store.take_back(target, person)
                reply = {"undone": len(undone)}
                self.store.keep_reply(request, person, reply)
            if len(undone) == 1 and undone[0].drawn in (RANDOM, CHOSEN):
                self.store.lease({undone[0].item: undone[0].drawn}, person, LEASE_SECONDS)
            return self._stored(reply)

    def forget_skips(self) -> dict[str, Any]:
        """Ask what was skipped again."""
        with self._lock:
            return {"forgotten": self.store.forget_skips()}

    def _stored(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Write the labels file and fit again if it is time; return the reply, with a warning."""
        self._sync.write()
        self._fit_if_due()
        return {**reply, "warning": self._sync.warning} if self._sync.warning else reply

    # --- classes ---------------------------------------------------------------------------------

    def add_class(self, name: str, *, alike: bool = False) -> dict[str, Any]:
        """Add a class.

        Args:
            name: of it.
            alike: whether it may differ from another in capitals alone.

        Returns:
            Its ``name``, or in ``similar`` that of a class from which it differs in capitals alone.

        Raises:
            RefusedError: if it is no name.
        """
        with self._lock:
            name = _class_name(name)
            similar = [c for c in self.store.classes if c.casefold() == name.casefold()]
            if name not in similar and similar and not alike:
                return {"similar": similar[0]}
            with self.store.writing():
                self.store.add_class(name)
            return {"name": name}

    def rename_class(self, old: str, new: str) -> dict[str, Any]:
        """Give a class another name; that of another class makes them one.

        Raises:
            RefusedError: if there is no such class, or the other is no name.
        """
        with self._lock:
            if old not in self.store.classes:
                raise RefusedError(409, f"There is no class {old}.")
            new = _class_name(new)
            if new != old:
                with self.store.writing():
                    self.store.rename_class(old, new)
                self._model.renamed(old, new)
            return self._stored({"name": new})

    # --- fits ------------------------------------------------------------------------------------

    def _fit_if_due(self) -> None:
        labels = self._labels_by_number()
        changed = {number for number, _ in labels.items() ^ self._asked_labels.items()}
        if len(changed) >= self.settings.batch:
            self._ask_fit(labels)

    def _ask_fit(self, labels: dict[int, str]) -> None:
        if len(set(labels.values())) < 2:
            return
        self._asked_labels = labels
        excluded = self._unreadable | {
            self._number[name]
            for name, answer in self.store.current.items()
            if answer.kind in (NONE, SKIP) and name in self._number
        }
        self._refitter.ask(Request(labels, excluded, self._count, self.settings.seed))

    def _labels_by_number(self) -> dict[int, str]:
        numbers = {name: self._number.get(name, -1) for name in self.store.labels()}
        return {
            numbers[name]: label
            for name, label in self.store.labels().items()
            if numbers[name] >= 0 and numbers[name] not in self._unreadable
        }

    def _heard(self, event: Event) -> None:
        """Take over what the process says; called from its thread."""
        with self._lock:
            if isinstance(event, Ready):
                self._leave_out(event.unreadable)
            self._model.take(event, self.order[: self._drawn_length() + AHEAD])
            if isinstance(event, Ready):
                self._ask_fit(self._labels_by_number())

    def _leave_out(self, unreadable: frozenset[int]) -> None:
        """Never ask items that cannot be read."""
        self._unreadable = unreadable
        self.order = [number for number in self.order if number not in unreadable]
        if unreadable:
            names = [self.items.names[number] for number in sorted(unreadable)]
            self.notices.append(
                f"{len(names):,} {self.items.noun[1]} cannot be read and are never asked: "
                f"{some(names)}"
            )

    def _drawn_length(self) -> int:
        drawn = {self._number.get(name, -1) for name in self.store.items_drawn(RANDOM)}
        return choice.sample_length(self.order, drawn)

    # --- what the page shows ----------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return what the page shows besides items."""
        with self._lock:
            self._sync.look()
            known = self.store.current.items()
            kinds = Counter(answer.kind for name, answer in known if name in self._number)
            counts = Counter(self._labels_by_number().values())
            fit = {"busy": self._refitter.is_busy, "batch": self.settings.batch}
            return {
                "total": len(self.items.names),
                "labelled": kinds[LABEL],
                "none": kinds[NONE],
                "skipped": kinds[SKIP],
                "classes": [[name, counts[name]] for name in self.store.classes],
                "sure": {name: len(numbers) for name, numbers in self._model.sure().items()},
                "fit": self._model.shown_fit() | fit,
                "progress": self._model.shown_progress(self.order[: self._drawn_length()]),
                "notices": self.notices,
                "warning": self._sync.warning,
            }

    def recent(self, person: str, most: int) -> list[tuple[Answer, int]]:
        """Return a person's last requests, the newest first: an answer of each, and how many."""
        counts: Counter[str] = Counter()
        first: dict[str, Answer] = {}
        for answer in self.store.recent(person):
            if answer.item in self._number:
                counts[answer.request] += 1
                first.setdefault(answer.request, answer)
        return [(answer, counts[request]) for request, answer in first.items()][:most]

    def number(self, name: str) -> int:
        """Return the number of an item."""
        return self._number[name]

    def labels_csv(self) -> str:
        """Return the labels as the text of a CSV file: items that have one."""
        labels = self.store.labels()
        rows = [(name, labels[name]) for name in self.items.names if name in labels]
        return csv_lines([(self.items.key, "label"), *rows])

    def history_csv(self) -> str:
        """Return every answer that was ever given as the text of a CSV file."""
        rows = [
            (
                a.item,
                a.kind,
                a.label or "",
                a.drawn,
                a.person,
                time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(a.at)),
                "yes" if undone else "",
            )
            for a, undone in self.store.history()
        ]
        names = (self.items.key, "answer", "label", "drawn", "person", "time", "undone")
        return csv_lines([names, *rows])


def _class_name(text: str) -> str:
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not name or len(name) > LONGEST_NAME or re.search(r"[\x00-\x1f\x7f]", name):
        raise RefusedError(
            422, f"The name of a class has from 1 to {LONGEST_NAME} characters in one line."
        )
    if name in NO_LABEL:
        raise RefusedError(422, f"{name} stands for no label; choose another name.")
    return name


def _stands(answer: Answer, person: str) -> bool:
    """Whether an answer is one that another person does not change."""
    return answer.kind in (LABEL, NONE) and answer.person not in (person, FILE)
