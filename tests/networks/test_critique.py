"""What is true of every discriminator."""

import torch

from convergan.networks import Critique
from tests.networks.pairs import Pair, pairs, same
from tests.oracles import chance, draw


@pairs
def test_critique_has_logits_and_features_for_every_row(pair: Pair) -> None:
    make, classes, _, shape, width, _ = pair
    critique = make(chance())(draw(5, *shape).float())
    assert isinstance(critique, Critique)
    assert critique.logits.shape == (5, classes)
    assert critique.features.shape == (5, width)


@pairs
def test_noise_is_that_of_the_chance_given(pair: Pair) -> None:
    discriminator, x, noisy = pair[0](chance()), draw(6, *pair[3]).float(), pair[5]
    assert same(discriminator(x, chance(1)), discriminator(x, chance(1)))
    assert same(discriminator(x, chance(1)), discriminator(x, chance(2))) is not noisy
    assert same(discriminator(x, chance(1)), discriminator(x)) is not noisy


@pairs
def test_rows_are_judged_one_by_one(pair: Pair) -> None:
    discriminator, x = pair[0](chance()).double().eval(), draw(6, *pair[3])
    whole, half = discriminator(x), discriminator(x[3:])
    torch.testing.assert_close(whole.logits[3:], half.logits, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(whole.features[3:], half.features, rtol=1e-12, atol=1e-12)
