"""The loop, with steps of a few lines in the place of losses."""

import math
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from convergan.core.chance import derive
from convergan.core.progress import Progress
from convergan.data import Batch, DataError
from convergan.recipes import find_recipe
from convergan.training import CallbackError, NonFiniteError, State, train
from convergan.training.loop import LEFT_OUT, TRAINING
from convergan.training.steps import Losses, Step

CPU = torch.device("cpu")
NOTHING = torch.empty(0)


def state() -> State:
    """Two small players that descend at rates 0.5 and 0.25 and are at zero."""
    recipe = replace(
        find_recipe("toy"),
        discriminator_start=None,
        generator_average=None,
        discriminator_optimizer=partial(torch.optim.SGD, lr=0.5),
        generator_optimizer=partial(torch.optim.SGD, lr=0.25),
    )
    started = recipe.start(torch.zeros(8, 2), 1, seed=0, device=CPU)
    for player in started.players():
        for parameter in player.parameters.values():
            parameter.data.zero_()
    return started


def batch(step: int) -> Batch:
    """The number of the step, in every place."""
    rows = torch.full((1,), float(step))
    return Batch(rows, rows.long(), rows, rows, NOTHING)


def value(state: State) -> tuple[float, float]:
    """One parameter of each player; the steps here move all alike."""
    first, second = (next(iter(p.parameters.values())).flatten()[0] for p in state.players())
    return first.item(), second.item()


def descend(state: State, batch: Batch, chance: torch.Generator) -> Losses:
    """Move every parameter against a gradient of one."""
    for player in state.players():
        player.update(tuple(torch.ones_like(p) for p in player.parameters.values()))
    return {"batch_loss": batch.unlabeled.sum()}


def constant(progress: float) -> float:
    return 1.0


def loop(state: State, step: Step = descend, **more: Any) -> Iterator[Progress]:
    chosen: dict[str, Any] = {
        "batches": batch,
        "steps": 4,
        "schedule": constant,
        "seed": 7,
        "device": CPU,
    }
    return train(state, step, **(chosen | more))


def broken_at(*numbers: int) -> Step:
    """A step that fails where one player has moved and the other has not."""

    def step(state: State, batch: Batch, chance: torch.Generator) -> Losses:
        if int(batch.labels) in numbers:
            player = state.discriminator
            player.update(tuple(torch.ones_like(p) for p in player.parameters.values()))
            raise NonFiniteError(f"broken at {int(batch.labels)}")
        return descend(state, batch, chance)

    return step


def test_each_step_is_reported_once_it_is_taken() -> None:
    trained = state()
    seen = [(event, trained.step, value(trained)) for event in loop(trained)]
    assert [event[:3] for event, _, _ in seen] == [(TRAINING, n, 4) for n in (1, 2, 3, 4)]
    assert [at for _, at, _ in seen] == [1, 2, 3, 4]
    assert [values for _, _, values in seen] == [(-0.5 * n, -0.25 * n) for n in (1, 2, 3, 4)]
    assert [event.metrics["batch_loss"].item() for event, _, _ in seen] == [1, 2, 3, 4]
    assert all(event.skipped is None and event.notices == () for event, _, _ in seen)


def test_a_state_goes_on_from_where_it_stands_and_one_at_the_end_does_nothing() -> None:
    trained = state()
    trained.step = 2
    assert [event.step for event in loop(trained)] == [3, 4]
    assert list(loop(trained)) == [] and value(trained) == (-1.0, -0.5)


def test_the_schedule_gets_the_progress_before_the_step_and_scales_both_rates() -> None:
    asked: list[float] = []

    def halving(progress: float) -> float:
        asked.append(progress)
        return float(0.5 ** (4 * progress))

    trained = state()
    list(loop(trained, schedule=halving))
    assert sorted(set(asked)) == [0, 0.25, 0.5, 0.75]
    assert value(trained) == (-0.5 * 1.875, -0.25 * 1.875)
    assert [p.optimizer.param_groups[0]["lr"] for p in trained.players()] == [0.0625, 0.03125]


