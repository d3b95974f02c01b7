import pytest
import torch
from torch import Tensor

from convergan.layers import MinibatchStddev, minibatch_stddev
from tests import oracles
from tests.oracles import draw


def maps(x: Tensor, group_size: int = 3) -> Tensor:
    """Only what is appended, as (N, F * places)."""
    return minibatch_stddev(x, group_size=group_size)[:, x.shape[1] :].flatten(1)


@pytest.mark.parametrize("shape", [(6, 4, 3, 2), (6, 4), (12, 4, 5)])
@pytest.mark.parametrize("group_size", [1, 2, 3, 6])
@pytest.mark.parametrize("features", [1, 2, 4])
def test_maps_are_those_of_the_formula(
    shape: tuple[int, ...], group_size: int, features: int
) -> None:
    x = draw(*shape, seed=1)
    expected = torch.from_numpy(oracles.minibatch_stddev(x.numpy(), group_size, features))
    assert expected.shape == (shape[0], 4 + features, *shape[2:])
    for found in (
        minibatch_stddev(x, group_size=group_size, features=features),
        MinibatchStddev(group_size, features)(x),
    ):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_a_group_is_every_nth_sample() -> None:
    x = torch.zeros(6, 1)
    x[1] = 4  # with 4, 0 in its group of two: rows 1 and 4
    assert maps(x, 2).flatten().tolist() == pytest.approx([1e-4, 2, 1e-4, 1e-4, 2, 1e-4])


def test_equal_samples_have_one_ten_thousandth_and_no_gradient() -> None:
    x = draw(1, 4, 2, 2, seed=2).expand(6, 4, 2, 2).clone().requires_grad_()
    found = maps(x)
    torch.testing.assert_close(found, torch.full_like(found, 1e-4), rtol=1e-6, atol=0)
    [gradient] = torch.autograd.grad(found.sum(), x)
    assert gradient.abs().max().item() < 1e-10


def test_a_group_of_one_has_one_ten_thousandth() -> None:
    found = maps(draw(5, 4, 2, seed=3), 1)
    torch.testing.assert_close(found, torch.full_like(found, 1e-4))


def test_maps_scale_with_the_size_of_the_input_and_ignore_shifts() -> None:
    x = draw(6, 4, 2, 2, seed=4)
    torch.testing.assert_close(maps(-7 * x), 7 * maps(x), rtol=1e-6, atol=0)
    torch.testing.assert_close(maps(x + draw(1, 4, 2, 2, seed=5)), maps(x))


def test_order_within_a_group_changes_nothing_and_other_groups_do_not_matter() -> None:
    x = draw(6, 4, 2, seed=6)
    torch.testing.assert_close(maps(x[[4, 1, 0, 3, 2, 5]]), maps(x))
    changed = x.clone()
    changed[1::2] += draw(3, 4, 2, seed=7)
    assert maps(changed)[::2].equal(maps(x)[::2])
    assert not maps(changed)[1::2].allclose(maps(x)[1::2])


def test_input_passes_through_unchanged() -> None:
    x = draw(6, 4, 2, seed=8).float()
    found = minibatch_stddev(x, group_size=3)
    assert found[:, :4].equal(x)
    assert found.dtype == x.dtype


def test_gradients_pass_gradcheck() -> None:
    x = draw(4, 2, 2, seed=9).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: minibatch_stddev(x, group_size=2), x)
    assert torch.autograd.gradgradcheck(lambda x: minibatch_stddev(x, group_size=2), x)


@pytest.mark.parametrize("group_size", [0, -1])
def test_groups_without_samples_are_refused(group_size: int) -> None:
    with pytest.raises(ValueError, match=f"^group_size must be at least 1, got {group_size}$"):
        minibatch_stddev(draw(6, 4), group_size=group_size)


@pytest.mark.parametrize(("count", "group_size"), [(6, 4), (6, 7), (5, 4), (10, 4), (1, 4), (7, 2)])
def test_groups_that_do_not_fill_the_batch_are_as_even_as_can_be(
    count: int, group_size: int
) -> None:
    x = draw(count, 4, 2)
    groups = -(-count // group_size)
    y = minibatch_stddev(x, group_size=group_size)
    for row in range(count):
        group = x[row % groups :: groups]
        assert group_size >= len(group) >= count // groups
        deviation = (group.var(dim=0, correction=0) + 1e-8).sqrt().mean()
        assert y[row, 4].tolist() == pytest.approx([deviation.item()] * 2, rel=1e-9)


@pytest.mark.parametrize("features", [3, 0])
def test_maps_that_do_not_divide_the_channels_are_refused(features: int) -> None:
    with pytest.raises(ValueError, match=f"divide the 4 channels, got {features}"):
        minibatch_stddev(draw(6, 4), group_size=2, features=features)


def test_half_precision_has_gradients_for_equal_rows_and_no_overflow() -> None:
    x = torch.ones(4, 3, dtype=torch.float16, requires_grad=True)
    minibatch_stddev(x, group_size=4).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None and x.grad.isfinite().all()
    wide = torch.tensor([[300.0], [-300.0]], dtype=torch.float16)
    assert minibatch_stddev(wide, group_size=2)[0, 1].item() == 300
