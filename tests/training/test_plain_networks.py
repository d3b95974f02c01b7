"""Any module as a player: what is taken, what is refused, and in which words."""

import re

import pytest
import torch
from torch import Tensor, nn

from convergan.networks import PackedDiscriminator, toy_discriminator, toy_generator
from convergan.training import State
from convergan.training.plain_networks import PlainDiscriminator, PlainGenerator, as_generator
from tests.oracles import chance
from tests.training.own_loop import ADVERSARIAL, MATCHING, WithFeatures, networks, own_state

ROWS = torch.tensor([[0.5, -1.0], [1.0, 0.25], [0.0, 2.0], [1.0, 1.0]])


class Shaped(nn.Module):
    """Returns its first column in a shape, or anything else."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.shape = shape

    def forward(self, rows: Tensor) -> Tensor:
        return (self.weight * rows[:, 0]).reshape(self.shape)


class Returns(nn.Module):
    """Returns what it is told, whatever the rows."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value

    def forward(self, rows: Tensor) -> object:
        return self.value


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 1, 1, 1)])
def test_one_logit_a_row_may_have_any_of_three_shapes(shape: tuple[int, ...]) -> None:
    critique = PlainDiscriminator(Shaped(shape))(ROWS, chance(0))
    assert critique.logits.tolist() == [[0.5], [1.0], [0.0], [1.0]]
    assert critique.features.shape == (4, 0)