def test_without_a_schedule_the_rates_are_those_of_ones_own_scheduler() -> None:
    started = state()
    optimizers = [player.optimizer for player in started.players()]
    halving = [torch.optim.lr_scheduler.ExponentialLR(each, 0.5) for each in optimizers]
    seen = []
    for _ in train(started, descend, batch, steps=4):
        seen.append(value(started))
        for scheduler in halving:
            scheduler.step()
    assert seen == [(-0.5, -0.25), (-0.75, -0.375), (-0.875, -0.4375), (-0.9375, -0.46875)]


def test_the_chance_of_a_step_is_that_of_seed_and_number() -> None:
    drawn: list[Tensor] = []

    def draw(state: State, batch: Batch, chance: torch.Generator) -> Losses:
        drawn.append(torch.rand(3, generator=chance))
        return {}

    trained = state()
    trained.step = 1
    list(loop(trained, draw))
    for number, numbers in zip((2, 3, 4), drawn, strict=True):
        assert torch.equal(numbers, torch.rand(3, generator=derive(7, "step", number)))


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_products_are_computed_in_the_dtype_that_is_chosen(dtype: torch.dtype | None) -> None:
    seen: list[torch.dtype] = []

    def multiply(state: State, batch: Batch, chance: torch.Generator) -> Losses:
        seen.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
        return {}

    list(loop(state(), multiply, autocast=dtype, steps=1))
    assert seen == [dtype or torch.float32]
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


# --- what a step returns, and who is called ---------------------------------------------------


def test_losses_may_be_numbers_and_tensors_are_detached() -> None:
    def mixed(state: State, batch: Batch, chance: torch.Generator) -> Any:
        return {"a_loss": 0.5, "b_loss": torch.ones((), requires_grad=True) * 2}

    [progress] = loop(state(), mixed, steps=1)
    assert progress.metrics["a_loss"] == 0.5 and progress.metrics["b_loss"].item() == 2
    assert not progress.metrics["b_loss"].requires_grad


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returned NoneType; it must return its losses by name"),
        (torch.ones(()), "returned Tensor; it must return"),
        ({"a_loss": None}, "returned NoneType as a_loss; a loss is a number"),
        ({"a_loss": torch.ones(3)}, r"returned Tensor of shape \(3,\) as a_loss"),
    ],
)
def test_a_step_that_returns_no_losses_is_refused_by_its_name(
    returned: object, message: str
) -> None:
    def my_step(state: State, batch: Batch, chance: torch.Generator) -> Any:
        return returned

    with pytest.raises(ValueError, match=rf"^step \S*my_step {message}"):
        list(loop(state(), my_step))


def test_rows_alone_are_a_batch_and_most_arguments_have_defaults() -> None:
    seen: list[Batch] = []

    def look(state: State, batch: Batch, chance: torch.Generator) -> Any:
        seen.append(batch)
        return {}

    list(train(state(), look, lambda step: torch.full((2, 2), float(step)), steps=2))
    assert [batch.unlabeled[0, 0].item() for batch in seen] == [1, 2]


def test_callbacks_get_every_step_before_it_is_yielded_and_those_left_out() -> None:
    told: list[tuple[int, str | None]] = []
    events = loop(
        state(),
        left_out=lambda step: step == 2,
        callbacks=[lambda progress: told.append((progress.step, progress.skipped))],
    )
    for number, event in enumerate(events, start=1):
        assert len(told) == number and told[-1] == (event.step, event.skipped)
    assert told == [(1, None), (2, LEFT_OUT), (3, None), (4, None)]


def test_a_callback_that_fails_is_named_with_its_step() -> None:
    def telegraph(progress: Progress) -> None:
        if progress.step == 3:
            raise KeyError("no line")

    with pytest.raises(CallbackError) as failed:
        list(loop(state(), callbacks=[telegraph]))
    assert re.fullmatch(
        r"callback \S*telegraph failed after step 3 of training: KeyError: 'no line'",
        str(failed.value),
    )


