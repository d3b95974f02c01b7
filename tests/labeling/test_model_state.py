from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from convergan.labeling.model_state import ModelState
from convergan.labeling.refit import Failed, Fitted, Reading, Ready, Request
from convergan.labeling.store import LABEL, Answer, Store

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "s")) as found:
        yield found


def fitted(confidence: list[float], labels: dict[int, str]) -> Fitted:
    held_out: dict[int, str | None] = dict.fromkeys(labels, "dog")
    asked = Request(labels, frozenset(), 5, 0)
    sure = np.array(confidence)
    return Fitted(asked, ("cat", "dog"), np.array([0, 1, 1, 0]), sure, held_out, [3], ["n"], 2.04)


def test_events_are_shown(store: Store) -> None:
    state = ModelState(store, NAMES, 0)
    assert state.shown_fit()["stage"] == "reading"
    state.take(Reading(2, 4), [])
    assert state.shown_fit()["done"] == 2
    state.take(Ready([1, 0]), [])
    assert state.ranked == [1, 0] and state.shown_fit()["stage"] == "ready"
    state.take(Failed("the last fit failed: why"), [])
    assert state.shown_fit()["problem"] == "the last fit failed: why"
    state.take(fitted([0.9] * 4, {0: "cat", 1: "dog"}), [0, 2])
    shown = state.shown_fit()
    assert (shown["problem"], shown["labels"], shown["seconds"]) == ("", 2, 2.0)
    assert shown["notices"] == ["n"] and state.ranked == [3]


def test_predictions_of_labelled_items_are_those_of_held_out_labels(store: Store) -> None:
    state = ModelState(store, NAMES, 0)
    state.take(fitted([0.9] * 4, {0: "cat", 1: "dog"}), [0, 2, 3])
    (refit,) = store.refits()
    assert refit.predictions == {"a": "dog", "c": "dog", "d": "cat"}
    with store.writing():
        store.add([Answer("r", "a", LABEL, "cat", "p", "random", 0.0)])
    shown = state.shown_progress([0, 2])
    assert [(p["wrong"], p["sample"]) for p in shown["points"]] == [(1, 1)]


def test_sure_items_have_no_answer_and_the_surest_comes_first(store: Store) -> None:
    state = ModelState(store, NAMES, 0)
    assert state.sure() == {} and state.guess(0) is None
    state.take(fitted([0.96, 0.97, 0.99, 0.94], {}), [])
    assert state.sure() == {"dog": [2, 1], "cat": [0]}
    assert state.guess(3) == ("cat", 0.94)
    with store.writing():
        store.add([Answer("r", "c", LABEL, "dog", "p", "grid", 0.0)])
    assert state.sure() == {"dog": [1], "cat": [0]}
    state.renamed("dog", "hound")
    assert state.sure() == {"hound": [1], "cat": [0]}
