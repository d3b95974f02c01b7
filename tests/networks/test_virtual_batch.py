from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import batch_norm

from convergan.layers import VirtualBatchNorm, initialise_from_batch
from convergan.layers.virtual_batch_norm import Mode
from convergan.networks import (
    ConvolutionalGenerator,
    Generator,
    VirtualBatchGenerator,
    virtual_small_images_generator,
)
from tests.oracles import chance, draw

SHAPE = (3, 32, 32)


class Small(Generator):
    """A dense layer and its normalisation."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__(latent_dim=4)
        self.dense = nn.Linear(4, 3, bias=False, device="meta").to_empty(device="cpu")
        nn.init.normal_(self.dense.weight, generator=chance(7))
        self.norm = norm(3)

    def forward(self, latent: Tensor) -> Tensor:
        rows: Tensor = self.norm(self.dense(latent))
        return rows


def small(num_reference: int = 6, mode: Mode = "per_example") -> VirtualBatchGenerator:
    made = VirtualBatchGenerator(Small, num_reference=num_reference, mode=mode, chance=chance())
    return made.double()


def test_live_rows_alone_come_out_each_normalised_with_the_reference_noise() -> None:
    generator, latent = small(), draw(5, 4)
    inside = generator.network
    assert isinstance(inside, Small) and isinstance(inside.norm, VirtualBatchNorm)
    made = generator(latent)
    assert made.shape == (5, 3)
    for row, wanted in zip(latent, made, strict=True):
        rows = inside.dense(
            torch.cat([generator.get_buffer("network.reference_batch_0"), row[None]])
        )
        plain = batch_norm(rows, None, None, inside.norm.weight, inside.norm.bias, True, eps=1e-5)
        torch.testing.assert_close(wanted, plain[-1], rtol=1e-12, atol=1e-12)


def test_mode_reaches_the_layers() -> None:
    latent = draw(5, 4)
    made = [small(mode=mode)(latent) for mode in ("per_example", "paper2016", "june2016")]
    assert not made[0].equal(made[1]) and not made[1].equal(made[2])


def test_reference_noise_is_saved_but_not_trained() -> None:
    generator = small()
    assert generator.state_dict().keys() - dict(generator.named_parameters()).keys() == {
        "network.reference_batch_0"
    }
    other = VirtualBatchGenerator(Small, num_reference=6, chance=chance(1)).double()
    assert not other.get_buffer("network.reference_batch_0").equal(
        generator.get_buffer("network.reference_batch_0")
    )
    other.load_state_dict(generator.state_dict())
    assert other(draw(5, 4)).equal(generator(draw(5, 4)))


def test_other_weights_can_be_called_with_the_same_reference() -> None:
    generator, latent = small(), draw(5, 4)
    doubled = {name: 2 * p for name, p in generator.named_parameters()}
    made = functional_call(generator, doubled, (latent,))
    assert made.shape == (5, 3) and not made.equal(generator(latent))


def test_noise_is_drawn_as_the_network_inside_draws_it() -> None:
    class Centred(Small):
        def draw_latent(self, count: int, chance: torch.Generator) -> Tensor:
            return super().draw_latent(count, chance) - 0.5

    generator = VirtualBatchGenerator(Centred, num_reference=500, chance=chance())
    for latent in (
        generator.get_buffer("network.reference_batch_0"),
        generator.draw_latent(500, chance(1)),
    ):
        assert -0.5 <= latent.min().item() < -0.4 and 0.4 < latent.max().item() < 0.5
    assert generator.latent_dim == 4


def test_batch_without_rows_makes_none() -> None:
    assert small()(draw(0, 4)).shape == (0, 3)
    images = virtual_small_images_generator(SHAPE, chance(), channels=8)
    assert images(torch.zeros(0, 100)).shape == (0, *SHAPE)


def test_noise_of_another_shape_than_the_reference_is_refused() -> None:
    for latent in (draw(5, 3), draw(4), draw(5, 4, 1)):
        with pytest.raises(
            ValueError, match=r"^Small has a reference batch of rows of shape \(4,\), got"
        ):
            small()(latent)


@pytest.mark.parametrize("count", [0, -2])
def test_empty_reference_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"num_reference must be at least 1, got {count}"):
        small(count)


# --- small images ---------------------------------------------------------------------------------


def images_pair() -> tuple[VirtualBatchGenerator, ConvolutionalGenerator]:
    virtual = virtual_small_images_generator(SHAPE, chance(), channels=32, num_reference=7)
    return virtual.double(), ConvolutionalGenerator(SHAPE, chance(), channels=32).double()


def test_small_images_differ_from_released_ones_in_their_norms_alone() -> None:
    virtual, plain = images_pair()
    layers, released = (
        [type(layer).__name__ for layer in network.modules()]
        for network in (virtual.network, plain)
    )
    assert layers == [n.replace("BatchStatisticsNorm", "VirtualBatchNorm") for n in released]
    assert released.count("BatchStatisticsNorm") == 3
    assert virtual.get_buffer("network.reference_batch_0").shape == (7, 100)
    units = [n.num_reference for n in virtual.modules() if isinstance(n, VirtualBatchNorm)]
    assert units == [7, 7, 7]


def test_small_images_depend_on_no_other_row() -> None:
    virtual, plain = images_pair()
    latent = draw(6, 100, seed=1)
    torch.testing.assert_close(virtual(latent)[:2], virtual(latent[:2]), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(plain(latent)[:2], plain(latent[:2]))


def test_small_images_of_virtual_norms_pass_gradcheck() -> None:
    virtual, _ = images_pair()
    latent = draw(2, 100, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(virtual, (latent,), fast_mode=True)


def test_start_from_data_reaches_the_output_behind_the_reference() -> None:
    virtual, _ = images_pair()
    latent = draw(8, 100, seed=3)
    initialise_from_batch(virtual, lambda: virtual(latent))
    before_tanh = torch.atanh(2 * virtual(latent) - 1).transpose(0, 1).flatten(1)
    torch.testing.assert_close(
        before_tanh.std(dim=1), torch.full((3,), 0.1).double(), rtol=0.2, atol=0
    )


def test_released_generator_starts_from_the_bits_that_it_always_had() -> None:
    weights = ConvolutionalGenerator(SHAPE, chance(), channels=8).state_dict()
    drawn, found = chance(), []
    for shape in ((128, 100), (8, 4, 5, 5), (4, 2, 5, 5), (2, 3, 5, 5)):
        found.append(torch.empty(shape).normal_(0.0, 0.05, generator=drawn))
    wanted = [t for t in weights.values() if t.dim() > 1 and t.numel() > 3]
    assert [w.equal(f) for w, f in zip(wanted, found, strict=True)] == [True] * 4


def test_small_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"or \(C, 28, 28\) images, got \(1, 30, 30\)"):
        virtual_small_images_generator((1, 30, 30), chance())
