"""The loop, with steps of a few lines in the place of losses."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from convergan.core.chance import derive
from convergan.core.progress import Progress
from convergan.data import Batch, DataError
from convergan.recipes import find_recipe
from convergan.training import NonFiniteError, State, train
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
