"""One update of a player, whatever the memory layout of its parameters and gradients."""

import math
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.small import small
from convergan.networks import Discriminator
from convergan.recipes import RECIPES, Recipe, describe
from convergan.training import (
    AdamInsideRoot,
    Player,
    State,
    TensorFlowAdam,
    WeightAverage,
    checkpoint,
    constant_rate,
)

Array = np.ndarray[Any, Any]
CPU = torch.device("cpu")
FORMATS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}

# --- what an optimizer is to do, from its formula, element by element ---


def first_step(optimizer: torch.optim.Optimizer, value: Array, gradient: Array) -> Array:
    """Adam's first step: both corrections leave the gradient and its square."""
    [group] = optimizer.param_groups
    beta1, beta2 = group["betas"]
    moment = (1 - beta1) * gradient / (1 - beta1)
    square = (1 - beta2) * gradient**2 / (1 - beta2)
    name = type(optimizer).__name__
    if name == "AdamInsideRoot":
        below = np.sqrt(square + group["epsilon"])
    elif name == "TensorFlowAdam":
        below = np.sqrt(square) + group["epsilon"] / math.sqrt(1 - beta2)
    else:
        assert name == "Adam"
        below = np.sqrt(square) + group["eps"]
    moved: Array = value - group["lr"] * moment / below
    return moved


def optimizers() -> dict[str, Callable[..., torch.optim.Optimizer]]:
    """Every optimizer of a recipe, by what it is."""
    found = {}
    for make in RECIPES.values():
        recipe = make()
        for optimizer in (recipe.discriminator_optimizer, recipe.generator_optimizer):
            found[str(describe(optimizer))] = optimizer
    return found


def networks() -> dict[str, tuple[str, str]]:
    """A recipe and a player for each different network of all recipes."""
    found: dict[str, tuple[str, str]] = {}
    for name, make in RECIPES.items():
        recipe = make()
        for player in ("discriminator", "generator"):
            found.setdefault(str(describe(getattr(recipe, player))), (name, player))
    return found


@cache
def small_recipe(name: str) -> tuple[Recipe, torch.Size]:
    recipe, dataset = small(RECIPES[name]())
    return recipe, recipe.as_players_see(dataset).train.images[:8].shape


def network_of(name: str, player: str) -> tuple[nn.Module, Tensor]:
    """A narrow network and something to put in."""
    recipe, shape = small_recipe(name)
    chance = torch.Generator().manual_seed(0)
    if player == "generator":
        generator = recipe.generator(shape[1:], chance)
        return generator.double(), generator.draw_latent(8, chance).double()
    rows = torch.rand(shape, generator=chance, dtype=torch.float64)
    return recipe.discriminator(shape[1:], 2, chance).double(), rows


def loss_of(network: nn.Module, rows: Tensor) -> Tensor:
    """Something whose gradient reaches every parameter; with a second derivative if that is had."""
    if not isinstance(network, Discriminator):
        made: Tensor = network(rows)
        return made.square().sum()
    rows = rows.requires_grad_()
    logits = network(rows).logits
    [slopes] = torch.autograd.grad(logits.square().sum(), rows, create_graph=True)
    return logits.logsumexp(dim=1).square().sum() + slopes.square().sum()


@pytest.mark.slow
@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("recipe, kind", networks().values())
def test_every_optimizer_moves_every_weight_by_its_own_gradient(
    recipe: str, kind: str, memory_format: str
) -> None:
    network, rows = network_of(recipe, kind)
    network.to(memory_format=FORMATS[memory_format])  # type: ignore[call-overload]
    named = {n: p for n, p in network.named_parameters() if p.requires_grad}
    before = {name: p.detach().clone() for name, p in named.items()}
    gradients = torch.autograd.grad(
        loss_of(network, rows), list(named.values()), allow_unused=True, materialize_grads=True
    )
    for what, make in optimizers().items():
        player = Player(kind, network, make)
        player.update(gradients)
        for (name, parameter), gradient in zip(named.items(), gradients, strict=True):
            start, slope = before[name].contiguous().numpy(), gradient.contiguous().numpy()
            right = first_step(player.optimizer, start, slope)
            moved = np.abs(right - start).max()
            apart = np.abs(parameter.detach().contiguous().numpy() - right).max()
            assert apart <= 1e-9 * moved + 1e-15, (what, name)
            assert parameter.stride() == before[name].stride()
        with torch.no_grad():
            for name, parameter in named.items():
                parameter.copy_(before[name])


