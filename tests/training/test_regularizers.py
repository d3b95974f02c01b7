from functools import partial

import pytest
import torch

from convergan.chance import derive
from convergan.data import Batch
from convergan.recipes import find_recipe
from convergan.training import State, WeightAverage, interpolation_consistency

TERM = partial(interpolation_consistency, weight=1.0, spread_weight=4.0, spread_until=100)


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


def average_of(state: State) -> WeightAverage:
    assert state.discriminator.average is not None
    return state.discriminator.average


def opinion(state: State) -> torch.Tensor:
    return state.discriminator.network(rows()).logits.softmax(dim=1).detach()


def term_of(state: State, batch: Batch) -> torch.Tensor:
    return TERM(state, batch, torch.zeros(20, 3), derive(0, "term"))


def value(state: State) -> float:
    return term_of(state, batch()).item()


def test_label_spreading_alone_is_the_teacher_at_first() -> None:
    state = state_at(0)
    before = value(state)
    average_of(state).values["output.bias"] += torch.tensor([5.0, 0.0, 0.0])
    assert value(state) == before


def test_the_averaged_weights_alone_are_the_teacher_in_the_end() -> None:
    state = state_at(100)
    before = value(state)
    other = batch()._replace(spread=batch().spread.flip(1))
    assert term_of(state, other).item() == before
    average_of(state).values["output.bias"] += torch.tensor([5.0, 0.0, 0.0])
    assert value(state) != before


def test_the_weight_goes_in_a_straight_line_from_first_to_last() -> None:
    agreeing = batch()._replace(spread=opinion(state_at(0)))  # so that the teacher never changes
    values = [term_of(state_at(step), agreeing).item() for step in (0, 50, 100, 900)]
    assert values[3] > 0
    torch.testing.assert_close(values, [4 * values[3], 2.5 * values[3], values[3], values[3]])


def test_a_step_with_a_weightless_term_is_the_step_without_it() -> None:
    step = find_recipe("digits").step
    assert isinstance(step, partial)
    weightless = partial(TERM, weight=0.0, spread_weight=0.0)
    states = [state_at(0), state_at(0)]
    partial(step, regularizers=(weightless,))(states[0], batch(), derive(0, "step"))
    partial(step, regularizers=())(states[1], batch(), derive(0, "step"))
    weights = [state.discriminator.parameters["output.bias"] for state in states]
    torch.testing.assert_close(*weights)


def test_a_recipe_that_spreads_no_labels_is_told_so() -> None:
    with pytest.raises(ValueError, match="needs a recipe's label_spreading"):
        term_of(state_at(0), batch()._replace(spread=torch.empty(20, 0)))
