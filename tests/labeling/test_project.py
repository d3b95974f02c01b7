import csv
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convergan.data import DataError
from convergan.labeling.choice import random_order
from convergan.labeling.project import Given, Project, Settings
from convergan.labeling.refit import Fitted, Ready, Request
from convergan.labeling.store import LABEL, NONE, SKIP
from convergan.web.replies import RefusedError
from tests.labeling.fakes import ANN, BOB, Digits, StillRefitter, digits, give, opened, request


def refitter(project: Project) -> StillRefitter:
    found: StillRefitter = vars(project)["_refitter"]
    return found


def fitted(project: Project, confidence: float = 0.99) -> Fitted:
    """What a perfect classifier says."""
    items: Any = project.items
    classes = tuple(sorted(set(items.truth.values())))
    codes = np.array([classes.index(items.truth[name]) for name in items.names])
    labels = {items.names.index(n): label for n, label in project.store.labels().items()}
    held_out: dict[int, str | None] = {n: items.truth[items.names[n]] for n in labels}
    sure = np.full(len(codes), confidence)
    asked = Request(labels, frozenset(), 50, 0)
    return Fitted(asked, classes, codes, sure, held_out, [5, 6, 7], [], 1.0)


def labels_csv(project: Project) -> dict[str, str]:
    path: Path = vars(vars(project)["_sync"])["_file"].path
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    return {row["file"]: row["label"] for row in rows if row["label"]}


def test_an_answer_is_in_the_labels_file_when_it_is_acknowledged(project: Project) -> None:
    give(project, "003.png", "cat")
    assert labels_csv(project) == {"003.png": "cat"}
    give(project, "003.png", "dog")  # the same person may change it
    give(project, "004.png", None, kind=NONE)
    assert labels_csv(project) == {"003.png": "dog"}
    state = project.state()
    assert (state["labelled"], state["none"], state["classes"]) == (1, 1, [["cat", 0], ["dog", 1]])


def test_a_request_that_is_sent_again_changes_nothing_and_has_the_same_reply(
    project: Project,
) -> None:
    project.add_class("cat")
    given = Given(request(), ANN, "000.png", LABEL, "cat")
    first = project.answer(given)
    assert project.answer(given) == first
    assert project.answer(given._replace(item="001.png")) == first
    assert project.store.labels() == {"000.png": "cat"}
    assert len(project.store.history()) == 1


def test_undo_takes_back_ones_own_last_answers_in_turn(project: Project) -> None:
    first = give(project, "000.png", "cat")
    second = give(project, "000.png", "dog")
    again = request()
    assert project.undo(again, ANN, second)["undone"] == 1
    assert project.undo(again, ANN, second)["undone"] == 1  # the reply is stored
    assert labels_csv(project) == {"000.png": "cat"}
    assert project.undo(request(), BOB, first)["undone"] == 0
    assert project.undo(request(), ANN, first)["undone"] == 1
    assert labels_csv(project) == {}
    assert project.store.leased("000.png") is not None  # it is shown to her again


def test_two_people_never_get_the_same_item(project: Project) -> None:
    seen: list[int] = []
    lock = threading.Lock()

    def label_all(person: str) -> None:
        while found := project.next_items(person, 3):
            with lock:
                seen.extend(found)
            for number in found:
                give(project, project.items.names[number], "cat", person)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(label_all, f"person-{n:03d}") for n in range(4)]:
            done.result()
    assert sorted(seen) == list(range(60))


def test_items_that_somebody_left_are_asked_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.next_items(ANN, 40)
    assert len(project.next_items(BOB, 40)) == 20
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    assert len(project.next_items(BOB, 50)) == 50


def test_a_page_that_asks_again_keeps_its_items(project: Project) -> None:
    first = project.next_items(ANN, 3)
    held = [project.items.names[number] for number in first]
    more = project.next_items(ANN, 5, held)
    assert len(more) == 2 and not set(first) & set(more)
    assert project.next_items(ANN, 5, [*held, "gone.png"]) != first  # what it left went back
    assert project.store.leased(project.items.names[more[0]]) is not None


