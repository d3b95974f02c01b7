import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from convergan.labeling.store import (
    CHOSEN,
    LABEL,
    RANDOM,
    SKIP,
    Answer,
    Refit,
    Store,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "store.sqlite3")
    yield found
    found.close()


def answer(
    item: str, label: str | None, person: str = "ann", request: str = "r", drawn: str = CHOSEN
) -> Answer:
    kind = SKIP if label is None else LABEL
    return Answer(request, item, kind, label, person, drawn, 5.0)


def test_answers_are_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    first = Store(tmp_path / "s.sqlite3")
    with first.writing():
        first.add_class("cat")
        first.add([answer("a", "cat"), answer("b", None)])
        first.keep_reply("r", "ann", {"x": 1})
    first.close()
    again = Store(tmp_path / "s.sqlite3")
    assert again.labels() == {"a": "cat"}
    assert again.current["b"].kind == SKIP
    assert again.classes == ["cat"]
    assert again.reply_to("r") == {"x": 1} and again.reply_to("other") is None
    again.close()


def test_every_commit_is_synced(store: Store) -> None:
    with store.writing() as database:
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_transaction_that_fails_changes_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.writing():
        store.add_class("cat")
        store.add([answer("a", "cat")])
        raise ZeroDivisionError
    assert store.labels() == {} and store.classes == [] and store.current == {}


def test_what_is_taken_back_uncovers_the_answer_before(store: Store) -> None:
    with store.writing():
        store.add([answer("a", "cat", request="1")])
        store.add([answer("a", "dog", request="2")])
    with store.writing():
        assert [a.label for a in store.take_back("2", "bob")] == []  # another's stays
        assert store.labels() == {"a": "dog"}
        assert [a.label for a in store.take_back("2", "ann")] == ["dog"]
        assert store.take_back("2", "ann") == []
    assert store.labels() == {"a": "cat"}
    assert [(a.label, undone) for a, undone in store.history()] == [("cat", False), ("dog", True)]


def test_a_late_answer_is_kept_and_does_not_count(store: Store) -> None:
    with store.writing():
        store.add([answer("a", "cat")])
        store.add_late(answer("a", "dog", "bob"))
    assert store.labels() == {"a": "cat"}
    assert [undone for _, undone in store.history()] == [False, True]


def test_skips_are_forgotten_and_uncover_nothing(store: Store) -> None:
    with store.writing():
        store.add([answer("a", None), answer("b", "cat")])
    assert store.forget_skips() == 1
    assert set(store.current) == {"b"}


def test_a_renamed_class_has_its_answers_and_predictions(store: Store) -> None:
    with store.writing():
        for name in ("cat", "dog", "kat"):
            store.add_class(name)
        store.add([answer("a", "kat"), answer("b", "dog")])
    store.keep_refit(Refit(2, {"a": "kat", "c": None, "b": "dog"}))
    with store.writing():
        store.rename_class("kat", "cat")  # becomes one with another
        store.rename_class("dog", "hound")
    assert store.classes == ["cat", "hound"]
    assert store.labels() == {"a": "cat", "b": "hound"}
    assert store.refits() == [Refit(2, {"a": "cat", "c": None, "b": "hound"})]


def test_a_lease_ends_by_time_by_an_answer_or_by_giving_back(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.lease({"a": RANDOM, "b": CHOSEN, "c": CHOSEN}, "ann", 60)
    found = store.leased("a")
    assert found is not None and (found.person, found.drawn) == ("ann", RANDOM)
    again = Store(tmp_path / "store.sqlite3")  # as after a restart
    assert again.leased("a") == found
    again.close()
    with store.writing():
        store.add([answer("b", "cat")])
    assert store.leased("b") is None
    store.give_back("ann", kept=["a"])
    assert store.leased("c") is None and store.leased("a") is not None
    assert store.items_drawn(RANDOM) == {"a"} and store.items_drawn(CHOSEN) == {"b"}
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert store.leased("a") is None


def test_what_was_written_is_kept_by_its_changes(store: Store) -> None:
    store.keep_written({"a": "cat", "b": "dog"}, {})
    assert store.written() == {"a": "cat", "b": "dog"}
    store.keep_written({"b": "cat"}, store.written())
    assert store.written() == {"b": "cat"}


def test_a_value_is_made_once(store: Store) -> None:
    token = store.value("token")
    assert len(token) >= 20 and store.value("token") == token
    assert store.value("seed", "3") == "3" and store.value("seed", "4") == "3"


def test_recent_answers_of_a_person_are_those_that_hold(store: Store) -> None:
    with store.writing():
        store.add([answer("a", "cat", request="1"), answer("b", "cat", "bob", "2")])
        store.add([answer("a", "dog", request="3"), answer("c", None, request="4")])
    assert [(a.item, a.label) for a in store.recent("ann")] == [("c", None), ("a", "dog")]


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "s.sqlite3").close()
    with closing(sqlite3.connect(tmp_path / "s.sqlite3")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match="newer version"):
        Store(tmp_path / "s.sqlite3")


def newer(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA user_version = 99")


def without_classes(database: sqlite3.Connection) -> None:
    database.execute("DROP TABLE classes")


@pytest.mark.parametrize(
    ("change", "error"), [(newer, ValueError), (without_classes, sqlite3.OperationalError)]
)
def test_a_database_that_is_refused_is_closed(
    change: Callable[[sqlite3.Connection], None],
    error: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Store(tmp_path / "s.sqlite3").close()
    with closing(sqlite3.connect(tmp_path / "s.sqlite3")) as database:
        change(database)
    connect = sqlite3.connect
    opened: list[sqlite3.Connection] = []

    def noted(*arguments: Any, **more: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **more))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", noted)
    with pytest.raises(error):
        Store(tmp_path / "s.sqlite3")
    (left,) = opened
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        left.execute("SELECT 1")