def test_the_list_of_optimizers_and_networks_is_not_empty() -> None:
    assert len(optimizers()) >= 6 and len(networks()) >= 20


# --- any parameter, any gradient, any dtype ---

SHAPE = (4, 3, 5, 2)
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x.clone(memory_format=torch.contiguous_format),
    "channels last": lambda x: x.to(memory_format=torch.channels_last).clone(),
    "transposed": lambda x: x.transpose(0, 2).contiguous().transpose(0, 2),
    "backwards": lambda x: x.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0),
    "with gaps": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
    "of one number": lambda x: x.flatten()[:1].view(1, 1, 1, 1).expand(SHAPE),
}
MAKERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "fused Adam": partial(torch.optim.Adam, lr=0.1, fused=True),
    "fused AdamW": partial(torch.optim.AdamW, lr=0.1, fused=True),
    "fused SGD": partial(torch.optim.SGD, lr=0.1, momentum=0.9, fused=True),
    "fused Adagrad": partial(torch.optim.Adagrad, lr=0.1, fused=True),
    "foreach Adam": partial(torch.optim.Adam, lr=0.1, foreach=True),
    "plain Adam": partial(torch.optim.Adam, lr=0.1, foreach=False),
    "plain SGD": partial(torch.optim.SGD, lr=0.1),
}


