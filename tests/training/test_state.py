"""Players on a quadratic, by hand; and all that a checkpoint holds of two of them."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from convergan.networks import Discriminator, Generator, toy_discriminator, toy_generator
from convergan.training import NonFiniteError, State, WeightAverage
from convergan.training.state import Player
from convergan.training.weight_average import constant_rate
from tests.oracles import chance


class Point(nn.Module):
    """Two coordinates that are learned, one that is not, and a count."""

    def __init__(self) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor([1.0, -2.0]))
        self.fixed = nn.Parameter(torch.tensor([5.0]), requires_grad=False)
        self.register_buffer("count", torch.tensor(3))

    def square(self) -> Tensor:
        """Half the squared distance from zero: the gradient is the point itself."""
        return (self.at.square().sum() + self.fixed.square().sum()) / 2


def player(
    *, rate: float = 0.5, average: bool = False, lagging: bool = False, weight: float = 0.0
) -> Player[Point]:
    make = partial(WeightAverage, rate=constant_rate(0.25), lagging=lagging) if average else None
    return Player("point", Point(), partial(torch.optim.SGD, lr=rate), make, weight)


def at(player: Player[Point]) -> list[float]:
    return player.network.at.detach().tolist()


# --- one player ----------------------------------------------------------------------------------


def test_a_step_goes_down_the_gradient_and_leaves_none_behind() -> None:
    moved = player()
    moved.descend(moved.network.square())
    assert at(moved) == [0.5, -1.0]
    assert moved.network.at.grad is None and moved.network.fixed.item() == 5


def test_only_what_is_learned_is_a_parameter_of_the_player() -> None:
    assert list(player().parameters) == ["at"]


def test_a_rate_is_a_factor_of_the_one_that_the_optimizer_was_made_with() -> None:
    moved = player()
    for factor, expected in ((0.5, 0.25), (0.5, 0.25), (1.0, 0.5)):
        moved.set_rate(factor)
        assert moved.optimizer.param_groups[0]["lr"] == expected


@pytest.mark.parametrize(
    ("lagging", "expected"), [(False, [0.71875, -1.4375]), (True, [0.875, -1.75])]
)
def test_an_average_takes_the_weights_after_a_step_or_lags_behind_it(
    lagging: bool, expected: list[float]
) -> None:
    moved = player(average=True, lagging=lagging)
    for _ in range(2):
        moved.descend(moved.network.square())
    assert moved.averaged_parameters()["at"].tolist() == expected
    assert at(moved) == [0.25, -0.5]


def test_without_an_average_the_last_weights_are_tested() -> None:
    moved = player()
    moved.descend(moved.network.square())
    found = moved.averaged_parameters()
    assert found.keys() == {"at"} and found["at"].tolist() == at(moved)
    assert not found["at"].requires_grad


def test_gradients_are_taken_without_a_move_and_again_where_the_graph_is_kept() -> None:
    moved = player()
    loss = moved.network.square()
    for keep in (True, False):
        [gradient] = moved.differentiate(loss, keep_graph=keep)
        assert gradient.tolist() == [1.0, -2.0]
    with pytest.raises(RuntimeError, match="second time"):
        moved.differentiate(loss)
    assert at(moved) == [1.0, -2.0]


def test_the_historical_penalty_pulls_towards_the_mean_of_past_weights() -> None:
    moved = player(rate=0.5, weight=2.0)
    moved.descend(moved.network.square())  # the mean is where it stands
    assert moved.history is not None
    mean = moved.history.means["at"].clone()
    before = moved.network.at.detach().clone()
    [gradient] = moved.differentiate(moved.network.square())
    away = (before - mean).float()
    expected = before + 2.0 * 2 * away
    assert away.abs().min() > 0
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize(
    ("factor", "where"),
    [
        (float("nan"), "point: the loss is not finite (loss nan); nothing was updated"),
        (float("inf"), "point: the loss is not finite (loss inf); nothing was updated"),
    ],
)
def test_a_loss_that_is_not_finite_changes_nothing(factor: float, where: str) -> None:
    moved = player(average=True, weight=1.0)
    before = {name: t.clone() for name, t in moved.tensors().items()}
    with pytest.raises(NonFiniteError) as refused:
        moved.descend(moved.network.square() * factor)
    assert str(refused.value) == where
    assert all(torch.equal(t, before[name]) for name, t in moved.tensors().items())


def test_a_gradient_that_is_not_finite_is_named_though_the_loss_is() -> None:
    moved = player()
    with pytest.raises(
        NonFiniteError, match=r"^point: the gradient of at is not finite \(loss 0\)"
    ):
        moved.descend((moved.network.at - moved.network.at).abs().sqrt().sum())
    assert at(moved) == [1.0, -2.0]


def test_an_optimizer_that_is_refused_names_the_player() -> None:
    with pytest.raises(ValueError, match="^point: LBFGS cannot take a step along given gradients"):
        Player("point", Point(), torch.optim.LBFGS)


def test_the_tensors_of_a_player_are_live_and_named_by_what_they_are() -> None:
    make = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
    average = partial(WeightAverage, rate=constant_rate(0.25))
    full = Player("point", Point(), make, average, 1.0)
    found = full.tensors()
    history = {name for name in found if name.startswith("history.")}
    assert history and found.keys() - history == {
        *("network.at", "network.fixed", "network.count"),
        *("optimizer.momentum_buffer.at", "average.count", "average.value.at"),
    }
    full.descend(full.network.square())
    assert found["average.count"].item() == 1 and found["network.at"].tolist() == [0.5, -1.0]


# --- both ----------------------------------------------------------------------------------------


def state(seed: int = 0) -> State:
    adam = partial(torch.optim.Adam, lr=0.1)
    judging = Player[Discriminator]("discriminator", toy_discriminator((2,), 1, chance(seed)), adam)
    making = Player[Generator]("generator", toy_generator((2,), chance(seed)), adam)
    return State(judging, making)


def test_a_state_takes_over_all_of_another_and_its_step() -> None:
    one, other = state(0), state(1)
    for moved in one.players():
        moved.update(tuple(torch.ones_like(p) for p in moved.parameters.values()))
    one.step = 9
    assert one.sha256() != other.sha256()
    other.load(one.tensors())
    assert other.step == 9 and other.sha256() == one.sha256() and other.digests() == one.digests()
    steps = {n: t.item() for n, t in other.tensors().items() if ".optimizer.step." in n}
    assert steps and set(steps.values()) == {1}


def test_copies_stay_where_a_state_moves_on() -> None:
    moved = state()
    copies, before = moved.copied_tensors(), moved.sha256()
    for both in moved.players():
        both.update(tuple(torch.ones_like(p) for p in both.parameters.values()))
    moved.step = 1
    assert moved.sha256() != before
    moved.load(copies)
    assert moved.sha256() == before and moved.step == 0


def test_names_begin_with_the_player_and_the_step_is_among_them() -> None:
    names = state().tensors().keys()
    assert {name.partition(".")[0] for name in names} == {"step", "discriminator", "generator"}
    assert [p.name for p in state().players()] == ["discriminator", "generator"]


def test_one_bit_of_one_tensor_changes_its_digest_alone() -> None:
    moved = state()
    before, whole = moved.digests(), moved.sha256()
    bits = moved.tensors()["generator.network.output.bias"].detach().view(torch.int32)
    bits[0] ^= 1
    after = moved.digests()
    assert [n for n in before if before[n] != after[n]] == ["generator.network.output.bias"]
    assert moved.sha256() != whole
