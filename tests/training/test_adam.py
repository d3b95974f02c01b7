import copy
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from convergan.training import AdamInsideRoot, TensorFlowAdam

LR, BETA1, BETA2 = 0.003, 0.5, 0.999


def adam_slowly(
    start: list[float], gradients: list[list[float]], *, epsilon: float
) -> list[list[float]]:
    """Kingma & Ba, algorithm 1, number by number, with epsilon under the root."""
    values = np.array(start)
    first, second = np.zeros(len(start)), np.zeros(len(start))
    visited = []
    for count, gradient in enumerate(gradients, start=1):
        for i, g in enumerate(gradient):
            first[i] = BETA1 * first[i] + (1 - BETA1) * g
            second[i] = BETA2 * second[i] + (1 - BETA2) * g * g
            unbiased_first = first[i] / (1 - BETA1**count)
            unbiased_second = second[i] / (1 - BETA2**count)
            values[i] -= LR * unbiased_first / math.sqrt(unbiased_second + epsilon)
        visited.append(values.tolist())
    return visited


def random_gradients(steps: int, size: int) -> list[list[float]]:
    """Gradients of magnitudes from 1e-8 to 1, because epsilon matters around 1e-4."""
    chance = np.random.default_rng(0)
    magnitudes = 10.0 ** chance.uniform(-8, 0, (steps, size))
    gradients: list[list[float]] = (magnitudes * chance.choice([-1, 1], (steps, size))).tolist()
    return gradients


def path_of(
    optimizer: torch.optim.Optimizer, parameters: list[Tensor], gradients: list[list[float]]
) -> list[list[float]]:
    """Descend along given gradients, of which each parameter gets its share."""
    visited = []
    for gradient in gradients:
        sizes = [parameter.numel() for parameter in parameters]
        shares = torch.split(torch.tensor(gradient, dtype=torch.float64), sizes)
        for parameter, share in zip(parameters, shares, strict=True):
            parameter.grad = share.view_as(parameter).clone()
        optimizer.step()
        visited.append(torch.cat([p.detach().flatten() for p in parameters]).tolist())
    return visited


def weights(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def inside(parameters: list[Tensor], *, epsilon: float = 1e-8) -> AdamInsideRoot:
    return AdamInsideRoot(parameters, lr=LR, betas=(BETA1, BETA2), epsilon=epsilon)


def outside(parameters: list[Tensor], *, epsilon: float) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, lr=LR, betas=(BETA1, BETA2), eps=epsilon)


@pytest.mark.parametrize("epsilon", [1e-8, 1e-4, 1.0])
def test_every_step_is_that_of_the_slow_loop(epsilon: float) -> None:
    gradients = random_gradients(20, 5)
    parameters = [weights(1, -2), weights(0, 3, 0.5)]
    visited = path_of(inside(parameters, epsilon=epsilon), parameters, gradients)
    expected = adam_slowly([1, -2, 0, 3, 0.5], gradients, epsilon=epsilon)
    np.testing.assert_allclose(visited, expected, rtol=1e-12, atol=1e-14)


def test_without_epsilon_it_is_the_usual_adam() -> None:
    gradients = random_gradients(20, 3)
    ours, theirs = [weights(1, 2, 3)], [weights(1, 2, 3)]
    visited = path_of(inside(ours, epsilon=0), ours, gradients)
    expected = path_of(outside(theirs, epsilon=0), theirs, gradients)
    np.testing.assert_allclose(visited, expected, rtol=1e-12)


def test_as_epsilon_vanishes_it_becomes_the_usual_adam() -> None:
    gradients = random_gradients(20, 3)
    theirs = [weights(1, 2, 3)]
    expected = np.array(path_of(outside(theirs, epsilon=0), theirs, gradients))
    distances = []
    for epsilon in (1e-4, 1e-8, 1e-12, 1e-26):
        ours = [weights(1, 2, 3)]
        visited = path_of(inside(ours, epsilon=epsilon), ours, gradients)
        distances.append(np.abs(np.array(visited) - expected).max())
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 1e-3 and distances[-1] < 1e-9


