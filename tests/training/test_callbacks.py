"""Callbacks by name, at their steps, and without a trace in random numbers."""

import random
import re
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from convergan.core.progress import Progress
from convergan.training.callbacks import CallbackError, Every, call_back, name_of, undisturbed


def at(step: int, steps: int = 10) -> Progress:
    return Progress("GAN", step, steps, {})


def note(progress: Progress, into: list[int]) -> None:
    into.append(progress.step)


def test_all_are_called_in_their_order_with_the_progress_that_is_returned() -> None:
    told: list[object] = []
    first, second = (lambda progress: told.append((1, progress))), told.append
    assert call_back([first, second], at(3)) == at(3)
    assert told == [(1, at(3)), at(3)]


def test_every_so_many_steps_and_at_the_last() -> None:
    told: list[int] = []
    every = Every(4, partial(note, into=told))
    for step in range(1, 11):
        every(at(step))
    assert told == [4, 8, 10]


@pytest.mark.parametrize("steps", [0, -1, 2.5, True, "3"])
def test_steps_between_two_calls_are_a_whole_number(steps: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"a whole number from 1, got {steps!r}")):
        Every(steps, print)


def test_a_callback_is_named_by_what_it_does_whatever_is_around_it() -> None:
    assert name_of(Every(2, partial(note, into=[]))) == "note"

    class Sink:
        def __call__(self, progress: Progress) -> None:
            raise OSError("full")

    with pytest.raises(CallbackError, match=r"callback \S*Sink failed after step 2 of GAN: OSErr"):
        call_back([Every(2, Sink())], at(2))


def test_an_interrupt_passes_through_as_it_is() -> None:
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call_back([interrupt], at(1))


def test_random_numbers_go_on_where_they_were_after_an_error_too() -> None:
    def draw() -> tuple[float, float, float]:
        return torch.rand(()).item(), np.random.rand(), random.random()

    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = [draw(), draw()]
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    found = [draw()]
    with pytest.raises(KeyError), undisturbed():
        draw()
        raise KeyError
    assert [*found, draw()] == expected
