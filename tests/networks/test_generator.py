"""What is true of every generator."""

import pytest
import torch

from tests.networks.pairs import PAIRS, Pair, pairs
from tests.oracles import chance


@pairs
def test_generator_makes_rows_from_the_noise_of_the_chance_given(pair: Pair) -> None:
    generator, shape = pair[2](chance()), pair[3]
    latent = generator.draw_latent(7, chance(1))
    assert latent.shape == (7, generator.latent_dim)
    assert torch.equal(latent, generator.draw_latent(7, chance(1)))
    assert generator(latent).shape == (7, *shape)


@pytest.mark.parametrize("name", sorted(PAIRS.keys() - {"residual", "toy"}))
def test_noise_of_the_papers_generators_is_on_the_unit_interval(name: str) -> None:
    latent = PAIRS[name][2](chance()).draw_latent(7, chance(1))
    assert 0 <= latent.min().item() < 0.1 and 0.9 < latent.max().item() < 1