def first_moves(optimizer: torch.optim.Optimizer, parameter: Tensor, gradients: Tensor) -> Tensor:
    before = parameter.detach().clone()
    parameter.grad = gradients
    optimizer.step()
    return (parameter.detach() - before).abs()


def test_it_is_within_a_factor_of_root_two_of_epsilon_1e_4_outside() -> None:
    gradients = torch.logspace(-10, 4, 141, dtype=torch.float64)  # the 61st is 1e-4
    ours, theirs = (torch.zeros(141, dtype=torch.float64, requires_grad=True) for _ in range(2))
    moved = first_moves(inside([ours], epsilon=1e-8), ours, gradients)
    ratio = moved / first_moves(outside([theirs], epsilon=1e-4), theirs, gradients)
    assert 1 - 1e-9 < float(ratio.min()) and float(ratio.max()) < math.sqrt(2) + 1e-9
    assert int(ratio.argmax()) == 60
    assert float(ratio.max()) == pytest.approx(math.sqrt(2), rel=1e-9)
    for end in (ratio[0], ratio[-1]):
        assert float(end) == pytest.approx(1, abs=1e-5)


def test_the_usual_epsilon_moves_tiny_gradients_many_times_faster() -> None:
    gradients = torch.tensor([1e-7], dtype=torch.float64)
    ours, theirs = weights(0), weights(0)
    slow = first_moves(inside([ours]), ours, gradients)
    fast = first_moves(outside([theirs], epsilon=1e-8), theirs, gradients)
    assert 800 < float(fast / slow) < 1000


def test_a_vanishing_gradient_moves_nothing() -> None:
    parameter = weights(1, -1)
    moved = first_moves(inside([parameter]), parameter, torch.zeros(2, dtype=torch.float64))
    assert moved.tolist() == [0, 0]


def test_a_parameter_without_a_gradient_stays() -> None:
    moving, resting = weights(1), weights(1)
    moving.grad = torch.ones(1, dtype=torch.float64)
    inside([moving, resting]).step()
    assert resting.item() == 1 and moving.item() == pytest.approx(1 - LR)


def test_the_learning_rate_of_each_group_is_read_at_each_step() -> None:
    parameter = weights(0)
    optimizer = inside([parameter], epsilon=0)
    optimizer.param_groups[0]["lr"] = 0.25
    assert first_moves(optimizer, parameter, torch.ones(1, dtype=torch.float64)).item() == 0.25


def test_both_moments_and_the_count_are_what_a_checkpoint_would_hold() -> None:
    gradients = random_gradients(6, 2)
    whole = [weights(1, 2)]
    expected = path_of(inside(whole), whole, gradients)
    first_half = [weights(1, 2)]
    stopped = inside(first_half)
    path_of(stopped, first_half, gradients[:3])
    resumed = [weights(*first_half[0].tolist())]
    optimizer = inside(resumed)
    optimizer.state[resumed[0]] = {k: v.clone() for k, v in stopped.state[first_half[0]].items()}
    assert set(optimizer.state[resumed[0]]) == {"step", "exp_avg", "exp_avg_sq"}
    assert path_of(optimizer, resumed, gradients[3:]) == expected[3:]


def test_the_first_step_is_the_gradient_over_its_length_with_epsilon_under_the_root() -> None:
    gradients = torch.tensor([1e-9, 1e-4, -1e-4, 3.0], dtype=torch.float64)
    parameter = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    first_moves(inside([parameter], epsilon=1e-8), parameter, gradients)
    expected = -LR * gradients / (gradients.square() + 1e-8).sqrt()
    torch.testing.assert_close(parameter.detach(), expected, rtol=1e-12, atol=0)
    assert parameter[1].item() == pytest.approx(-LR / math.sqrt(2))


