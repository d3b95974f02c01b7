import io
import itertools
import math

import pytest
import torch
from pytest import approx
from torch import Tensor, nn

from convergan.objectives import HistoricalAverage, historical_averaging_penalty
from convergan.objectives.historical_averaging import Parameters
from tests import oracles
from tests.oracles import draw

decays = pytest.mark.parametrize("decay", [None, 0.9])


def walk(length: int) -> list[dict[str, Tensor]]:
    """A random walk of two parameters, one of them a matrix."""
    steps = zip(draw(length, 3, seed=1), draw(length, 2, 2, seed=2), strict=True)
    positions = itertools.accumulate(steps, lambda p, step: (p[0] + step[0], p[1] + step[1]))
    return [{"bias": bias, "weight": weight} for bias, weight in positions]


def follow(path: list[dict[str, Tensor]], decay: float | None = None) -> HistoricalAverage:
    average = HistoricalAverage(path[0].items(), decay=decay)
    for parameters in path[1:]:
        average.update(parameters)
    return average


def test_penalty_is_that_of_a_list_of_all_past_parameters() -> None:
    path = walk(20)
    for length in range(1, 21):
        average = follow(path[:length])
        penalty = historical_averaging_penalty(path[length - 1], average.means)
        past = [torch.cat([p.flatten() for p in each.values()]).numpy() for each in path[:length]]
        expected = oracles.historical_averaging_penalty(past)
        assert penalty.item() == approx(expected, rel=1e-12, abs=1e-12)
        assert average.count.item() == length


@decays
def test_mean_is_that_of_a_list_of_all_past_parameters(decay: float | None) -> None:
    path = walk(50)
    average = follow(path, decay)
    for name, mean in average.means.items():
        past = [parameters[name].numpy() for parameters in path]
        slow = oracles.exponential_mean(past, decay) if decay else oracles.uniform_mean(past)
        torch.testing.assert_close(mean, torch.from_numpy(slow), rtol=1e-12, atol=1e-12)


@decays
def test_first_step_has_neither_penalty_nor_gradient(decay: float | None) -> None:
    parameters = {name: p.requires_grad_() for name, p in walk(1)[0].items()}
    average = HistoricalAverage(parameters.items(), decay)
    penalty = historical_averaging_penalty(parameters, average.means)
    assert penalty.item() == 0
    gradients = torch.autograd.grad(penalty, list(parameters.values()))
    assert all(not g.any() for g in gradients)


@decays
def test_parameters_at_rest_are_never_penalised(decay: float | None) -> None:
    path = walk(1) * 30
    assert historical_averaging_penalty(path[0], follow(path, decay).means).item() < 1e-28


def test_penalty_of_a_straight_line_grows_with_the_square_of_its_length() -> None:
    # theta[t] = t (1 - D) has the mean (t + 1) (1 - D) / 2, of D = 0.4 here.
    average = HistoricalAverage([("d", torch.tensor([0.6], dtype=torch.float64))])
    for t in range(2, 12):
        parameters = {"d": torch.tensor([t * 0.6], dtype=torch.float64)}
        average.update(parameters)
        penalty = historical_averaging_penalty(parameters, average.means)
        assert penalty.item() == approx(0.6**2 * (t - 1) ** 2 / 4, rel=1e-12)


def test_penalty_is_summed_over_all_tensors() -> None:
    theta, mean = draw(6, seed=3), draw(6, seed=4)
    whole = historical_averaging_penalty({"all": theta}, {"all": mean})
    halves = historical_averaging_penalty(
        {"a": theta[:2], "b": theta[2:]}, {"b": mean[2:], "a": mean[:2], "unused": mean}
    )
    assert halves.item() == approx(whole.item(), rel=1e-14)


def test_gradient_is_twice_the_distance_from_a_constant_mean() -> None:
    path = walk(5)
    average = follow(path)
    parameters = {name: p.clone().requires_grad_() for name, p in path[-1].items()}
    penalty = historical_averaging_penalty(parameters, average.means)
    gradients = torch.autograd.grad(penalty, list(parameters.values()))
    for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        expected = 2 * (parameter - average.means[name])
        torch.testing.assert_close(gradient, expected, rtol=1e-14, atol=0)
        assert not average.means[name].requires_grad


