import pytest
import torch
from torch import Tensor

from convergan.networks import GuidanceDecoder
from convergan.objectives import guidance_loss
from tests import oracles
from tests.oracles import chance, draw

WIDTHS = (5, 4, 3)


def decoder(channels: int = 2, widths: tuple[int, ...] = WIDTHS, seed: int = 0) -> GuidanceDecoder:
    made = GuidanceDecoder(widths, channels, chance=chance(seed)).double()
    for i, stage in enumerate(made.stages):
        stage.get_parameter("bias").data.copy_(draw(channels, seed=10 + i))
    return made


def encoder_maps(seed: int = 0, first: int = 4) -> list[Tensor]:
    sides = [first * 2**i for i in range(len(WIDTHS))]
    return [
        draw(2, width, side, side, seed=seed + i)
        for i, (width, side) in enumerate(zip(WIDTHS, sides, strict=True))
    ]


def weights(made: GuidanceDecoder) -> list[tuple[Tensor, Tensor]]:
    return [
        (s.get_parameter("weight").detach()[:, :, 0, 0], s.get_parameter("bias").detach())
        for s in made.stages
    ]


def test_decoder_is_that_of_the_slow_loop() -> None:
    made, maps = decoder(), encoder_maps(first=2)
    expected = oracles.guidance_decoder(
        [each.numpy() for each in maps], [(w.numpy(), b.numpy()) for w, b in weights(made)]
    )
    decoded = made(maps)
    assert decoded.shape == (2, 2, 16, 16)
    torch.testing.assert_close(decoded, torch.from_numpy(expected), rtol=1e-12, atol=1e-12)


def test_one_map_is_one_convolution_and_one_doubling() -> None:
    made = decoder(widths=(5,))
    decoded = made([draw(2, 5, 4, 4)])
    assert decoded.shape == (2, 2, 8, 8)
    assert torch.equal(decoded[:, :, ::2, ::2], decoded[:, :, 1::2, 1::2])


def test_decoder_is_linear_but_for_its_biases() -> None:
    made, one, other = decoder(), encoder_maps(1), encoder_maps(2)
    mixed = made([0.3 * a + 0.7 * b for a, b in zip(one, other, strict=True)])
    torch.testing.assert_close(mixed, 0.3 * made(one) + 0.7 * made(other), rtol=1e-12, atol=1e-12)


def test_decoder_is_as_wide_as_one_convolution_for_every_map_could_be() -> None:
    # Any 1x1 convolution of each map, blown up and summed, is a decoder that hands its sum on.
    made, maps, wanted = decoder(), encoder_maps(), [draw(2, w, seed=20 + w) for w in WIDTHS]
    for i, (stage, weight) in enumerate(zip(made.stages, wanted, strict=True)):
        carried = [torch.eye(2, dtype=torch.float64)] if i else []
        stage.get_parameter("weight").data.copy_(
            torch.cat([*carried, weight], dim=1)[..., None, None]
        )
        stage.get_parameter("bias").data.zero_()
    expected = torch.zeros(2, 2, 32, 32, dtype=torch.float64)
    for weight, each in zip(wanted, maps, strict=True):
        times = 32 // each.shape[2]
        small = torch.einsum("oc,nchw->nohw", weight, each)
        expected += small.repeat_interleave(times, dim=2).repeat_interleave(times, dim=3)
    torch.testing.assert_close(made(maps), expected, rtol=1e-12, atol=1e-12)


def test_guidance_reaches_decoder_and_encoder_and_not_the_generator() -> None:
    made, maps = decoder(), [each.requires_grad_() for each in encoder_maps()]
    target = draw(2, 2, 32, 32, seed=9).requires_grad_()
    guidance_loss(made(maps), target).backward()  # type: ignore[no-untyped-call]
    assert target.grad is None
    for tensor in (*maps, *made.parameters()):
        assert tensor.grad is not None and bool(tensor.grad.any())


def test_guidance_alone_teaches_the_decoder_a_map_it_can_make() -> None:
    maps, made = encoder_maps(first=2), decoder(seed=1)
    target = decoder(seed=2)(maps).detach()
    optimizer = torch.optim.Adam(made.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        guidance_loss(made(maps), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert guidance_loss(made(maps), target).item() < 1e-3


def test_gradients_pass_gradcheck() -> None:
    made = decoder(widths=(2, 1))
    maps = draw(1, 2, 1, 1).requires_grad_(), draw(1, 1, 2, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda *m: made(m), maps)


def test_weights_are_those_of_the_chance_given_and_of_the_stated_size() -> None:
    before = torch.get_rng_state()
    one, same, other = (GuidanceDecoder((400, 100), 100, chance=chance(s)) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    states = [made.state_dict() for made in (one, same, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["stages.0.weight"], states[2]["stages.0.weight"])
    assert not states[0]["stages.0.bias"].any()
    assert abs(states[0]["stages.0.weight"].std().item() * 400**0.5 - 1) < 0.02
    assert abs(states[0]["stages.1.weight"].std().item() * 200**0.5 - 1) < 0.02


def test_maps_that_do_not_double_or_are_missing_are_refused() -> None:
    maps = encoder_maps()
    for wrong in (maps[:2], maps[::-1], [maps[0], maps[2]], [*maps, maps[-1]]):
        with pytest.raises(ValueError, match=r"expected 3 maps, smallest first, .* got \[\("):
            decoder()(wrong)
    with pytest.raises(ValueError, match="at least one map"):
        GuidanceDecoder((), 2, chance=chance())