class OneWeight(nn.Module):
    """A parameter of a layout."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)


def a_player(weight: Tensor, make: Callable[..., torch.optim.Optimizer]) -> Player[OneWeight]:
    average = partial(WeightAverage, rate=constant_rate(0.25))
    return Player("judge", OneWeight(weight), make, average, historical_weight=0.5)


def values(dtype: torch.dtype, seed: int) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(SHAPE, generator=chance, dtype=torch.float64).to(dtype)


def tensors(player: Player[OneWeight]) -> dict[str, Tensor]:
    return {
        name: t.clone(memory_format=torch.contiguous_format) for name, t in player.tensors().items()
    }


@pytest.mark.parametrize("optimizer", MAKERS)
@pytest.mark.parametrize("weight", ["contiguous", "channels last", "transposed", "backwards"])
@pytest.mark.parametrize("gradient", LAYOUTS)
def test_two_updates_do_not_depend_on_memory(weight: str, gradient: str, optimizer: str) -> None:
    half = (torch.bfloat16,) if not optimizer.startswith("fused") else ()
    for dtype in (torch.float32, torch.float64, *half):
        rounding = 0.02 if dtype in half else 1e-6  # tails of vectors are rounded in another way
        laid = a_player(LAYOUTS[weight](values(dtype, 0)), MAKERS[optimizer])
        plain = a_player(values(dtype, 0), MAKERS[optimizer])
        for step in (1, 2):
            slope = LAYOUTS[gradient](values(dtype, step))
            laid.update((slope,))
            plain.update((slope.contiguous(),))
        for name, tensor in tensors(plain).items():
            found = tensors(laid)[name].double()
            torch.testing.assert_close(found, tensor.double(), rtol=rounding, atol=rounding)


def test_gaps_in_a_parameter_are_refused_by_name_where_an_optimizer_would_walk_over_them() -> None:
    gappy = LAYOUTS["with gaps"](values(torch.float32, 0))
    with pytest.raises(
        ValueError, match="judge: parameter weight of shape .* has gaps or overlaps"
    ):
        a_player(gappy, MAKERS["fused Adam"])
    for name in ("foreach Adam", "plain Adam", "plain SGD"):
        laid, plain = (a_player(x, MAKERS[name]) for x in (gappy.clone(), values(torch.float32, 0)))
        for player in (laid, plain):
            player.update((values(torch.float32, 1),))
        torch.testing.assert_close(laid.network.weight.data, plain.network.weight.data)


def test_half_precision_is_refused_where_fused_sgd_would_leave_it() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        with pytest.raises(
            ValueError, match=f"parameter weight is {dtype}, of which torch's fused"
        ):
            a_player(values(dtype, 0), MAKERS["fused SGD"])
    a_player(values(torch.bfloat16, 0), MAKERS["fused Adam"])


def test_an_overlapping_parameter_is_refused_by_fused_optimizers() -> None:
    one_number = torch.ones(1).expand(3, 4)
    with pytest.raises(ValueError, match="has gaps or overlaps in its memory"):
        a_player(one_number, MAKERS["fused Adam"])


@pytest.mark.parametrize("optimizer", MAKERS)
def test_a_network_may_change_its_layout_between_steps(optimizer: str) -> None:
    laid, plain = (a_player(values(torch.float32, 0), MAKERS[optimizer]) for _ in range(2))
    for step in range(4):
        if step == 2:
            laid.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for player in (laid, plain):
            player.update((values(torch.float32, step),))
    assert laid.network.weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(laid.network.weight.data, plain.network.weight.data)


STARTS_ELSEWHERE: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "Rprop": partial(torch.optim.Rprop, lr=0.1),
    "NAdam": partial(torch.optim.NAdam, lr=0.1),
}


@pytest.mark.parametrize("kind", STARTS_ELSEWHERE)
def test_an_optimizer_that_does_not_start_from_zeros_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"judge: {kind} does not start from a state of zeros"):
        a_player(values(torch.float32, 0), STARTS_ELSEWHERE[kind])


def for_shapes_of_its_own(parameters: Any) -> torch.optim.Optimizer:
    """An optimizer for one network: its first parameter must have four dimensions."""
    first, *_ = parameters
    return torch.optim.SGD([first], lr=0.1 * first.shape[3])


def test_an_optimizer_may_be_made_for_particular_parameters() -> None:
    player = a_player(values(torch.float64, 0), for_shapes_of_its_own)
    player.history = None
    player.update((values(torch.float64, 1),))
    right = values(torch.float64, 0) - 0.2 * values(torch.float64, 1)
    torch.testing.assert_close(player.network.weight.data, right)


def test_an_optimizer_that_wants_a_closure_is_refused() -> None:
    with pytest.raises(ValueError, match="judge: LBFGS cannot take a step along given gradients"):
        a_player(values(torch.float32, 0), partial(torch.optim.LBFGS, lr=0.1))


class Counting(torch.optim.SGD):
    """An optimizer that keeps a number beside its tensors."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step()
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["count"] = self.state[parameter].get("count", 0) + 1


def test_a_state_that_a_checkpoint_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="Counting keeps count as int, and a checkpoint holds"):
        a_player(values(torch.float32, 0), partial(Counting, lr=0.1))


FROM_ZERO: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "Adam": partial(torch.optim.Adam, lr=0.1),
    "AMSGrad": partial(torch.optim.Adam, lr=0.1, amsgrad=True),
    "AdamW": partial(torch.optim.AdamW, lr=0.1),
    "Adagrad from 0.5": partial(torch.optim.Adagrad, lr=0.1, initial_accumulator_value=0.5),
    "RMSprop": partial(torch.optim.RMSprop, lr=0.1, centered=True, momentum=0.5),
    "SGD": partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True),
    "RAdam": partial(torch.optim.RAdam, lr=0.1),
    "Adamax": partial(torch.optim.Adamax, lr=0.1),
    "inside": partial(AdamInsideRoot, lr=0.1, betas=(0.5, 0.9)),
    "TensorFlow": partial(TensorFlowAdam, lr=0.1, betas=(0.5, 0.9)),
}


@pytest.mark.parametrize("optimizer", FROM_ZERO)
def test_a_player_starts_an_optimizer_as_the_optimizer_starts_itself(optimizer: str) -> None:
    player = a_player(values(torch.float64, 0), FROM_ZERO[optimizer])
    player.history = None
    alone = nn.Parameter(values(torch.float64, 0))
    itself = FROM_ZERO[optimizer]([alone])
    for step in range(1, 9):
        player.update((values(torch.float64, step),))
        alone.grad = values(torch.float64, step)
        itself.step()
    assert torch.equal(player.network.weight, alone)


