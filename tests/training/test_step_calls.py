"""What surrounds a step: batches of tensors, chance, devices, and the number of steps."""

import re
from functools import partial

import pytest
import torch
from torch import nn

from convergan.core.chance import derive
from convergan.data import Batch
from convergan.objectives import squared_feature_matching
from convergan.recipes import find_recipe
from convergan.training import Player, State, semi_supervised_step, supervised_step, train
from convergan.training.step_calls import global_generator
from tests.training.own_loop import ADVERSARIAL, TOP_K, networks, own_state

ROWS = torch.randn(8, 2, generator=derive(0, "rows"))


def test_a_step_counts_itself_whatever_state_it_is_given() -> None:
    ours = find_recipe("toy").start(ROWS, 1, seed=0, device=torch.device("cpu"))
    for state in (own_state(), ours):
        for number in (1, 2, 3):
            ADVERSARIAL(state, ROWS)
            assert state.step == number


def test_top_k_leaves_fewer_rows_in_a_loop_of_ones_own() -> None:
    state, lengths = own_state(), []

    def remember(logits: torch.Tensor) -> torch.Tensor:
        losses = nn.functional.softplus(-logits)
        losses.register_hook(  # type: ignore[no-untyped-call]
            lambda gradient: lengths.append(int((gradient != 0).sum()))
        )
        return losses

    step = partial(TOP_K, generator_losses=remember)
    for _ in range(5):
        step(state, ROWS)
    assert lengths == [8, 4, 2, 1, 1]


def test_a_step_that_fails_is_not_counted() -> None:
    state = own_state()
    with pytest.raises(ValueError, match="the generator makes rows of shape"):
        ADVERSARIAL(state, torch.zeros(8, 3))
    assert state.step == 0


def test_several_step_functions_may_be_one_step() -> None:
    state = own_state()
    with state.counted():
        ADVERSARIAL(state, ROWS)
        with state.counted():
            ADVERSARIAL(state, ROWS)
        assert state.step == 0
    assert state.step == 1


def test_the_loop_counts_its_steps_itself() -> None:
    seen: list[int] = []

    def twice(state: object, batch: Batch, chance: torch.Generator) -> dict[str, torch.Tensor]:
        ADVERSARIAL(own, batch, chance)
        seen.append(own.step)
        return ADVERSARIAL(own, batch, chance)

    own = own_state()
    assert [progress.step for progress in train(own, twice, lambda n: ROWS, steps=3)] == [1, 2, 3]
    assert own.step == 3 and seen == [0, 1, 2]


def test_without_chance_torch_draws_and_its_seed_decides() -> None:
    losses = []
    with torch.random.fork_rng(devices=[]):
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            losses.append(ADVERSARIAL(own_state(), ROWS)["generator_loss"].item())
    assert losses[0] == losses[1] != losses[2]
    assert global_generator(torch.device("cpu")) is torch.default_generator
    with pytest.raises(ValueError, match=re.escape("chance=torch.Generator('meta')")):
        global_generator(torch.device("meta"))


def test_rows_that_a_step_needs_are_asked_for() -> None:
    with pytest.raises(ValueError, match=r"^supervised_step needs labelled rows: Batch\(labeled="):
        supervised_step(own_state(), ROWS)
    step = partial(
        semi_supervised_step,
        feature_matching=squared_feature_matching,
        unsupervised_weight=1.0,
    )
    with pytest.raises(ValueError, match="^semi_supervised_step needs unlabelled rows"):
        step(own_state(), Batch(labeled=ROWS, labels=torch.zeros(8, dtype=torch.int64)))


def test_what_is_no_batch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"takes a tensor of rows or a .*Batch.*; got list"):
        ADVERSARIAL(own_state(), [ROWS, ROWS])  # type: ignore[arg-type]


def test_devices_that_differ_are_named() -> None:
    with pytest.raises(ValueError, match="the networks are on cpu, the batch's unlabeled on meta"):
        ADVERSARIAL(own_state(), ROWS.to("meta"))
    with pytest.raises(ValueError, match="the discriminator is on meta, the generator on cpu"):
        own_state(judge=nn.Linear(2, 1, device="meta"))
    state = own_state(judge=nn.Linear(2, 1, device="meta"), maker=nn.Linear(3, 2, device="meta"))
    with pytest.raises(ValueError, match="meta, the generator of random numbers on cpu"):
        ADVERSARIAL(state, ROWS.to("meta"), derive(0, "step"))


def test_generated_rows_of_another_shape_are_named() -> None:
    with pytest.raises(ValueError, match=r"makes rows of shape \(5,\), those of the batch have"):
        ADVERSARIAL(own_state(maker=nn.Linear(3, 5)), ROWS)


def test_a_plain_module_that_nobody_wrapped_is_named() -> None:
    judge, maker = networks()
    descent = partial(torch.optim.SGD, lr=0.1)
    plain = State(
        Player("discriminator", judge, descent),  # type: ignore[arg-type]
        Player("generator", maker, descent),  # type: ignore[arg-type]
    )
    with pytest.raises(ValueError, match="the discriminator is a Sequential .* make the state by"):
        ADVERSARIAL(plain, ROWS)


def test_several_processes_are_not_left_to_train_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    with pytest.raises(ValueError, match="^2 processes would train apart"):
        own_state()


def test_the_historical_penalty_pulls_in_a_loop_of_ones_own() -> None:
    ends = []
    for weight in (0.0, 5.0):
        judge, maker = networks()
        descents = [torch.optim.SGD(network.parameters(), lr=0.1) for network in (judge, maker)]
        state = State.of(judge, maker, *descents, latent=3, historical_weight=weight, step=7)
        for number in range(3):
            ADVERSARIAL(state, ROWS, derive(0, "step", number))
        assert state.step == 10
        ends.append(torch.cat([p.flatten() for p in judge.parameters()]))
    start = torch.cat([p.flatten() for p in networks()[0].parameters()])
    assert (ends[1] - start).norm() < 0.9 * (ends[0] - start).norm()
