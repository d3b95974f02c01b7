"""Answers on disk: SQLite that syncs every commit, with history, classes, leases and refits.

The history is never rewritten: an answer that is taken back is marked, and what holds of an item is
its last answer that is not. A request is stored with its reply, so that one that is sent again,
because the connection was lost, gets the same reply and changes nothing.
"""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

LABEL, NONE, SKIP, REJECTED = "label", "none", "skip", "rejected"
"""Kinds of answers: a class; none of the classes; not now; not the class that was predicted."""
ANSWERED = (LABEL, NONE, SKIP)
RANDOM, CHOSEN, GRID, FILE, CHANGED = "random", "chosen", "grid", "file", "changed"
"""How an item came to be answered."""
MOST_RECENT = 1000
SCHEMA = 1
TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE requests (id TEXT PRIMARY KEY, person TEXT NOT NULL, reply TEXT NOT NULL);
CREATE TABLE answers (
    number INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL, item TEXT NOT NULL,
    kind TEXT NOT NULL, label TEXT, person TEXT NOT NULL, drawn TEXT NOT NULL, at REAL NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0);
CREATE INDEX answers_by_item ON answers (item);
CREATE INDEX answers_by_request ON answers (request);
CREATE TABLE classes (name TEXT PRIMARY KEY, place INTEGER NOT NULL);
CREATE TABLE leases (
    item TEXT PRIMARY KEY, person TEXT NOT NULL, drawn TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE written (item TEXT PRIMARY KEY, label TEXT NOT NULL);
CREATE TABLE refits (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, labels INTEGER NOT NULL,
    predictions TEXT NOT NULL);
"""


class Answer(NamedTuple):
    """What holds of an item.

    Attributes:
        request: that it came with.
        item: its name.
        kind: one of `LABEL`, `NONE`, `SKIP` and `REJECTED`.
        label: the class; of a rejected one, the class that it is not.
        person: who gave it.
        drawn: how the item was chosen.
        at: seconds since 1970.
    """

    request: str
    item: str
    kind: str
    label: str | None
    person: str
    drawn: str
    at: float


class Lease(NamedTuple):
    """An item that somebody is shown.

    Attributes:
        person: who.
        drawn: how it was chosen.
        until: seconds since 1970, when it goes to somebody else.
    """

    person: str
    drawn: str
    until: float


class Refit(NamedTuple):
    """What a classifier predicted of the items that may be measured on.

    Attributes:
        labels: that it was fitted to.
        predictions: the class of each item, by name; None where none could be held out.
    """

    labels: int
    predictions: dict[str, str | None]


class Store:
    """The database of one labels file. All methods may be called from any thread.

    Args:
        file: of the database; it is made where there is none.

    Attributes:
        current: what holds of each item, by name; only of those that were answered.
        classes: their names, in the order of their keys.

    Raises:
        ValueError: if a newer version made the file.
        sqlite3.Error: if it is no database, or cannot be opened.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.current: dict[str, Answer] = {}
        self.classes: list[str] = []
        self._leases: dict[str, Lease] = {}
        self._drawn: dict[str, set[str]] = {}
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000"):
                self._database.execute(f"PRAGMA {pragma}").close()
            self._prepare()
            self._read()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the database; its log goes into it."""
        with self._lock:
            self._database.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, on disk when the block ends and undone when it raises."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                self._read()
                raise
            self._database.execute("COMMIT")

    # --- answers ---------------------------------------------------------------------------------

    def reply_to(self, request: str) -> dict[str, Any] | None:
        """Return the reply that a request got before, or None."""
        with self._lock:
            row = self._database.execute(
                "SELECT reply FROM requests WHERE id = ?", (request,)
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def keep_reply(self, request: str, person: str, reply: Mapping[str, Any]) -> None:
        """Store the reply to a request, in the transaction that it belongs to."""
        self._database.execute(
            "INSERT INTO requests VALUES (?, ?, ?)", (request, person, json.dumps(reply))
        )

    def add(self, answers: Iterable[Answer]) -> None:
        """Store answers, in a transaction, and end the leases of their items."""
        for answer in answers:
            self._insert(answer, undone=False)
            self._database.execute("DELETE FROM leases WHERE item = ?", (answer.item,))
            self._leases.pop(answer.item, None)
            self._drawn.setdefault(answer.drawn, set()).add(answer.item)
            self.current[answer.item] = answer

    def add_late(self, answer: Answer) -> None:
        """Store an answer that came after another one's, in a transaction; it does not count."""
        self._insert(answer, undone=True)

    def take_back(self, request: str, person: str) -> list[Answer]:
        """Mark all answers of a request as undone, in a transaction, and return them.

        Args:
            request: whose answers.
            person: who gave them; those of others stay.
        """
        found = self._select("WHERE request = ? AND person = ? AND undone = 0", (request, person))
        self._database.execute(
            "UPDATE answers SET undone = 1 WHERE request = ? AND person = ?", (request, person)
        )
        for answer in found:
            self._read_item(answer.item)
        return found

    def clear(self, item: str) -> None:
        """Mark all answers of an item as undone, in a transaction."""
        self._database.execute("UPDATE answers SET undone = 1 WHERE item = ?", (item,))
        self.current.pop(item, None)

    def forget_skips(self) -> int:
        """Mark all skips as undone, so that their items are asked again; return how many."""
        skipped = [item for item, answer in self.current.items() if answer.kind == SKIP]
        with self.writing() as database:
            for item in skipped:
                database.execute(
                    "UPDATE answers SET undone = 1 WHERE item = ? AND kind = ?", (item, SKIP)
                )
                self._read_item(item)
        return len(skipped)

    def recent(self, person: str) -> list[Answer]:
        """Return a person's answers that hold, the newest first; of very many only the last."""
        rows = self._select(
            "WHERE person = ? AND undone = 0 ORDER BY number DESC LIMIT ?", (person, MOST_RECENT)
        )
        return [answer for answer in rows if self.current.get(answer.item) == answer]

    def history(self) -> list[tuple[Answer, bool]]:
        """Return every answer that was ever given, the first first, and whether it was undone."""
        with self._lock:
            rows = self._database.execute(
                "SELECT request, item, kind, label, person, drawn, at, undone FROM answers "
                "ORDER BY number"
            ).fetchall()
        return [(Answer(*row[:-1]), bool(row[-1])) for row in rows]

    def labels(self) -> dict[str, str]:
        """Return the class of each item that has one, by name."""
        with self._lock:
            return {
                item: answer.label
                for item, answer in self.current.items()
                if answer.kind == LABEL and answer.label is not None
            }

    def items_drawn(self, drawn: str) -> set[str]:
        """Return the items that were ever answered, or are shown, after being chosen in a way."""
        with self._lock:
            shown = {item for item, lease in self._leases.items() if lease.drawn == drawn}
            return shown | self._drawn.get(drawn, set())

    # --- classes ---------------------------------------------------------------------------------

    def add_class(self, name: str) -> None:
        """Add a class, in a transaction, if it is not there."""
        if name not in self.classes:
            self._database.execute(
                "INSERT INTO classes VALUES (?, (SELECT coalesce(max(place), 0) + 1 FROM classes))",
                (name,),
            )
            self.classes.append(name)

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name, in a transaction; that of another class makes them one."""
        if new in self.classes:
            self._database.execute("DELETE FROM classes WHERE name = ?", (old,))
        else:
            self._database.execute("UPDATE classes SET name = ? WHERE name = ?", (new, old))
        self._database.execute("UPDATE answers SET label = ? WHERE label = ?", (new, old))
        for number, predictions in self._database.execute(
            "SELECT number, predictions FROM refits"
        ).fetchall():
            found = json.loads(predictions)
            renamed = {item: new if label == old else label for item, label in found.items()}
            self._database.execute(
                "UPDATE refits SET predictions = ? WHERE number = ?", (json.dumps(renamed), number)
            )
        self._read()

    # --- leases ----------------------------------------------------------------------------------

    def lease(self, items: Mapping[str, str], person: str, seconds: float) -> None:
        """Note that a person is shown items, and how each was chosen, for so many seconds."""
        until = time.time() + seconds
        with self.writing() as database:
            for item, drawn in items.items():
                database.execute(
                    "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)",
                    (item, person, drawn, until),
                )
                self._leases[item] = Lease(person, drawn, until)

    def give_back(self, person: str, kept: Iterable[str] = ()) -> None:
        """End the leases of a person, but for those that are kept."""
        kept = set(kept)
        leases = self._leases.items()
        gone = [name for name, of in leases if of.person == person and name not in kept]
        if not gone:
            return
        with self.writing() as database:
            for item in gone:
                database.execute("DELETE FROM leases WHERE item = ?", (item,))
                del self._leases[item]

    def leased(self, item: str) -> Lease | None:
        """Return the lease of an item that has not run out, or None."""
        found = self._leases.get(item)
        return found if found is not None and found.until > time.time() else None

    # --- what was written to the labels file, refits, values by name -----------------------------

    def written(self) -> dict[str, str]:
        """Return the labels that were in the labels file when it was last written or read."""
        with self._lock:
            return dict(self._database.execute("SELECT item, label FROM written").fetchall())

    def keep_written(self, labels: Mapping[str, str], before: Mapping[str, str]) -> None:
        """Store what `written` returns from now on; ``before`` is what it returned."""
        with self.writing() as database:
            for item in before.keys() - labels.keys():
                database.execute("DELETE FROM written WHERE item = ?", (item,))
            changed = [(i, label) for i, label in labels.items() if before.get(i) != label]
            database.executemany("INSERT OR REPLACE INTO written VALUES (?, ?)", changed)

    def keep_refit(self, refit: Refit) -> None:
        """Store what a classifier predicted."""
        with self.writing() as database:
            database.execute(
                "INSERT INTO refits (at, labels, predictions) VALUES (?, ?, ?)",
                (time.time(), refit.labels, json.dumps(refit.predictions)),
            )

    def refits(self) -> list[Refit]:
        """Return all refits, the first first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT labels, predictions FROM refits ORDER BY number"
            ).fetchall()
        return [Refit(labels, json.loads(text)) for labels, text in rows]

    def value(self, name: str, make: str | None = None) -> str:
        """Return a value by its name; if there is none, store ``make``, or a random token."""
        with self.writing() as database:
            row = database.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
            if row is not None:
                return str(row[0])
            made = secrets.token_urlsafe(16) if make is None else make
            database.execute("INSERT INTO meta VALUES (?, ?)", (name, made))
        return made

    # --- reading ---------------------------------------------------------------------------------

    def _prepare(self) -> None:
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA:
            raise ValueError("the labels were made with a newer version of convergan; install that")
        if version == 0:
            statements = [part for part in TABLES.split(";\n") if part.strip()]
            with self._lock:
                self._database.execute("BEGIN IMMEDIATE")
                for statement in (*statements, f"PRAGMA user_version = {SCHEMA}"):
                    self._database.execute(statement)
                self._database.execute("COMMIT")

    def _read(self) -> None:
        """Read all that is kept in memory."""
        # SQLite takes the other columns from the row of the maximum.
        rows = self._database.execute(
            "SELECT request, item, kind, label, person, drawn, at, max(number) FROM answers "
            "WHERE undone = 0 GROUP BY item"
        ).fetchall()
        self.current = {row[1]: Answer(*row[:-1]) for row in rows}
        self.classes = [
            name for (name,) in self._database.execute("SELECT name FROM classes ORDER BY place")
        ]
        self._drawn = {}
        for drawn, item in self._database.execute("SELECT DISTINCT drawn, item FROM answers"):
            self._drawn.setdefault(drawn, set()).add(item)
        leases = self._database.execute("SELECT item, person, drawn, until FROM leases").fetchall()
        self._leases = {row[0]: Lease(*row[1:]) for row in leases}

    def _insert(self, answer: Answer, *, undone: bool) -> None:
        self._database.execute(
            "INSERT INTO answers (request, item, kind, label, person, drawn, at, undone) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*answer, undone),
        )

    def _read_item(self, item: str) -> None:
        rows = self._select("WHERE item = ? AND undone = 0 ORDER BY number DESC LIMIT 1", (item,))
        if rows:
            self.current[item] = rows[0]
        else:
            self.current.pop(item, None)

    def _select(self, condition: str, values: Sequence[Any]) -> list[Answer]:
        with self._lock:
            rows = self._database.execute(
                f"SELECT request, item, kind, label, person, drawn, at FROM answers {condition}",
                values,
            ).fetchall()
        return [Answer(*row) for row in rows]