def test_the_first_of_two_answers_stands_and_the_second_is_told(project: Project) -> None:
    give(project, "000.png", "cat", ANN)
    project.add_class("dog")
    late = Given(request(), BOB, "000.png", LABEL, "dog")
    assert project.answer(late) == {"kept": "cat", "kind": LABEL}
    assert labels_csv(project) == {"000.png": "cat"}
    assert [(a.person, a.label) for a, undone in project.store.history() if undone] == [
        (BOB, "dog")
    ]


def test_a_skipped_item_may_be_answered_by_another(project: Project) -> None:
    give(project, "000.png", None, ANN, SKIP)
    give(project, "000.png", "cat", BOB)
    assert project.store.labels() == {"000.png": "cat"}


def test_skipped_items_come_again_when_that_is_asked_for(project: Project) -> None:
    for name in project.items.names:
        give(project, name, None, kind=SKIP)
    assert project.next_items(ANN, 5) == []
    assert project.forget_skips() == {"forgotten": 60}
    assert len(project.next_items(ANN, 5)) == 5


def test_one_item_in_five_is_drawn_in_the_random_order(project: Project) -> None:
    refitter(project).heard(Ready([n for n in range(60) if n not in project.order[:9]]))
    asked = []
    for _ in range(25):
        (number,) = project.next_items(ANN, 1)
        asked.append(number)
        give(project, project.items.names[number], "cat")
    at_random = [number for number in asked if number in project.order[:9]]
    assert at_random == project.order[:5]
    assert project.order == random_order(project.items.names, 0)
    assert project.state()["progress"]["sample"] == 5


def test_refits_are_asked_for_after_every_batch_of_two_classes(project: Project) -> None:
    for number in range(12):
        give(project, f"{number:03d}.png", "cat")
    assert refitter(project).asked == []
    give(project, "012.png", "dog")
    assert [len(asked.labels) for asked in refitter(project).asked] == [13]
    give(project, "013.png", None, kind=SKIP)
    for number in range(14, 23):
        give(project, f"{number:03d}.png", "dog")
    assert len(refitter(project).asked) == 1
    give(project, "023.png", "dog")
    assert [len(asked.labels) for asked in refitter(project).asked] == [13, 23]
    assert 13 in refitter(project).asked[-1].excluded


def test_labels_that_were_there_are_fitted_to_at_once(still: None, tmp_path: Path) -> None:
    items = digits()
    items.labels = ["cat", "dog", *items.labels[2:]]
    with opened(tmp_path / "labels.csv", items) as project:
        assert [asked.labels for asked in refitter(project).asked] == [{0: "cat", 1: "dog"}]
        assert labels_csv(project) == {"000.png": "cat", "001.png": "dog"}
        give(project, "000.png", "horse", BOB)  # nobody's answer stood there
        assert project.store.labels()["000.png"] == "horse"


def test_the_grid_shows_sure_items_that_are_confirmed_together(project: Project) -> None:
    assert project.sure_items(ANN, None, 100) == (None, [])
    for name in ("zero", "one", "two"):
        project.add_class(name)
    refitter(project).heard(fitted(project))
    label, numbers = project.sure_items(ANN, None, 100)
    items: Any = project.items
    names = [items.names[number] for number in numbers]
    assert label is not None and {items.truth[name] for name in names} == {label}
    assert project.sure_items(BOB, label, 100) == (label, [])  # they are shown to Ann
    made = request()
    reply = project.confirm(made, ANN, label, names[2:], names[:2])
    assert reply == project.confirm(made, ANN, label, [], names)
    assert project.store.labels() == dict.fromkeys(names[2:], label)
    assert project.next_items(ANN, 2) == [items.names.index(name) for name in names[:2]]
    assert project.undo(request(), ANN, made)["undone"] == len(names)
    assert labels_csv(project) == {}


def test_what_others_answered_meanwhile_is_left_out_of_a_grid(project: Project) -> None:
    give(project, "000.png", "cat", BOB)
    reply = project.confirm(request(), ANN, "cat", ["000.png", "001.png"], [])
    assert reply == {"stored": 1, "others": 1}