def test_gradient_passes_gradcheck() -> None:
    a, b = draw(3, seed=5).requires_grad_(), draw(2, 2, seed=6).requires_grad_()
    means = {"a": draw(3, seed=7), "b": draw(2, 2, seed=8)}
    assert torch.autograd.gradcheck(
        lambda a, b: historical_averaging_penalty({"a": a, "b": b}, means), (a, b)
    )


def test_penalty_moves_parameters_in_proportion_to_its_weight() -> None:
    path = walk(5)
    means, start = follow(path).means, path[-1]["bias"]
    moves = []
    for weight in (0.1, 0.2, 0.4):
        theta = start.clone().requires_grad_()
        loss = weight * historical_averaging_penalty({"bias": theta}, means)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.optim.SGD([theta], lr=0.1).step()
        moves.append(theta.detach() - start)
    torch.testing.assert_close(moves[1], 2 * moves[0])
    torch.testing.assert_close(moves[2], 4 * moves[0])
    assert bool((moves[0] * (means["bias"] - start) > 0).all())  # towards the mean


@decays
def test_mean_after_a_restore_is_the_same_to_the_bit(decay: float | None) -> None:
    path = walk(40)
    saved = {name: tensor.clone() for name, tensor in follow(path[:15], decay).tensors().items()}
    resumed = HistoricalAverage(path[30].items(), decay)
    for name, tensor in resumed.tensors().items():
        tensor.copy_(saved[name])
    for parameters in path[15:]:
        resumed.update(parameters)
    straight = follow(path, decay).tensors()
    assert resumed.tensors().keys() == straight.keys() == {"count", "mean.bias", "mean.weight"}
    assert all(torch.equal(t, straight[name]) for name, t in resumed.tensors().items())


def test_mean_of_float32_parameters_still_moves_after_ten_million_steps() -> None:
    average = HistoricalAverage([("w", torch.ones(1))])
    average.tensors()["count"].fill_(1e7)
    average.update({"w": torch.full((1,), 2.0)})
    assert average.means["w"].item() == approx(1 + 1 / (1e7 + 1), abs=1e-15)


def test_average_keeps_nothing_of_the_parameters_but_their_values() -> None:
    parameter = torch.ones(2, dtype=torch.float64, requires_grad=True)
    average = HistoricalAverage([("w", parameter)])
    with torch.no_grad():
        parameter.fill_(5)
    assert average.means["w"].tolist() == [1, 1]
    average.update({"w": parameter})
    assert average.means["w"].tolist() == [3, 3]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_penalty_has_the_dtype_of_the_parameters_and_the_mean_float64(dtype: torch.dtype) -> None:
    parameters = {"w": torch.ones(3, dtype=dtype)}
    average = HistoricalAverage(parameters.items())
    assert historical_averaging_penalty(parameters, average.means).dtype is dtype
    assert {t.dtype for t in average.tensors().values()} == {torch.float64}


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_decay_outside_zero_and_one_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=f"between 0 and 1, got {decay}"):
        HistoricalAverage([], decay)


def play(weight: float, steps: int, decay: float | None = None) -> float:
    """Play (f(x) - 1)(y - 1), x down and y up, and return the distance from (1, 1)."""
    x, y = torch.tensor(0.3, dtype=torch.float64), torch.tensor(0.2, dtype=torch.float64)
    players = {"x": x.requires_grad_(), "y": y.requires_grad_()}
    average = HistoricalAverage(players.items(), decay)
    for _ in range(steps):
        f = x if x.item() < 0 else x * x
        penalty = weight * historical_averaging_penalty(players, average.means)
        of_x, of_y = torch.autograd.grad((f - 1) * (y - 1), [x, y])
        pull_x, pull_y = torch.autograd.grad(penalty, [x, y])
        with torch.no_grad():
            x -= 0.05 * (of_x + pull_x)
            y -= 0.05 * (-of_y + pull_y)
        average.update(players)
    return math.hypot(x.item() - 1, y.item() - 1)


def test_toy_game_diverges_without_historical_averaging() -> None:
    assert play(0.0, steps=900) > 10


@pytest.mark.parametrize("decay", [None, 0.99])
def test_toy_game_converges_under_historical_averaging(decay: float | None) -> None:
    assert play(0.1, steps=2000, decay=decay) < 5e-3


# --- modules, mappings and pairs -----------------------------------------------------------------


