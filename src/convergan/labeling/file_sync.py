"""The labels file and the database say the same: what one of them learns, the other is told."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from ..data import DataError
from ..data.decoding import some
from .labels_file import LabelsFile, Merge, merge
from .store import FILE, LABEL, Answer, Store

NAMED = 3
"""Items that a notice names."""


class FileSync:
    """Keeps a labels file and a store alike.

    Args:
        store: of answers.
        file: of labels.
        notices: gets what people should know.

    Attributes:
        warning: why the file could not be written the last time, or nothing.
    """

    def __init__(self, store: Store, file: LabelsFile, notices: list[str]) -> None:
        self._store, self._file, self._notices = store, file, notices
        self.warning = ""

    def start(self, names: Sequence[str], found: Sequence[str | None]) -> None:
        """Take over labels that were found with the items, and what the file says; write it.

        Args:
            names: of the items.
            found: the label of each, or None; they count where nothing is known of the items yet.

        Raises:
            DataError: if the file holds something else.
            OSError: if it cannot be written.
        """
        before = self._store.written()
        theirs = self._read(before)
        if not before and not self._store.current:
            pairs = zip(names, found, strict=True)
            theirs = {**{name: label for name, label in pairs if label}, **theirs}
        self._merge(before, theirs, told=bool(before))
        self._write_now(before)
        self._tell_alike()

    def write(self) -> None:
        """Write the file if labels have changed, after taking over what others changed in it.

        What goes wrong is in `warning`; the labels are in the store nevertheless.
        """
        try:
            before = self._store.written()
            if self._file.has_changed():
                self._merge(before, self._read(before), told=True)
            self._write_now(before)
            self.warning = ""
        except (DataError, OSError) as error:
            reason = " ".join(str(error).split())
            self.warning = (
                f"Labels are stored, but {self._file.path.name} cannot be written: {reason}"
            )

    def look(self) -> None:
        """Take over what others changed in the file, if they did."""
        if self._file.has_changed() and not self.warning:
            self.write()

    def _read(self, before: Mapping[str, str]) -> Mapping[str, str]:
        """Return the labels in the file; where it is gone, those that it had."""
        found = self._file.read()
        if self._file.path.exists() or not before:
            return found
        self._notices.append(f"{self._file.path.name} was gone and is written again")
        return before

    def _merge(self, before: Mapping[str, str], theirs: Mapping[str, str], *, told: bool) -> None:
        """Merge the labels of the items that are there; the rows of others stay in the file."""
        ours = self._store.labels()
        known = self._file.known
        self._take(
            merge(*({n: d[n] for n in d if n in known} for d in (before, ours, theirs))), told
        )

    def _write_now(self, before: Mapping[str, str]) -> None:
        labels = self._store.labels()
        if labels != before or not self._file.path.exists():
            self._file.write(labels)
            self._store.keep_written(labels, before)

    def _take(self, merged: Merge, told: bool) -> None:
        now = time.time()
        with self._store.writing():
            for name in sorted({label for label in merged.taken.values() if label}):
                self._store.add_class(name)
            for name, label in merged.taken.items():
                if label is None:
                    self._store.clear(name)
                else:
                    self._store.add([Answer(FILE, name, LABEL, label, FILE, FILE, now)])
            for name, label in merged.conflicts.items():
                if label is not None:
                    self._store.add_late(Answer(FILE, name, LABEL, label, FILE, FILE, now))
        changed = f"{self._file.path.name} was changed by another program:"
        if told and merged.taken:
            self._notices.append(
                f"{changed} {_count(merged.taken)} taken over, {some(list(merged.taken), NAMED)}"
            )
        if merged.conflicts:
            ours = self._store.labels()
            shown = [
                f"{name} is {ours.get(name, 'without a label')} here, {there or 'empty'} there"
                for name, there in merged.conflicts.items()
            ]
            self._notices.append(
                f"{changed} {_count(merged.conflicts)} not taken over, as another was given here: "
                f"{'; '.join(shown[:NAMED])}"
            )

    def _tell_alike(self) -> None:
        folded = Counter(name.casefold() for name in self._store.classes)
        if alike := sorted(c for c in self._store.classes if folded[c.casefold()] > 1):
            self._notices.append(
                f"classes that differ in capitals alone: {', '.join(alike)}; rename one to make "
                "them one"
            )


def _count(names: Collection[str]) -> str:
    return "1 label was" if len(names) == 1 else f"{len(names):,} labels were"
