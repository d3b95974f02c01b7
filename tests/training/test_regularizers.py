from dataclasses import replace
from functools import partial

import torch

from convergan.chance import derive
from convergan.data import Batch
from convergan.recipes import find_recipe
from convergan.training import State, interpolation_consistency

TERM = partial(interpolation_consistency, weight=2.0, start=10, ramp=4)


def state_at(step: int) -> State:
    recipe = find_recipe("digits")
    state = recipe.start(rows(), 3, seed=0, device=torch.device("cpu"))
    state.step = step
    return state


def rows() -> torch.Tensor:
    return torch.rand(20, 1, 4, 4, generator=derive(0, "rows"))


def batch() -> Batch:
    spread = torch.rand(20, 3, generator=derive(0, "spread")).softmax(dim=1)
    return Batch(rows(), torch.zeros(20, dtype=torch.int64), rows(), rows(), spread)


def value(state: State) -> float:
    return TERM(state, batch(), derive(0, "term")).item()


def test_term_is_silent_before_its_start_and_grows_to_its_weight() -> None:
    assert value(state_at(9)) == 0
    values = [value(state_at(step)) for step in (10, 11, 13, 100)]
    full = values[-1]
    assert full > 0
    torch.testing.assert_close(values, [full / 4, full / 2, full, full])


def test_the_averaged_weights_are_the_teacher() -> None:
    state = state_at(100)
    before = value(state)
    assert state.discriminator.average is not None
    state.discriminator.average.values["output.bias"] += torch.tensor([5.0, 0.0, 0.0])
    assert value(state) != before


def test_a_recipe_without_the_term_trains_as_if_it_did_not_exist() -> None:
    recipe = find_recipe("digits")
    step = recipe.step
    assert isinstance(step, partial)
    states = [state_at(0), state_at(0)]
    replace(recipe, step=partial(step, regularizers=())).step(states[0], batch(), derive(0, "step"))
    replace(recipe, step=partial(step, regularizers=(TERM,))).step(
        states[1], batch(), derive(0, "step")
    )
    assert states[0].sha256() == states[1].sha256()


def test_label_spreading_is_the_teacher_at_first_and_silent_in_the_end() -> None:
    spread = partial(TERM, start=0, ramp=1, spread_until=200)
    state, own = state_at(0), partial(TERM, start=0, ramp=1)
    assert state.discriminator.average is not None
    first = spread(state, batch(), derive(0, "term"))
    state.discriminator.average.values["output.bias"] += torch.tensor([5.0, 0.0, 0.0])
    assert spread(state, batch(), derive(0, "term")) == first  # the average has no say yet
    state.step = 200
    assert spread(state, batch(), derive(0, "term")) == own(state, batch(), derive(0, "term"))