def kinds(network: nn.Module) -> list[Parameters]:
    """The same parameters in all three ways."""
    pairs = list(network.named_parameters())
    return [network, dict(pairs), pairs, iter(pairs)]


def line() -> nn.Linear:
    network = nn.Linear(2, 1).double()
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0, 2.0]]))
        network.bias.zero_()
    return network


@pytest.mark.parametrize("kind", range(4))
def test_a_module_a_mapping_and_pairs_are_taken_everywhere(kind: int) -> None:
    network = line()
    average = HistoricalAverage(kinds(network)[kind])
    with torch.no_grad():
        network.weight += 2
    assert average.penalty(kinds(network)[kind]).item() == 8
    assert historical_averaging_penalty(kinds(network)[kind], average.means).item() == 8
    average.update(kinds(network)[kind])
    assert average.means["weight"].tolist() == [[2.0, 3.0]] and average.count.item() == 2


def test_of_a_module_only_what_is_trained_is_averaged() -> None:
    network = line()
    network.bias.requires_grad_(False)
    assert HistoricalAverage(network).means.keys() == {"weight"}


@decays
def test_a_loaded_state_goes_on_to_the_same_bits(decay: float | None) -> None:
    path = walk(30)
    first = follow(path[:10], decay)
    buffer = io.BytesIO()
    torch.save(first.state_dict(), buffer)
    buffer.seek(0)
    other = HistoricalAverage(path[20], decay)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    for parameters in path[10:]:
        first.update(parameters)
        other.update(parameters)
    assert first.state_dict().keys() == other.state_dict().keys()
    assert all(torch.equal(t, other.state_dict()[name]) for name, t in first.state_dict().items())


def test_a_state_of_another_network_is_refused_and_changes_nothing() -> None:
    average = HistoricalAverage(line())
    with pytest.raises(ValueError, match="mean.bias is in one alone"):
        average.load_state_dict({"count": torch.ones(()), "mean.weight": torch.ones(1, 2)})
    wrong = {name: torch.ones(3) for name in average.state_dict()}
    with pytest.raises(ValueError, match=r"count has shape \(\), in the state to load \(3,\)"):
        average.load_state_dict(wrong)
    assert average.count.item() == 1 and average.means["weight"].tolist() == [[1.0, 2.0]]


def test_an_average_moves_to_a_device_and_says_where_it_is_when_it_has_not() -> None:
    average = HistoricalAverage(line())
    assert average.to("meta") is average
    assert {mean.device.type for mean in average.means.values()} == {"meta"}
    for call in (average.update, average.penalty):
        with pytest.raises(ValueError, match=r"weight is on \w+ and \w+; .* by \.to\(device\)"):
            call(line())


def test_a_missing_parameter_and_another_shape_are_named() -> None:
    average = HistoricalAverage(line())
    with pytest.raises(ValueError, match="there is no bias among"):
        average.update({"weight": torch.ones(1, 2)})
    with pytest.raises(ValueError, match=r"weight has shape \(3,\) and \(1, 2\)"):
        average.penalty({"weight": torch.ones(3)})
    assert average.count.item() == 1


@pytest.mark.parametrize(("saved", "into"), [(0.9, None), (None, 0.9), (0.9, 0.5)])
def test_a_state_of_another_decay_is_refused(saved: float | None, into: float | None) -> None:
    path = walk(3)
    state = follow(path, saved).state_dict()
    other = follow(path[:1], into)
    with pytest.raises(ValueError, match=f"has decay {into}, the state to load {saved}$"):
        other.load_state_dict(state)
    assert other.count.item() == 1


@decays
def test_a_state_that_does_not_tell_its_decay_is_taken(decay: float | None) -> None:
    path = walk(3)
    average, other = follow(path, decay), follow(path[:1], decay)
    other.load_state_dict(average.tensors())
    assert other.count.item() == 3 and other.decay == decay


def test_parameters_without_names_are_refused() -> None:
    network = nn.Linear(2, 1)
    with pytest.raises(ValueError, match=r"pass the network itself, or named_parameters\(\)"):
        HistoricalAverage(network.parameters())  # type: ignore[arg-type]


def test_a_penalty_of_frozen_parameters_alone_is_refused() -> None:
    network = nn.Linear(2, 1).requires_grad_(False)
    with pytest.raises(ValueError, match="there are no trainable parameters; are all frozen"):
        HistoricalAverage(network).penalty(network)
