import math
from functools import partial

import pytest
import torch
from torch import Tensor

from convergan.training import Player, WeightAverage, constant_rate, warm_up


def drifting(step: int) -> dict[str, Tensor]:
    """Return weights that move with the step."""
    chance = torch.Generator().manual_seed(step)
    return {"a": torch.randn(3, generator=chance), "b": torch.randn(2, 2, generator=chance)}


@pytest.mark.parametrize("updates", [1, 600, 1200, 10_000])
def test_a_start_from_zero_holds_the_mass_of_the_released_code(updates: int) -> None:
    ones = {"w": torch.ones(1, dtype=torch.float64)}
    average = WeightAverage(ones, rate=constant_rate(1e-4), from_zero=True)
    for _ in range(updates):
        average.update(ones)
    mass = average.values["w"].item()
    assert mass == pytest.approx(1 - (1 - 1e-4) ** updates, rel=1e-10)
    quoted = {600: 0.058, 1200: 0.113, 10_000: 0.63}
    assert updates not in quoted or mass == pytest.approx(quoted[updates], abs=0.003)


def test_every_update_moves_a_fraction_of_the_way() -> None:
    average = WeightAverage(drifting(0), rate=constant_rate(0.25))
    expected = {name: value.tolist() for name, value in drifting(0).items()}
    slow = torch.tensor(expected["a"], dtype=torch.float64)
    for step in range(1, 9):
        average.update(drifting(step))
        for i in range(3):
            slow[i] += 0.25 * (drifting(step)["a"][i].double() - slow[i])
    torch.testing.assert_close(average.values["a"].double(), slow, rtol=1e-6, atol=1e-7)
    assert int(average.count) == 8


def test_a_lagging_average_takes_in_the_weights_before_each_step() -> None:
    """As in Theano, where ``average <- average + rate (theta - average)`` is one of the updates."""

    def player(lagging: bool) -> Player[torch.nn.Linear]:
        average = partial(WeightAverage, rate=constant_rate(0.25), lagging=lagging)
        network = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.ones_(network.weight)
        return Player("judge", network, partial(torch.optim.SGD, lr=1.0), average)

    behind, level = player(True), player(False)
    slow = {True: 1.0, False: 1.0}
    for step in range(1, 5):  # weights go 1, 0, -1, -2, -3
        for one in (behind, level):
            one.update((torch.ones(1, 1),))
        slow[True] += 0.25 * (1 - (step - 1) - slow[True])
        slow[False] += 0.25 * (1 - step - slow[False])
        assert behind.averaged_parameters()["weight"].item() == pytest.approx(slow[True])
        assert level.averaged_parameters()["weight"].item() == pytest.approx(slow[False])


def test_warm_up_forgets_its_start() -> None:
    """The start keeps the weight of the product of all (1 + t) / (10 + t)."""
    started = torch.ones(1, dtype=torch.float64)
    average = WeightAverage({"w": started}, rate=warm_up(0.999))
    for updates in range(1, 101):
        average.update({"w": torch.zeros_like(started)})
        left = math.exp(math.lgamma(11) + math.lgamma(updates + 2) - math.lgamma(updates + 11))
        assert average.values["w"].item() == pytest.approx(left, rel=1e-9)
    assert average.values["w"].item() < 1e-10


def test_warm_up_ends_at_its_decay() -> None:
    rate = warm_up(0.999)
    assert rate(1) == 1 - 2 / 11
    rates = [rate(count) for count in range(1, 20_000)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 1 - 0.999
    assert rates[8_000] > 1 - 0.999


def test_a_constant_rate_ignores_the_count() -> None:
    assert {constant_rate(1e-4)(count) for count in (1, 10, 10**6)} == {1e-4}


def test_constant_weights_are_their_own_average() -> None:
    still = drifting(0)
    average = WeightAverage(still, rate=warm_up(0.999))
    for _ in range(20):
        average.update(still)
    for name, value in still.items():
        torch.testing.assert_close(average.values[name], value, rtol=1e-6, atol=1e-7)


def test_the_average_reads_the_weights_and_never_changes_them() -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    average = WeightAverage({"w": parameter}, rate=constant_rate(0.5))
    with torch.no_grad():
        parameter.fill_(3)
    assert average.values["w"].tolist() == [1, 1]
    average.update({"w": parameter})
    assert average.values["w"].tolist() == [2, 2]
    assert parameter.tolist() == [3, 3]
    assert not average.values["w"].requires_grad


def test_weights_that_are_not_averaged_are_ignored() -> None:
    average = WeightAverage({"w": torch.zeros(1)}, rate=constant_rate(0.5))
    average.update({"w": torch.ones(1), "frozen": torch.ones(7)})
    assert set(average.values) == {"w"}


@pytest.mark.parametrize("from_zero", [True, False])
def test_an_average_restored_through_its_tensors_goes_on_to_the_same_bits(from_zero: bool) -> None:
    whole = WeightAverage(drifting(0), rate=warm_up(0.999), from_zero=from_zero)
    for step in range(1, 8):
        whole.update(drifting(step))
    saved = {name: tensor.clone() for name, tensor in whole.tensors().items()}
    restored = WeightAverage(drifting(99), rate=warm_up(0.999), from_zero=from_zero)
    for name, tensor in restored.tensors().items():
        tensor.copy_(saved[name])
    for step in range(8, 15):
        whole.update(drifting(step))
        restored.update(drifting(step))
    assert saved.keys() == {"count", "value.a", "value.b"}
    for name, tensor in whole.tensors().items():
        assert torch.equal(restored.tensors()[name], tensor)