def test_the_unbiased_second_moment_is_larger_by_exactly_epsilon() -> None:
    gradients = random_gradients(15, 3)
    ours, theirs = weights(1, 2, 3), weights(1, 2, 3)
    one, other = inside([ours], epsilon=1e-3), outside([theirs], epsilon=0)
    for count, gradient in enumerate(gradients, start=1):
        path_of(one, [ours], [gradient])
        path_of(other, [theirs], [gradient])
        larger = one.state[ours]["exp_avg_sq"] - other.state[theirs]["exp_avg_sq"]
        unbiased = larger / (1 - BETA2**count)
        torch.testing.assert_close(unbiased, torch.full_like(unbiased, 1e-3), rtol=1e-10, atol=0)
        torch.testing.assert_close(one.state[ours]["exp_avg"], other.state[theirs]["exp_avg"])


def test_a_step_without_a_gradient_is_as_if_it_had_never_been() -> None:
    gradients = random_gradients(9, 2)
    always, sometimes = weights(1), weights(2)
    optimizer = inside([always, sometimes], epsilon=1e-6)
    for count, (one, other) in enumerate(gradients):
        always.grad = torch.tensor([one], dtype=torch.float64)
        skipped = count in (0, 1, 4)
        sometimes.grad = None if skipped else torch.tensor([other], dtype=torch.float64)
        optimizer.step()
    kept = [[other] for count, (_, other) in enumerate(gradients) if count not in (0, 1, 4)]
    for parameter, start, given in (
        (always, 1.0, [[one] for one, _ in gradients]),
        (sometimes, 2.0, kept),
    ):
        expected = adam_slowly([start], given, epsilon=1e-6)[-1]
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-12)
        assert optimizer.state[parameter]["step"].item() == len(given)


def test_float32_weights_go_the_way_of_float64_ones() -> None:
    gradients = random_gradients(20, 5)
    single = torch.tensor([1, -2, 0, 3, 0.5], requires_grad=True)
    optimizer = inside([single])
    for gradient in gradients:
        single.grad = torch.tensor(gradient)
        optimizer.step()
    expected = adam_slowly([1, -2, 0, 3, 0.5], gradients, epsilon=1e-8)[-1]
    np.testing.assert_allclose(single.detach().numpy(), expected, rtol=1e-5, atol=1e-7)


def tensorflow_slowly(start: list[float], gradients: list[list[float]]) -> list[list[float]]:
    """The formula of TensorFlow's documentation, number by number: epsilon hat of the paper."""
    values, first, second = list(start), [0.0] * len(start), [0.0] * len(start)
    visited = []
    for count, gradient in enumerate(gradients, start=1):
        rate = LR * math.sqrt(1 - BETA2**count) / (1 - BETA1**count)
        for i, g in enumerate(gradient):
            first[i] = BETA1 * first[i] + (1 - BETA1) * g
            second[i] = BETA2 * second[i] + (1 - BETA2) * g * g
            values[i] -= rate * first[i] / (math.sqrt(second[i]) + 1e-8)
        visited.append(list(values))
    return visited


def tensorflow(parameters: list[Tensor]) -> TensorFlowAdam:
    return TensorFlowAdam(parameters, lr=LR, betas=(BETA1, BETA2))


