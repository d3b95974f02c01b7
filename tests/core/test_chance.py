"""Seeds that are derived by name."""

import torch

from convergan.core.chance import derive


def first(seed: int, stream: str, *index: int) -> float:
    return float(torch.rand((), generator=derive(seed, stream, *index)))


def test_the_same_names_give_the_same_numbers_and_others_give_others() -> None:
    assert first(0, "step", 3) == first(0, "step", 3)
    drawn = [first(0, "step", 3), first(1, "step", 3), first(0, "step", 4), first(0, "other", 3)]
    assert len(set(drawn)) == len(drawn)


def test_the_generator_of_torch_is_not_touched() -> None:
    before = torch.get_rng_state()
    first(0, "step")
    assert torch.equal(torch.get_rng_state(), before)
