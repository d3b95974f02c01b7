import itertools
import math

import pytest
import torch
from pytest import approx

from convergan.networks import (
    ConvolutionalGenerator,
    PackedDiscriminator,
    digits_discriminator,
    pack,
    packed_discriminator,
    packed_shape,
    toy_discriminator,
)
from convergan.objectives import minimax_discriminator_loss
from tests import oracles
from tests.oracles import chance, draw


@pytest.mark.parametrize("shape", [(12, 3, 4, 5), (12, 7), (12, 2, 6)])
@pytest.mark.parametrize("m", [1, 2, 3, 12])
def test_packs_are_those_of_the_slow_loop(shape: tuple[int, ...], m: int) -> None:
    rows = draw(*shape)
    packs = pack(rows, m)
    assert packs.shape == (12 // m, *packed_shape(shape[1:], m))
    assert torch.equal(packs, torch.from_numpy(oracles.pack(rows.numpy(), m)))


def test_packs_of_images_in_another_memory_layout_are_the_same() -> None:
    rows = draw(6, 3, 4, 5)
    assert torch.equal(pack(rows.contiguous(memory_format=torch.channels_last), 2), pack(rows, 2))


def test_packs_of_one_are_the_rows_and_judged_as_by_the_wrapped_discriminator() -> None:
    rows, inner = draw(6, 1, 8, 8).float(), digits_discriminator((1, 8, 8), 1, chance())
    packed = PackedDiscriminator(inner, 1)
    assert torch.equal(pack(rows, 1), rows)
    for found, expected in zip(packed.eval()(rows), inner(rows), strict=True):
        assert torch.equal(found, expected)
    for found, expected in zip(packed(rows, chance(1)), inner(rows, chance(1)), strict=True):
        assert torch.equal(found, expected)  # noise is passed on


def test_one_critique_comes_from_each_pack_alone() -> None:
    inner = toy_discriminator(packed_shape((2,), 3), 1, chance()).double()
    packed, rows = PackedDiscriminator(inner, 3), draw(12, 2)
    critique = packed(rows)
    assert critique.logits.shape == (4, 1) and critique.features.shape == (4, 128)
    torch.testing.assert_close(packed(rows[3:6]).logits, critique.logits[1:2])
    changed = rows.clone()
    changed[4] += 1
    differs = (packed(changed).logits != critique.logits).flatten().tolist()
    assert differs == [False, True, False, False]


def test_places_within_a_pack_are_not_alike() -> None:
    packed = PackedDiscriminator(toy_discriminator((4,), 1, chance()).double(), 2)
    rows = draw(2, 2)
    assert abs((packed(rows).logits - packed(rows.flip(0)).logits).item()) > 1e-3


def test_gradients_reach_every_row_and_the_wrapped_parameters() -> None:
    packed = PackedDiscriminator(toy_discriminator((4,), 1, chance()).double(), 2)
    real, fake = draw(6, 2).requires_grad_(), draw(6, 2, seed=1).requires_grad_()
    loss = minimax_discriminator_loss(packed(real).logits, packed(fake).logits)
    loss.backward()  # type: ignore[no-untyped-call]
    for rows in (real, fake):
        assert rows.grad is not None and bool(rows.grad.any(dim=1).all())
    assert all(p.grad is not None for p in packed.parameters() if p.requires_grad)
    assert torch.autograd.gradcheck(lambda x: pack(x, 3), (real,))


def test_only_the_first_layer_is_wider() -> None:
    single, double = (digits_discriminator((m, 8, 8), 1, chance()) for m in (1, 2))
    sizes = [
        {name: p.numel() for name, p in PackedDiscriminator(inner, m).named_parameters()}
        for inner, m in ((single, 1), (double, 2))
    ]
    wider = [name for name in sizes[0] if sizes[0][name] != sizes[1][name]]
    assert len(wider) == 1 and sizes[1][wider[0]] == 2 * sizes[0][wider[0]]


def test_samples_of_an_image_generator_are_packed_as_images() -> None:
    generator = ConvolutionalGenerator((3, 32, 32), chance(), channels=8)
    rows = generator(generator.draw_latent(4, chance()))
    inner = digits_discriminator(packed_shape((3, 32, 32), 2), 1, chance())
    assert PackedDiscriminator(inner, 2)(rows).logits.shape == (2, 1)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_missing_modes_are_farther_from_the_data_in_packs(m: int) -> None:
    # Ten points, equally likely; the samples leave out three: a share of 0.3.
    def packs_of(modes: int) -> dict[tuple[float, ...], float]:
        tuples = list(itertools.product(range(modes), repeat=m))
        rows = torch.tensor(tuples, dtype=torch.float64).view(-1, 1)
        return {tuple(each): modes**-m for each in pack(rows, m).tolist()}

    data, samples = packs_of(10), packs_of(7)
    assert len(data) == 10**m and math.fsum(data.values()) == approx(1)
    assert oracles.total_variation(data, samples) == approx(1 - 0.7**m, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(7, 2), (2, 3), (4, 0), (4, -2)])
def test_rows_that_do_not_fill_packs_are_refused(n: int, m: int) -> None:
    with pytest.raises(ValueError, match=f"{n} rows cannot be put into packs of {m}"):
        pack(draw(n, 2), m)


def test_a_pack_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 row, got 0"):
        PackedDiscriminator(toy_discriminator((2,), 1, chance()), 0)


def test_size_of_a_pack_shows() -> None:
    assert "m=2" in repr(PackedDiscriminator(toy_discriminator((4,), 1, chance()), 2))


@pytest.mark.parametrize("m", [1, 2, 4])
def test_a_packed_discriminator_is_built_for_packs_and_judges_one_logit_a_pack(m: int) -> None:
    packed = packed_discriminator((2,), 1, chance(), make=toy_discriminator, m=m).double()
    inner = toy_discriminator((2 * m,), 1, chance()).double()
    rows = draw(8, 2)
    assert torch.equal(packed(rows).logits, inner(pack(rows, m)).logits)
    assert packed(rows).logits.shape == (8 // m, 1)


@pytest.mark.parametrize("m", [0, -1])
def test_a_discriminator_of_packs_of_nothing_is_refused_before_it_is_built(m: int) -> None:
    with pytest.raises(ValueError, match=f"a pack has at least 1 row, got {m}"):
        packed_discriminator((2,), 1, chance(), make=toy_discriminator, m=m)