def test_features_of_any_shape_come_flat_beside_logits() -> None:
    maps = torch.arange(16.0).reshape(4, 1, 2, 2)
    critique = PlainDiscriminator(Returns((torch.zeros(4, 3), maps)))(ROWS)
    assert critique.logits.shape == (4, 3) and critique.features.equal(maps.flatten(1))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "must return logits, or (logits, features), all tensors; got NoneType"),
        ({"logits": 1}, "all tensors; got dict"),
        ((torch.zeros(4), None), "got (a tensor of shape (4,), NoneType)"),
        (torch.zeros(4, 1, 3, 3), "or (4, K, 1, 1), and features of as many rows; got a tensor"),
        (torch.zeros(()), "got a tensor of shape ()"),
        (torch.zeros(3, 1), "of 4 rows the discriminator must return logits of shape (4,)"),
        ((torch.zeros(4, 1), torch.zeros(2, 5)), "a tensor of shape (2, 5))"),
    ],
)
def test_what_is_no_judgment_is_refused_in_words(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        PlainDiscriminator(Returns(value))(ROWS)


@pytest.mark.parametrize(("latent", "shape"), [(5, (2, 5)), ((5, 1, 1), (2, 5, 1, 1))])
def test_a_latent_by_its_shape_is_gaussian_and_of_the_given_chance(
    latent: int | tuple[int, ...], shape: tuple[int, ...]
) -> None:
    maker = PlainGenerator(nn.Identity(), latent)
    drawn = maker.draw_latent(2, chance(3))
    assert drawn.equal(torch.randn(shape, generator=chance(3))) and maker(drawn) is drawn
    assert PlainGenerator(nn.Identity(), latent).latent_dim == 5


def test_a_latent_may_be_a_function_and_must_return_as_many_rows() -> None:
    maker = PlainGenerator(nn.Identity(), lambda count: torch.full((count, 2), 7.0))
    assert maker.draw_latent(3, chance(0)).tolist() == [[7.0, 7.0]] * 3
    wrong = PlainGenerator(nn.Identity(), lambda count: torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"latent\(3\) must return 3 rows, got a tensor of shape"):
        wrong.draw_latent(3, chance(0))
    with pytest.raises(ValueError, match=r"latent\(2\) is on meta, the networks on cpu"):
        PlainGenerator(nn.Identity(), lambda n: torch.zeros(n, device="meta")).draw_latent(
            2, chance(0)
        )


def test_a_generator_must_return_a_row_for_each_latent() -> None:
    with pytest.raises(ValueError, match="of 2 latents the generator must return as many rows"):
        PlainGenerator(Returns(torch.zeros(3, 2)), 5)(torch.zeros(2, 5))


def test_what_does_not_fit_is_told_in_one_line() -> None:
    state = own_state(judge=nn.Linear(3, 1))
    with pytest.raises(ValueError, match=r"^the discriminator does not take rows of shape \(4, 2"):
        ADVERSARIAL(state, ROWS)
    state = own_state(maker=nn.Linear(7, 2))
    with pytest.raises(ValueError, match=r"^the generator does not take rows of shape \(4, 3\): "):
        ADVERSARIAL(state, ROWS)


def test_an_error_of_the_network_itself_is_not_taken_for_a_shape() -> None:
    class Broken(nn.Linear):
        def forward(self, rows: Tensor) -> Tensor:
            raise RuntimeError("the cable is out")

    with pytest.raises(RuntimeError, match="^the cable is out$"):
        ADVERSARIAL(own_state(judge=Broken(2, 1)), ROWS)


def test_networks_of_ours_are_taken_as_they_are() -> None:
    judge, maker = toy_discriminator((2,), 1, chance(0)), toy_generator((2,), chance(1))
    adams = [torch.optim.Adam(network.parameters()) for network in (judge, maker)]
    state = State.of(judge, maker, *adams)
    assert state.discriminator.network is judge and state.generator.network is maker
    with pytest.raises(ValueError, match="draws its own latents; leave latent out"):
        State.of(judge, maker, *adams, latent=3)


def test_packs_are_judged_by_a_plain_module() -> None:
    first, maker = nn.Linear(4, 1), nn.Linear(3, 2)
    packed = PackedDiscriminator(nn.Sequential(first, nn.Flatten(0)), 2)
    adams = [torch.optim.Adam(network.parameters()) for network in (packed, maker)]
    state = State.of(packed, maker, *adams, latent=3)
    before = first.weight.clone()
    ADVERSARIAL(state, torch.rand(6, 2))
    assert not torch.equal(first.weight, before)
    judged: object = packed(torch.rand(6, 2))
    assert isinstance(judged, Tensor) and judged.shape == (3,)  # the user's own is as it was


def test_a_plain_generator_needs_a_latent() -> None:
    with pytest.raises(ValueError, match="what does the generator make rows from"):
        as_generator(nn.Linear(3, 2), None)


def test_an_optimizer_without_parameters_of_its_network_is_refused_by_name() -> None:
    judge, maker = networks()
    of_both = [torch.optim.SGD(network.parameters(), lr=0.1) for network in (judge, maker)]
    with pytest.raises(ValueError) as refused:
        State.of(judge, maker, of_both[1], of_both[0], latent=3)
    assert str(refused.value).startswith(
        "discriminator: SGD does not own 0.weight, 0.bias, 2.weight and 1 more"
    )
    partly = torch.optim.SGD(list(maker.parameters())[:-1], lr=0.1)
    with pytest.raises(ValueError, match="generator: SGD does not own 2.bias; make it of"):
        State.of(judge, maker, of_both[0], partly, latent=3)
    list(maker.parameters())[-1].requires_grad_(False)
    State.of(judge, maker, of_both[0], partly, latent=3)


def test_an_optimizer_that_is_there_is_not_touched_before_the_first_step() -> None:
    judge, maker = networks()
    adams = [torch.optim.Adam(network.parameters()) for network in (judge, maker)]
    state = State.of(judge, maker, *adams, latent=3)
    assert not adams[0].state and not adams[1].state
    assert state.discriminator.optimizer is adams[0]


def test_matching_needs_a_discriminator_that_returns_features() -> None:
    with pytest.raises(ValueError, match=r"no features to match; let it return \(logits, features"):
        MATCHING(own_state(), ROWS)
    judge = WithFeatures()
    state = own_state(judge)
    before = judge.hidden.weight.detach().clone()
    assert MATCHING(state, ROWS).keys() == {"discriminator_loss", "generator_loss"}
    assert not judge.hidden.weight.equal(before)


def test_a_discriminator_that_ends_in_a_sigmoid_is_warned_of() -> None:
    inner = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
    for network in (inner, nn.Sequential(inner)):
        with pytest.warns(UserWarning, match="ends in a sigmoid; steps want logits: leave it out"):
            own_state(network)
    own_state(nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1)))  # no warning