def test_the_page_is_told_of_the_fit_and_of_its_error(project: Project) -> None:
    for name in project.items.names[:20]:
        give(project, name, "zero" if name < "010" else "one")
    refitter(project).heard(fitted(project))
    state = project.state()
    assert state["fit"]["labels"] == 20 and state["fit"]["problem"] == ""
    assert project.guess(0) == ("zero", 0.99)
    assert len(project.store.refits()) == 1
    refitter(project).heard(fitted(project))  # as after a restart
    assert len(project.store.refits()) == 1


def test_classes_that_differ_in_capitals_are_asked_about(project: Project) -> None:
    assert project.add_class("  big   cat ") == {"name": "big cat"}
    assert project.add_class("Big Cat") == {"similar": "big cat"}
    assert project.add_class("Big Cat", alike=True) == {"name": "Big Cat"}
    assert project.store.classes == ["big cat", "Big Cat"]
    for wrong in ("", "  ", "a" * 81, "-1", "\x07"):
        with pytest.raises(RefusedError, match="name"):
            project.add_class(wrong)


def test_a_renamed_class_is_renamed_in_the_file(project: Project) -> None:
    give(project, "000.png", "kat")
    give(project, "001.png", "cat")
    refitter(project).heard(fitted(project))
    assert project.rename_class("kat", "cat") == {"name": "cat"}
    assert labels_csv(project) == {"000.png": "cat", "001.png": "cat"}
    with pytest.raises(RefusedError, match="no class kat"):
        project.rename_class("kat", "dog")


@pytest.mark.parametrize(
    ("item", "label", "match"), [("x.png", "cat", "no digit x.png"), ("000.png", "ape", "no class")]
)
def test_what_is_not_there_is_refused(project: Project, item: str, label: str, match: str) -> None:
    project.add_class("cat")
    with pytest.raises(RefusedError, match=match):
        project.answer(Given(request(), ANN, item, LABEL, label))
    with pytest.raises(RefusedError, match=match):
        project.confirm(request(), ANN, label, [item], [])
    assert project.store.history() == []


def test_unreadable_items_are_told_of_and_never_asked(still: None, tmp_path: Path) -> None:
    with opened(tmp_path / "labels.csv") as project:
        refitter(project).heard(Ready([3, 4], frozenset({3})))
        assert any("1 digits cannot be read" in text for text in project.notices)
        assert 3 not in project.next_items(ANN, 50) + project.next_items(BOB, 50)


def test_what_can_be_saved_has_every_label_and_the_whole_history(project: Project) -> None:
    made = give(project, "000.png", "cat")
    give(project, "001.png", "dog", BOB)
    project.undo(request(), ANN, made)
    assert project.labels_csv() == "file,label\n001.png,dog\n"
    history = list(csv.DictReader(io.StringIO(project.history_csv())))
    assert [(row["file"], row["person"], row["undone"]) for row in history] == [
        ("000.png", ANN, "yes"),
        ("001.png", BOB, ""),
    ]


def test_recent_answers_are_grouped_by_request(project: Project) -> None:
    give(project, "000.png", "cat")
    project.confirm(request(), ANN, "cat", ["001.png", "002.png"], [])
    assert [count for _, count in project.recent(ANN, 5)] == [2, 1]
    assert project.recent(BOB, 5) == []


def test_a_batch_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="--batch must be at least 1"):
        Settings(batch=0)


def test_items_that_are_gone_keep_their_labels(still: None, tmp_path: Path) -> None:
    with opened(tmp_path / "labels.csv") as project:
        give(project, "000.png", "cat")
        give(project, "059.png", "dog")
    fewer: Digits = digits(50)
    with opened(tmp_path / "labels.csv", fewer) as project:
        assert project.state()["labelled"] == 1
        assert project.store.labels()["059.png"] == "dog"
        assert labels_csv(project) == {"000.png": "cat", "059.png": "dog"}


def test_a_labels_file_of_another_kind_is_refused_at_the_start(still: None, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("name,kind\na,b\n")
    with pytest.raises(DataError, match="must have the columns file,label"):
        with opened(tmp_path / "labels.csv"):
            pass
