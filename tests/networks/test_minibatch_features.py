from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from convergan.layers import minibatch_stddev
from convergan.networks import (
    ConvolutionalDiscriminator,
    DenseDiscriminator,
    Discriminator,
    MinibatchFeatures,
    compact_discriminator,
    cross_half_similarities,
    deviation,
    no_minibatch_features,
    similarities,
    toy_discriminator,
)
from tests import oracles
from tests.oracles import chance, draw


def dense(shape: tuple[int, ...], classes: int, c: torch.Generator, **more: Any) -> Discriminator:
    quiet: dict[str, Any] = {"input_noise": 0.0, "hidden_noise": 0.0}
    return DenseDiscriminator(shape, classes, hidden=(9, 7), chance=c, **quiet, **more)


FEATURES: dict[str, MinibatchFeatures] = {
    "nothing": no_minibatch_features,
    "similarities": partial(similarities, num_kernels=5, kernel_dim=3),
    "cross-half similarities": partial(cross_half_similarities, num_kernels=5, kernel_dim=3),
    "deviation": deviation,
    "deviation of two": partial(deviation, group_size=2),
}
ADDED = dict(zip(FEATURES, (0, 5, 10, 1, 1), strict=True))
JUDGES: dict[str, tuple[Callable[..., Discriminator], tuple[int, ...]]] = {
    "toy": (toy_discriminator, (2,)),
    "compact": (partial(compact_discriminator, channels=2), (1, 28, 28)),
    "small images": (partial(ConvolutionalDiscriminator, channels=3), (3, 32, 32)),
    "dense": (dense, (2, 3)),
}
kinds = pytest.mark.parametrize("kind", FEATURES)
judges = pytest.mark.parametrize("judge", JUDGES)


def rows(judge: str, count: int = 8, seed: int = 0) -> Tensor:
    return draw(count, *JUDGES[judge][1], seed=seed).sigmoid()


def build(judge: str, kind: str) -> Discriminator:
    make, shape = JUDGES[judge]
    return make(shape, 3, chance(), minibatch_features=FEATURES[kind]).double().eval()


@kinds
def test_as_many_features_come_out_as_it_says_the_given_ones_first(kind: str) -> None:
    layer, width = FEATURES[kind](6, chance())
    features = draw(8, 6)
    joined = layer.double()(features)
    assert joined.shape == (8, width) and width == 6 + ADDED[kind]
    assert torch.equal(joined[:, :6], features)


def test_the_released_sizes_are_the_default() -> None:
    assert similarities(6, chance())[1] == 6 + 100
    assert cross_half_similarities(6, chance())[1] == 6 + 2 * 300
    layer, _ = similarities(6, chance())
    assert layer.get_parameter("directions").shape == (6, 100, 5)
    layer, _ = cross_half_similarities(6, chance())
    assert layer.get_parameter("projection.weight").shape == (300 * 50, 6)


@pytest.mark.parametrize("std", [0.05, 0.1])
def test_directions_are_drawn_with_the_deviation_given(std: float) -> None:
    layer, _ = similarities(200, chance(), theta_std=std)
    assert layer.get_parameter("directions").std().item() == pytest.approx(std, rel=0.01)
    assert similarities(200, chance())[0].get_parameter("directions").std() < 0.06


def test_similarities_are_those_of_the_slow_loop_to_the_other_rows() -> None:
    layer, _ = FEATURES["similarities"](6, chance())
    features = draw(7, 6)
    theta, log_gains, bias = (
        layer.double().get_parameter(name).detach() for name in ("directions", "log_gains", "bias")
    )
    projected = oracles.minibatch_projection(features.numpy(), theta.numpy(), log_gains.numpy())
    expected = torch.from_numpy(oracles.minibatch_similarities(projected)) + bias
    torch.testing.assert_close(layer(features)[:, 6:], expected, rtol=1e-10, atol=1e-12)


def test_deviation_is_one_number_a_group_of_rows_that_lie_apart() -> None:
    layer, _ = deviation(6, chance())
    features = draw(8, 6)
    added = layer(features)[:, 6]
    for first in (0, 1):
        group = features[first::2]  # of 8 rows in fours
        expected = ((group - group.mean(dim=0)).square().mean(dim=0) + 1e-8).sqrt().mean()
        torch.testing.assert_close(added[first::2], expected.expand(4))
    assert torch.equal(layer(features), minibatch_stddev(features, group_size=4))


# --- inside the discriminators -------------------------------------------------------------------


@judges
@kinds
def test_logits_are_made_of_features_and_what_is_added_to_them(judge: str, kind: str) -> None:
    network, x = build(judge, kind), rows(judge)
    critique = network(x)
    width = critique.features.shape[1]
    joined = network.get_submodule("minibatch_features")(critique.features)
    assert joined.shape == (8, width + ADDED[kind])
    expected = network.get_submodule("output")(joined)
    torch.testing.assert_close(critique.logits, expected, rtol=1e-12, atol=1e-12)


@judges
@kinds
def test_a_row_is_judged_by_the_others_where_something_is_added(judge: str, kind: str) -> None:
    network, x = build(judge, kind), rows(judge)
    changed = torch.cat([x[:1], rows(judge, 7, seed=1)])
    before, after = network(x), network(changed)
    torch.testing.assert_close(before.features[0], after.features[0], rtol=1e-12, atol=1e-12)
    same = torch.allclose(before.logits[0], after.logits[0], rtol=1e-10, atol=1e-12)
    assert same is (kind == "nothing")


@judges
def test_a_copy_of_a_row_is_seen_by_its_similarities(judge: str) -> None:
    network = build(judge, "similarities")
    x = rows(judge)
    copied = torch.cat([x[:1], x[:1], x[2:]])
    features = network(x).features, network(copied).features
    layer = network.get_submodule("minibatch_features")
    apart, alike = (layer(f)[0, f.shape[1] :] for f in features)
    assert bool((alike > apart).all())


@judges
def test_discriminators_without_additions_are_built_alike(judge: str) -> None:
    make, shape = JUDGES[judge]
    plain, named = make(shape, 3, chance()), build(judge, "nothing")
    assert plain.state_dict().keys() == named.state_dict().keys()
    for one, other in zip(plain.parameters(), named.parameters(), strict=True):
        assert torch.equal(one.double(), other)


def test_dense_additions_come_from_features_under_their_own_noise() -> None:
    network = DenseDiscriminator(
        (2, 3),
        3,
        hidden=(9, 7),
        input_noise=0.0,
        hidden_noise=0.5,
        minibatch_features=FEATURES["similarities"],
        chance=chance(),
    )
    network.double().eval()
    x = rows("dense")
    quiet, noisy = network(x), network(x, chance(1))
    joined = network.minibatch_features(noisy.features)
    assert not torch.allclose(network.output(joined), noisy.logits)
    joined = network.minibatch_features(quiet.features)
    torch.testing.assert_close(network.output(joined), quiet.logits)