class WantsContiguous(torch.optim.SGD):
    """An optimizer that views every gradient as a matrix."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                rows = parameter.grad.view(len(parameter), -1)
                parameter.data.view(len(parameter), -1).sub_(group["lr"] * rows)


def test_an_optimizer_that_wants_contiguous_gradients_gets_them_or_is_refused_by_name() -> None:
    make = partial(WantsContiguous, lr=1.0)
    player = a_player(values(torch.float32, 0), make)
    player.update((LAYOUTS["channels last"](values(torch.float32, 1)),))
    right = values(torch.float32, 0) - values(torch.float32, 1)
    torch.testing.assert_close(player.network.weight.data, right)
    with pytest.raises(
        ValueError, match="WantsContiguous cannot take .* not contiguous, as weight"
    ):
        a_player(LAYOUTS["channels last"](values(torch.float32, 0)), make)


class Broken(torch.optim.SGD):
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        raise RuntimeError("of its own")


def test_other_faults_of_an_optimizer_come_through() -> None:
    with pytest.raises(RuntimeError, match="of its own"):
        a_player(values(torch.float32, 0), partial(Broken, lr=1.0))


# --- copies, checkpoints, hashes ---


def two_players(layout: str) -> State:
    make = MAKERS["fused Adam"]
    judge, maker = (a_player(LAYOUTS[layout](values(torch.float32, s)), make) for s in (0, 9))
    maker.name = "maker"
    return State(judge, maker)  # type: ignore[arg-type]


def updated(state: State, seed: int) -> State:
    for number, player in enumerate(state.players()):
        player.update((LAYOUTS["channels last"](values(torch.float32, seed + number)),))
    return state


@pytest.mark.parametrize("layout", ["contiguous", "channels last", "backwards"])
def test_copies_checkpoints_and_hashes_hold_values_whatever_the_memory(
    layout: str, tmp_path: Path
) -> None:
    state = updated(two_players(layout), 1)
    assert state.sha256() == updated(two_players("contiguous"), 1).sha256()
    assert state.digests() == updated(two_players("contiguous"), 1).digests()
    kept, told = state.copied_tensors(), state.sha256()
    saved = checkpoint.save(tmp_path, state.tensors(), step=0, config_sha256="", extra={})
    read = checkpoint.read(saved, config_sha256="").tensors
    for way_back in (kept, read):
        updated(state, 3)
        assert state.sha256() != told
        state.load(way_back)
        assert state.sha256() == told
    after = updated(state, 3).sha256()
    assert after == updated(updated(two_players("contiguous"), 1), 3).sha256()


# --- torch itself ---


FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad)


MENDED = "where this passes, torch is mended: say so in docs/design.md and convergan.core.layout"


@pytest.mark.xfail(
    torch.__version__ < "2.14",
    strict=True,
    raises=AssertionError,
    reason="torch 2.14 mended it, see docs/design.md",
)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_fused_sgd_of_torch_moves_every_weight_in_half_precision(dtype: torch.dtype) -> None:
    weight = torch.ones(64, dtype=dtype, requires_grad=True)
    weight.grad = torch.ones(64, dtype=dtype)
    torch.optim.SGD([weight], lr=0.5, fused=True).step()
    assert torch.equal(weight, torch.full_like(weight, 0.5))


@pytest.mark.parametrize("kind", FUSED)
@pytest.mark.xfail(strict=True, raises=AssertionError, reason=MENDED)
def test_fused_optimizers_of_torch_mind_strides(kind: Callable[..., torch.optim.Optimizer]) -> None:
    weight = torch.zeros(8, 4, 3, 3, requires_grad=True)
    chance = torch.Generator().manual_seed(0)
    gradient = torch.randn(8, 4, 3, 3, generator=chance)
    weight.grad = gradient.to(memory_format=torch.channels_last)
    kind([weight], lr=0.1, fused=True).step()
    assert torch.equal(weight.sign(), -gradient.sign())