def test_every_step_of_tensorflows_is_that_of_the_slow_loop() -> None:
    gradients = random_gradients(40, 5)
    parameters = [weights(1, -2), weights(0, 3, 0.5)]
    visited = path_of(tensorflow(parameters), parameters, gradients)
    expected = tensorflow_slowly([1, -2, 0, 3, 0.5], gradients)
    np.testing.assert_allclose(visited, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.nightly
def test_tensorflows_epsilon_fades_to_that_of_the_usual_adam() -> None:
    """By 31.6 at first: a gradient of 1e-7 moves 0.24 as far; after 20,000 steps the same."""
    ratios = []
    ours, theirs = weights(0), weights(0)
    optimizers = tensorflow([ours]), outside([theirs], epsilon=1e-8)
    for step in range(20_000):
        before = ours.item(), theirs.item()
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = torch.full((1,), 1e-7, dtype=torch.float64)
            optimizer.step()
        if step in (0, 1999, 19_999):
            ratios.append((ours.item() - before[0]) / (theirs.item() - before[1]))
    assert ratios[0] == pytest.approx(1.1 / (1 + 0.1 * 31.6228), rel=1e-4)
    assert ratios[1] == pytest.approx(1.1 / (1 + 0.1 * 1.07533), rel=1e-3)
    assert ratios[2] == pytest.approx(1, abs=1e-6)


def test_tensorflows_goes_on_from_its_own_state() -> None:
    """The count is in the state that a checkpoint holds."""
    gradients = random_gradients(20, 2)
    whole = [weights(1, 2)]
    expected = path_of(tensorflow(whole), whole, gradients)
    first = [weights(1, 2)]
    optimizer = tensorflow(first)
    path_of(optimizer, first, gradients[:10])
    second = [weights(*first[0].tolist())]
    again = tensorflow(second)
    again.state[second[0]] = {k: v.clone() for k, v in optimizer.state[first[0]].items()}
    np.testing.assert_allclose(path_of(again, second, gradients[10:]), expected[10:], rtol=1e-12)


@pytest.mark.parametrize("make", [inside, tensorflow])
def test_gradients_of_other_strides_move_their_own_weights(
    make: Callable[[list[Tensor]], torch.optim.Optimizer],
) -> None:
    chance = torch.Generator().manual_seed(0)
    gradient = torch.randn(8, 4, 3, 3, generator=chance, dtype=torch.float64)
    moved = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        weight = torch.zeros(8, 4, 3, 3, dtype=torch.float64, requires_grad=True)
        weight.grad = gradient.to(memory_format=memory_format)
        make([weight]).step()
        moved.append(weight.detach())
    assert torch.equal(*moved) and torch.equal(moved[0].sign(), -gradient.sign())


BOTH = pytest.mark.parametrize("make", [inside, tensorflow])
Make = Callable[[list[Tensor]], AdamInsideRoot | TensorFlowAdam]


@BOTH
def test_a_saved_state_a_copy_and_a_pickle_go_on_alike(make: Make) -> None:
    gradients = random_gradients(20, 2)
    whole = [weights(1, 2)]
    expected = path_of(make(whole), whole, gradients)
    first = [weights(1, 2)]
    optimizer = make(first)
    path_of(optimizer, first, gradients[:10])
    saved = copy.deepcopy(optimizer.state_dict())
    again = [weights(*first[0].tolist())]
    loaded = type(optimizer)(again, lr=1.0, betas=(0.1, 0.1), epsilon=0.5)
    loaded.load_state_dict(saved)
    np.testing.assert_allclose(path_of(loaded, again, gradients[10:]), expected[10:], rtol=1e-12)
    for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        [parameter] = copied.param_groups[0]["params"]
        found = path_of(copied, [parameter], gradients[10:])
        np.testing.assert_allclose(found, expected[10:], rtol=1e-12)


@BOTH
def test_groups_have_their_own_epsilon_and_may_rest_or_come_later(make: Make) -> None:
    one, other, late = weights(0), weights(0), weights(0)
    optimizer = make([one])
    optimizer.add_param_group({"params": [other], "epsilon": 1.0})
    for parameter in (one, other):
        parameter.grad = torch.full((1,), 1e-3, dtype=torch.float64)
    optimizer.step()
    assert abs(other.item()) < 0.1 * abs(one.item())
    one.grad = None
    before = one.item()
    optimizer.add_param_group({"params": [late]})
    late.grad = torch.ones(1, dtype=torch.float64)
    optimizer.step()
    assert one.item() == before and late.item() == pytest.approx(-LR)


@BOTH
def test_each_parameter_counts_its_own_steps(make: Make) -> None:
    gradients = random_gradients(6, 2)
    early, late = weights(1), weights(2)
    optimizer = make([early, late])
    for count, (first, second) in enumerate(gradients):
        early.grad = torch.tensor([first], dtype=torch.float64)
        late.grad = torch.tensor([second], dtype=torch.float64) if count >= 3 else None
        optimizer.step()
    alone = [weights(2)]
    path = path_of(make(alone), alone, [[second] for _, second in gradients[3:]])
    assert late.item() == pytest.approx(path[-1][0], rel=1e-12)


def test_a_step_that_a_gradient_scaler_skips_changes_no_moment() -> None:
    parameter = torch.ones(2, requires_grad=True)
    optimizer = AdamInsideRoot([parameter], lr=LR, betas=(BETA1, BETA2), epsilon=1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    scaler.scale(parameter.sum() * float("inf")).backward()  # type: ignore[no-untyped-call]
    scaler.step(optimizer)
    scaler.update()
    assert parameter.tolist() == [1, 1]
    assert not optimizer.state[parameter]["exp_avg_sq"].any()


@BOTH
def test_moments_follow_a_parameter_that_changes_its_layout(make: Make) -> None:
    chance = torch.Generator().manual_seed(0)
    gradients = [torch.randn(8, 4, 3, 3, generator=chance).double() for _ in range(4)]
    ends = []
    for changes in (False, True):
        weight = torch.zeros(8, 4, 3, 3, dtype=torch.float64, requires_grad=True)
        optimizer = make([weight])
        for step, gradient in enumerate(gradients):
            if changes and step == 2:
                weight.data = weight.data.to(memory_format=torch.channels_last)
            weight.grad = gradient.to(memory_format=torch.contiguous_format)
            optimizer.step()
        ends.append(weight.detach())
    torch.testing.assert_close(*ends, rtol=1e-12, atol=1e-14)


def test_what_the_fused_update_cannot_take_is_refused() -> None:
    gappy = torch.zeros(4, 6)[:, ::2].requires_grad_()
    with pytest.raises(ValueError, match=r"shape \(4, 3\) has strides \(6, 2\), with gaps"):
        AdamInsideRoot([gappy], lr=LR, betas=(BETA1, BETA2))
    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(ValueError, match=f"is {dtype}, in which epsilon is lost"):
            AdamInsideRoot([torch.zeros(2, dtype=dtype)], lr=LR, betas=(BETA1, BETA2))


def test_a_group_that_comes_later_is_refused_alike_and_left_out() -> None:
    one, gappy = weights(1), torch.zeros(4, 6)[:, ::2].requires_grad_()
    optimizer = inside([one])
    with pytest.raises(ValueError, match="with gaps or overlaps in its memory"):
        optimizer.add_param_group({"params": [gappy]})
    gappy.grad, one.grad = torch.ones(4, 3), torch.ones(1, dtype=torch.float64)
    optimizer.step()
    assert not gappy.any() and one.item() == pytest.approx(1 - LR)


def test_tensorflows_moves_parameters_with_gaps_and_nothing_between() -> None:
    whole = torch.zeros(4, 6)
    gappy = whole[:, ::2].detach().requires_grad_()
    gappy.grad = torch.ones(4, 3)
    tensorflow([gappy]).step()
    assert gappy.tolist() == [[pytest.approx(-LR)] * 3] * 4 and not whole[:, 1::2].any()


@BOTH
def test_values_out_of_range_and_closures_are_refused(make: Make) -> None:
    kind = type(make([weights(1)]))
    with pytest.raises(ValueError, match=r"betas must lie between 0 and 1, got \(0, 0.9\)"):
        kind([weights(1)], lr=LR, betas=(0, 0.9))
    with pytest.raises(ValueError, match="epsilon must not be negative, got -1"):
        kind([weights(1)], lr=LR, betas=(BETA1, BETA2), epsilon=-1)
    with pytest.raises(ValueError, match=f"{kind.__name__} takes no closure"):
        make([weights(1)]).step(lambda: None)