def test_a_callback_that_draws_numbers_changes_no_step() -> None:
    def noisy(state: State, batch: Batch, chance: torch.Generator) -> Any:
        return {"drawn": torch.rand(())}  # from the global generator, as a user's dropout does

    def draw(progress: Progress) -> None:
        torch.rand(5), np.random.rand(), random.random()

    drawn = []
    with torch.random.fork_rng(devices=[]):
        for callbacks in ([], [draw]):
            torch.manual_seed(3)
            events = loop(state(), noisy, callbacks=callbacks)
            drawn.append([event.metrics["drawn"].item() for event in events])
    assert drawn[0] == drawn[1] and len(set(drawn[0])) == 4


# --- steps that change nothing -------------------------------------------------------------------


def test_a_step_that_is_left_out_takes_no_batch_and_moves_nothing() -> None:
    fetched: list[int] = []

    def fetch(step: int) -> Batch:
        fetched.append(step)
        return batch(step)

    trained = state()
    events = list(loop(trained, batches=fetch, left_out=lambda step: step in (1, 3)))
    assert [event.skipped for event in events] == [LEFT_OUT, None, LEFT_OUT, None]
    assert [event.step for event in events] == [1, 2, 3, 4] and events[0].metrics == {}
    assert fetched == [2, 4] and trained.step == 4 and value(trained) == (-1.0, -0.5)


def test_without_leave_a_step_that_is_not_finite_ends_the_loop_before_its_number() -> None:
    trained, taken = state(), []
    with pytest.raises(NonFiniteError, match="broken at 3"):
        for event in loop(trained, broken_at(3)):
            taken.append(event.step)
    assert taken == [1, 2] and trained.step == 2


@pytest.mark.parametrize("bad", [float("nan"), torch.tensor(-math.inf), torch.tensor([math.nan])])
def test_a_returned_loss_that_is_not_finite_is_refused_by_its_name_or_skipped(
    bad: float | Tensor,
) -> None:
    def step(state: State, batch: Batch, chance: torch.Generator) -> dict[str, Any]:
        descend(state, batch, chance)
        return {"good": 1.0, "mine": bad if state.step == 2 else 0.5, "last": torch.zeros(1)}

    trained = state()
    message = rf"^step .*step returned {float(bad):g} as mine, which is not finite\nat step 3$"
    with pytest.raises(NonFiniteError, match=message):
        list(loop(trained, step))
    assert trained.step == 2
    taken = list(loop(again := state(), step, may_skip=lambda: True))
    assert [progress.skipped is None for progress in taken] == [True, True, False, True]
    assert value(again) == (-1.5, -0.75)


def test_a_step_that_may_be_skipped_restores_the_state_bit_for_bit() -> None:
    trained = state()
    events = loop(trained, broken_at(2, 3), may_skip=lambda: True)
    next(events)
    before = trained.digests()
    skipped = next(events)
    assert skipped == Progress(TRAINING, 2, 4, {}, skipped="broken at 2")
    after = trained.digests()
    assert {name for name in before if before[name] != after[name]} == {"step"}
    assert trained.step == 2
    assert [event.skipped for event in events] == ["broken at 3", None]
    assert value(trained) == (-1.0, -0.5)


def test_leave_to_skip_is_asked_for_before_each_step_that_is_tried() -> None:
    allowed = iter([True, True, False])
    trained, taken = state(), []
    with pytest.raises(NonFiniteError, match="broken at 4"):
        for event in loop(
            trained,
            broken_at(2, 4),
            may_skip=lambda: next(allowed),
            left_out=lambda step: step == 1,
        ):
            taken.append(event.skipped)
    assert taken == [LEFT_OUT, "broken at 2", None]


def test_data_that_cannot_be_read_end_the_loop_though_steps_may_be_skipped() -> None:
    def fetch(step: int) -> Batch:
        if step == 3:
            raise DataError("x.png cannot be read any more")
        return batch(step)

    trained, taken = state(), []
    with pytest.raises(DataError, match="^x.png cannot be read any more$"):
        for event in loop(trained, batches=fetch, may_skip=lambda: True):
            taken.append(event.step)
    assert taken == [1, 2] and trained.step == 2 and value(trained) == (-1.0, -0.5)
