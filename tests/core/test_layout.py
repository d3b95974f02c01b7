import torch

from convergan.core.layout import fills_its_memory, match_layout

CHANNELS_LAST = torch.channels_last


def test_a_tensor_that_lies_as_wanted_is_returned_itself() -> None:
    x = torch.randn(2, 3, 4, 5)
    assert match_layout(x, torch.zeros(2, 3, 4, 5)) is x


def test_a_copy_has_the_strides_of_the_other_and_its_own_values_and_dtype() -> None:
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    for like in (
        torch.zeros(2, 3, 4, 5).to(memory_format=CHANNELS_LAST),
        torch.zeros(5, 4, 3, 2).permute(3, 2, 1, 0),
        torch.zeros(3, 2, 4, 5).transpose(0, 1),
    ):
        laid = match_layout(x, like)
        assert laid.stride() == like.stride() and laid.dtype == x.dtype
        assert torch.equal(laid, x)


def test_gaps_and_overlaps_in_memory_are_told() -> None:
    full = [torch.zeros(3, 4), torch.zeros(3, 4).T, torch.zeros(3, 4)[1:], torch.zeros(())]
    assert all(map(fills_its_memory, full))
    gappy = [torch.zeros(3, 4)[:, :2], torch.zeros(3, 4)[:, ::2], torch.zeros(3, 1).expand(3, 4)]
    assert not any(map(fills_its_memory, gappy))
