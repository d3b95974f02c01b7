import pytest
import torch
from pytest import approx
from torch import Tensor

from convergan.objectives import guidance_loss
from tests import oracles
from tests.oracles import draw

SHAPE = (2, 3, 4, 5)


def maps(seed: int) -> Tensor:
    return draw(*SHAPE, seed=seed)


def test_loss_is_that_of_the_slow_loop() -> None:
    decoded, target = maps(1), maps(2)
    loss = guidance_loss(decoded, target)
    expected = oracles.guidance_loss(decoded.numpy(), target.numpy())
    assert loss.shape == () and loss.item() == approx(expected, rel=1e-12)


def test_equal_orthogonal_and_opposite_maps_are_at_zero_one_and_two() -> None:
    target = maps(1)
    assert guidance_loss(target, target).item() == approx(0, abs=1e-15)
    assert guidance_loss(-target, target).item() == approx(2, rel=1e-14)
    turned = target.clone()
    turned[:, 0], turned[:, 1], turned[:, 2] = -target[:, 1], target[:, 0], 0
    assert guidance_loss(turned, target).item() == approx(1, rel=1e-14)


def test_positive_factors_at_each_place_do_not_matter() -> None:
    decoded, target = maps(1), maps(2)
    factors = draw(2, 1, 4, 5, seed=3).exp()
    expected = approx(guidance_loss(decoded, target).item(), rel=1e-12)
    assert guidance_loss(1e-12 * factors * decoded, target).item() == expected
    assert guidance_loss(decoded, 1e12 * factors * target).item() == expected


def test_one_warp_of_both_maps_changes_nothing_and_of_one_alone_a_lot() -> None:
    target = maps(1)
    assert guidance_loss(target.flip(3), target.flip(3)).item() == approx(0, abs=1e-15)
    assert guidance_loss(target.flip(3), target).item() > 0.3


def test_generator_receives_no_gradient_and_the_decoder_the_right_one() -> None:
    decoded, target = maps(1).requires_grad_(), maps(2).requires_grad_()
    guidance_loss(decoded, target).backward()  # type: ignore[no-untyped-call]
    assert target.grad is None and decoded.grad is not None
    along = (decoded.grad * decoded).sum(dim=1)
    assert along.abs().max().item() < 1e-15  # it turns the channels, no more
    assert torch.autograd.gradcheck(lambda u: guidance_loss(u, target.detach()), (decoded,))


def test_where_all_channels_are_zero_the_cosine_is_zero_and_gradients_stay_finite() -> None:
    decoded = torch.zeros(SHAPE, dtype=torch.float64, requires_grad=True)
    loss = guidance_loss(decoded, maps(1))
    assert loss.item() == 1
    assert torch.autograd.grad(loss, decoded)[0].abs().max().item() <= 1 / 40
    assert guidance_loss(maps(1), torch.zeros(SHAPE, dtype=torch.float64)).item() == 1


@pytest.mark.parametrize("shape", [(2, 1, 4, 5), (1, 3, 4, 5), (2, 3, 2, 2)])
def test_maps_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"the generator's shape \(2, 3, 4, 5\), got \("):
        guidance_loss(draw(*shape), maps(1))
