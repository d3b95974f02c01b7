import queue
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from convergan.labeling.items import Report
from convergan.labeling.refit import (
    LOST,
    Event,
    Failed,
    Fitted,
    Reading,
    Ready,
    Refitter,
    Request,
    first_items,
    fit,
    predictions_of,
    unreadable_items,
)
from tests.labeling.fakes import Digits, digits


def request_of(items: Digits, numbers: range) -> Request:
    labels = {number: items.truth[items.names[number]] for number in numbers}
    return Request(labels, frozenset({59}), 5, 0)


def test_unreadable_rows_are_those_without_any_number() -> None:
    rows = np.array([[1.0, np.nan], [np.nan, np.nan]])
    assert unreadable_items(rows) == {1}
    assert unreadable_items(np.zeros((2, 1, 2, 2))) == frozenset()


def test_first_items_are_found_for_numbers_with_gaps_and_for_images() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    rows[::3, 1] = np.nan
    assert len(set(first_items(rows, 5, 0))) == 5
    images = digits().pixels[:, None] / 16
    found = first_items(images, 5, 0, frozenset({0, 1}))
    assert len(set(found)) == 5 and not set(found) & {0, 1}


@pytest.mark.slow
def test_a_fit_predicts_all_and_ranks_what_may_be_asked() -> None:
    items = digits()
    asked = request_of(items, range(20))
    found = fit(items.rows(lambda done, total: None), asked)
    assert found.classes == ("one", "two", "zero")
    predicted = [found.classes[code] for code in found.codes]
    right = [items.truth[name] for name in items.names]
    assert np.mean([a == b for a, b in zip(predicted, right, strict=True)]) > 0.9
    assert set(found.held_out) == set(range(20))
    assert len(found.ranked) == 5 and not set(found.ranked) & {*range(20), 59}
    names = {0: "000.png", 40: "040.png"}
    assert predictions_of(found, names) == {
        "000.png": found.held_out[0],
        "040.png": predicted[40],
    }


class Heard:
    """What a refitter says, in order."""

    def __init__(self) -> None:
        self.events: queue.Queue[Event] = queue.Queue()

    def __call__(self, event: Event) -> None:
        self.events.put(event)

    def next(self, kind: type) -> Any:
        """Return the next event of a kind."""
        while True:
            event = self.events.get(timeout=120)
            if isinstance(event, kind):
                return event


@pytest.mark.nightly
def test_the_process_reads_fits_and_survives_a_fit_that_fails_and_its_own_loss() -> None:
    items, heard = digits(), Heard()
    refitter = Refitter(items, 6, 0, heard)
    refitter.start()
    try:
        assert heard.next(Reading) == Reading(60, 60)
        assert len(heard.next(Ready).first) == 6
        refitter.ask(Request({0: "zero"}, frozenset(), 5, 0))
        assert "the last fit failed: " in heard.next(Failed).text
        refitter.ask(request_of(items, range(10)))
        found: Fitted = heard.next(Fitted)
        assert len(found.request.labels) == 10
        vars(refitter)["_process"].kill()
        vars(refitter)["_process"].join()
        refitter.ask(request_of(items, range(12)))
        assert heard.next(Failed).text == LOST
        assert len(heard.next(Fitted).request.labels) == 12
    finally:
        refitter.close()
    assert not vars(refitter)["_thread"].is_alive()


@pytest.mark.nightly
def test_of_several_requests_the_newest_is_fitted() -> None:
    items, heard = digits(), Heard()
    refitter = Refitter(items, 6, 0, heard)
    refitter.start()
    try:
        for count in (6, 8, 10, 12):
            refitter.ask(request_of(items, range(count)))
        assert len(heard.next(Fitted).request.labels) == 12
        time.sleep(0.5)
        assert not any(isinstance(event, Fitted) for event in list(heard.events.queue))
    finally:
        refitter.close()


@dataclass
class Unreadable(Digits):
    """Items of which nothing can be learned."""

    def rows(self, report: Report) -> Any:
        raise ValueError("there is\nno such network")


@pytest.mark.slow
def test_items_that_cannot_be_read_are_told_of_once() -> None:
    items, heard = digits(), Heard()
    broken = Unreadable(items.names, items.labels, items.truth, items.pixels)
    refitter = Refitter(broken, 6, 0, heard)
    refitter.start()
    try:
        assert heard.next(Failed).text.endswith("there is no such network")
        vars(refitter)["_thread"].join(30)
        assert not vars(refitter)["_thread"].is_alive()
        assert heard.events.empty()
    finally:
        refitter.close()
