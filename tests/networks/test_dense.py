"""Dense networks by the formula."""

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from convergan.layers import add_gaussian_noise
from convergan.networks import Critique, DenseDiscriminator, DenseGenerator
from tests.networks.pairs import same
from tests.oracles import chance, draw


def small(chance: torch.Generator) -> DenseDiscriminator:
    network = DenseDiscriminator(
        (2, 3), 4, hidden=(7, 5), input_noise=0.3, hidden_noise=0.5, chance=chance
    )
    return network.double().eval()


def test_features_are_the_last_hidden_layer_before_its_own_noise() -> None:
    discriminator, x, noise = small(chance()), draw(8, 2, 3, seed=1), chance(1)
    first, last = discriminator.hidden
    h = add_gaussian_noise(x.flatten(1), 0.3, noise)
    h = add_gaussian_noise(relu(first(h)), 0.5, noise)
    features = relu(last(h))
    logits = discriminator.output(add_gaussian_noise(features, 0.5, noise))
    assert same(discriminator(x, chance(1)), Critique(logits, features))
    assert bool((features >= 0).all())


def test_quiet_discriminator_is_a_plain_network() -> None:
    discriminator, x = small(chance()), draw(8, 2, 3, seed=2)
    features = x.flatten(1)
    for layer in discriminator.hidden:
        features = relu(layer(features))
    assert same(discriminator(x), Critique(discriminator.output(features), features))


def test_generator_is_normalised_softplus_and_its_output() -> None:
    def output(t: Tensor) -> Tensor:
        return t.sin() + 3

    generator = DenseGenerator(
        (2, 3), hidden=(7, 5), latent_dim=4, output=output, chance=chance()
    ).double()
    h = latent = draw(8, 4, seed=3)
    for layer, norm in zip(generator.hidden, generator.norms, strict=True):
        t = layer(h)
        t = (t - t.mean(dim=0)) / (t.var(dim=0, correction=0) + 1e-6).sqrt()
        h = softplus(t + norm.get_parameter("bias"))
    expected = output(generator.output(h)).view(8, 2, 3)
    torch.testing.assert_close(generator(latent), expected, rtol=1e-12, atol=1e-12)


def test_gradients_pass_gradcheck() -> None:
    discriminator = small(chance())
    generator = DenseGenerator(
        (2, 3), hidden=(5,), latent_dim=4, output=torch.tanh, chance=chance()
    ).double()
    x, latent = draw(3, 2, 3, seed=4).requires_grad_(), draw(4, 4, seed=5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: discriminator(x, chance(1)), (x,))
    assert torch.autograd.gradcheck(generator, (latent,))
