import math
from collections.abc import Callable

import pytest
import torch
from pytest import approx
from torch import Tensor

from convergan.objectives import absolute_feature_matching, squared_feature_matching
from tests import oracles
from tests.oracles import Array, draw

Loss = Callable[[Tensor, Tensor], Tensor]
both_forms = pytest.mark.parametrize("loss", [squared_feature_matching, absolute_feature_matching])


@pytest.mark.parametrize(
    "loss, oracle",
    [
        (squared_feature_matching, oracles.squared_feature_matching),
        (absolute_feature_matching, oracles.absolute_feature_matching),
    ],
)
@pytest.mark.parametrize("fakes, reals", [(5, 5), (4, 9), (1, 1)])
def test_loss_is_that_of_the_released_code(
    loss: Loss, oracle: Callable[[Array, Array], float], fakes: int, reals: int
) -> None:
    fake, real = draw(fakes, 6, seed=1), draw(reals, 6, seed=2)
    assert loss(fake, real).item() == approx(oracle(fake.numpy(), real.numpy()), rel=1e-12)


@both_forms
def test_loss_is_zero_when_the_batch_means_agree(loss: Loss) -> None:
    real = draw(8, 3, seed=3)
    spread = torch.tensor([[-2.0], [2.0]], dtype=torch.float64)
    assert loss(real.mean(dim=0) + spread, real).item() < 1e-15
    assert loss(real.mean(dim=0) + spread + 1e-3, real).item() > 1e-7


@both_forms
def test_order_within_each_batch_does_not_matter(loss: Loss) -> None:
    fake, real = draw(6, 4, seed=4), draw(7, 4, seed=5)
    shuffled = loss(fake.flip(0), real.roll(3, dims=0))
    assert shuffled.item() == approx(loss(fake, real).item(), rel=1e-12)


@both_forms
def test_loss_is_a_mean_over_features(loss: Loss) -> None:
    fake, real = draw(6, 4, seed=6), draw(7, 4, seed=7)
    twice = loss(torch.cat([fake, fake], dim=1), torch.cat([real, real], dim=1))
    assert twice.item() == approx(loss(fake, real).item(), rel=1e-12)


@pytest.mark.parametrize(
    "loss, factor", [(squared_feature_matching, 9), (absolute_feature_matching, 3)]
)
def test_loss_grows_with_its_power_of_the_scale(loss: Loss, factor: int) -> None:
    fake, real = draw(6, 4, seed=6), draw(7, 4, seed=7)
    assert loss(-3 * fake, -3 * real).item() == approx(factor * loss(fake, real).item())
    assert loss(real, fake).item() == approx(loss(fake, real).item())
    assert loss(fake + 5, real + 5).item() == approx(loss(fake, real).item())


def test_two_batches_of_data_match_although_paired_rows_do_not() -> None:
    one, other = draw(10_000, 8, seed=8), draw(10_000, 8, seed=9)
    assert squared_feature_matching(one, other).item() < 1e-3
    assert absolute_feature_matching(one, other).item() < 3e-2
    assert (one - other).square().mean().item() == approx(2, rel=0.05)


def test_floor_is_set_by_the_variance_and_the_batch_size() -> None:
    # Both sides from one distribution of deviation 3; the mean over features stands for E.
    count, std = 25, 3.0
    one, other = std * draw(count, 20_000, seed=10), std * draw(count, 20_000, seed=11)
    variance = 2 * std**2 / count
    assert squared_feature_matching(one, other).item() == approx(variance, rel=0.05)
    expected = math.sqrt(2 / math.pi) * math.sqrt(variance)
    assert absolute_feature_matching(one, other).item() == approx(expected, rel=0.05)


def test_every_sample_gets_the_same_gradient() -> None:
    fake, real = draw(5, 4, seed=12).requires_grad_(), draw(3, 4, seed=13)
    difference = fake.detach().mean(dim=0) - real.mean(dim=0)
    (squared,) = torch.autograd.grad(squared_feature_matching(fake, real), fake)
    expected = (2 * difference / (4 * 5)).expand(5, 4)
    torch.testing.assert_close(squared, expected, rtol=1e-12, atol=0)
    (absolute,) = torch.autograd.grad(absolute_feature_matching(fake, real), fake)
    expected = (difference.sign() / (4 * 5)).expand(5, 4)
    torch.testing.assert_close(absolute, expected, rtol=1e-12, atol=0)


@both_forms
def test_no_gradient_reaches_the_data(loss: Loss) -> None:
    fake, real = draw(5, 4, seed=14).requires_grad_(), draw(3, 4, seed=15).requires_grad_()
    loss(fake, real).backward()  # type: ignore[no-untyped-call]
    assert real.grad is None
    assert fake.grad is not None and bool((fake.grad != 0).all())


@both_forms
def test_gradient_passes_gradcheck(loss: Loss) -> None:
    fake, real = draw(3, 4, seed=16).requires_grad_(), draw(2, 4, seed=17)
    assert torch.autograd.gradcheck(lambda f: loss(f, real), (fake,))


@both_forms
def test_features_of_unequal_width_are_refused(loss: Loss) -> None:
    with pytest.raises(ValueError, match=r"\(5, 4\) and \(5, 1\)"):
        loss(draw(5, 4), draw(5, 1))


@both_forms
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_loss_follows_the_dtype_of_the_features(loss: Loss, dtype: torch.dtype) -> None:
    assert loss(draw(3, 2).to(dtype), draw(4, 2).to(dtype)).dtype is dtype
