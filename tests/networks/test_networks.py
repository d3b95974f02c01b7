"""What is true of both networks of every pair."""

import pytest
import torch

from tests.networks.pairs import Pair, pairs, same, trained
from tests.oracles import chance

dtypes = pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])


@pairs
def test_two_calls_in_evaluation_mode_agree_to_the_bit(pair: Pair) -> None:
    discriminator, generator = pair[0](chance()).eval(), pair[2](chance(1))
    latent = generator.draw_latent(6, chance(2))
    rows = generator(latent)
    assert torch.equal(generator(latent), rows)
    assert same(discriminator(rows), discriminator(rows))
    assert torch.equal(generator.eval()(latent), rows)
    noisy = pair[5]
    assert same(discriminator.train()(rows), discriminator.eval()(rows)) is not noisy


@pairs
def test_weights_are_those_of_the_chance_given(pair: Pair) -> None:
    for make in (pair[0], pair[2]):
        one, same_seed, other = (make(chance(s)).state_dict() for s in (1, 1, 2))
        assert all(torch.equal(one[name], same_seed[name]) for name in one)
        assert any(not torch.equal(one[name], other[name]) for name in one)
        assert all(bool(tensor.isfinite().all()) for tensor in one.values())


@pairs
def test_networks_leave_the_global_generator_alone(pair: Pair) -> None:
    before = torch.get_rng_state()
    discriminator, generator = pair[0](chance()), pair[2](chance())
    discriminator(generator(generator.draw_latent(3, chance())), chance())
    assert torch.equal(torch.get_rng_state(), before)


@pairs
@dtypes
def test_outputs_follow_the_dtype_of_the_input(pair: Pair, dtype: torch.dtype) -> None:
    discriminator, generator = pair[0](chance()).to(dtype), pair[2](chance()).to(dtype)
    rows = generator(generator.draw_latent(3, chance()).to(dtype))
    assert rows.dtype is dtype
    assert {t.dtype for t in discriminator(rows, chance())} == {dtype}


@pairs
def test_outputs_follow_the_dtype_of_the_input_under_autocast(pair: Pair) -> None:
    discriminator, generator = pair[0](chance()).eval(), pair[2](chance())
    latent = generator.draw_latent(8, chance())
    rows, precise = generator(latent), discriminator(generator(latent))
    with torch.autocast("cpu", torch.bfloat16):
        cast_rows, cast = generator(latent), discriminator(rows, chance())
        quiet = discriminator(rows)
    assert {cast_rows.dtype, *(t.dtype for t in (*cast, *quiet))} == {torch.float32}
    assert not same(quiet, precise)  # it did compute in bfloat16
    torch.testing.assert_close(quiet.logits, precise.logits, rtol=0.1, atol=0.1)


@pairs
def test_gradients_reach_every_trained_parameter_and_the_input(pair: Pair) -> None:
    discriminator, generator = pair[0](chance()), pair[2](chance())
    latent = generator.draw_latent(16, chance()).requires_grad_()
    critique = discriminator(generator(latent), chance())
    critique.logits.square().sum().backward()  # type: ignore[no-untyped-call]
    assert latent.grad is not None and bool(latent.grad.any())
    for network in (discriminator, generator):
        reached = {n: p.grad is not None and p.grad.any() for n, p in network.named_parameters()}
        assert reached == trained(network)
