"""A warning at the first step where generator and data are in different ranges."""

import warnings

import pytest
import torch
from torch import Tensor, nn

from convergan.training import train
from convergan.training.ranges import other_range
from tests.training.own_loop import ADVERSARIAL, own_state

UNIT = torch.linspace(0, 1, 16).reshape(8, 2)
FAKES = torch.linspace(-0.2, 0.3, 8).reshape(4, 2)


def ending_in(last: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), last)


def steps(last: nn.Module, rows: Tensor, count: int = 2) -> None:
    list(train(own_state(maker=ending_in(last)), ADVERSARIAL, lambda step: rows, steps=count))


def test_a_generator_in_minus_one_to_one_beside_data_from_zero_is_told_once() -> None:
    with pytest.warns(UserWarning) as told:
        steps(nn.Tanh(), UNIT)
    assert [str(warning.message) for warning in told] == [
        "the generator ends in tanh and makes rows in [-1, 1], the data begin at 0; map the data "
        "to [-1, 1] by 2 * rows - 1, or what it makes to [0, 1] by (rows + 1) / 2"
    ]


@pytest.mark.parametrize("last", [nn.Sigmoid(), nn.ReLU(), nn.Softplus()])
def test_a_generator_without_negative_rows_beside_such_data_is_told(last: nn.Module) -> None:
    with pytest.warns(UserWarning, match=rf"ends in {type(last).__name__} .* begin at -1; let"):
        steps(last, 2 * UNIT - 1)


def test_ranges_that_fit_and_those_that_may_come_to_fit_are_not_told() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steps(nn.Tanh(), 2 * UNIT - 1)
        steps(nn.Sigmoid(), UNIT)
        steps(nn.Identity(), UNIT)
    assert other_range(ending_in(nn.Tanh()), FAKES.abs(), UNIT) is None
    assert other_range(ending_in(nn.Tanh()), FAKES, UNIT) is not None


def test_looking_leaves_no_hook_and_changes_no_bit() -> None:
    ends = []
    for count in (1, 2):
        with pytest.warns(UserWarning):
            torch.manual_seed(0)
            state = own_state(maker=ending_in(nn.Tanh()))
            for steps_so_far in range(1, count + 1):
                list(train(state, ADVERSARIAL, lambda step: UNIT, steps=2 * steps_so_far // count))
        assert not state.generator.network._forward_hooks
        ends.append(state.sha256())
    assert ends[0] == ends[1]
