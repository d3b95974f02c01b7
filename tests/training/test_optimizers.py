"""Which optimizers can be checkpointed from the first step on, and which are refused."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSprop, Rprop

from convergan.training.optimizers import make_ready


def parameters() -> dict[str, Tensor]:
    return {"a": nn.Parameter(torch.tensor([1.0, -2.0])), "b": nn.Parameter(torch.ones(2, 3))}


MAKERS: dict[str, Callable[[Iterable[Tensor]], Optimizer]] = {
    "adam": partial(Adam, lr=0.1),
    "fused adam": partial(Adam, lr=0.1, fused=True),
    "adamw": partial(AdamW, lr=0.1, amsgrad=True),
    "rmsprop": partial(RMSprop, lr=0.1, momentum=0.9),
    "adagrad": partial(Adagrad, lr=0.1, initial_accumulator_value=0.5),
    "sgd": partial(SGD, lr=0.1),
    "sgd with momentum": partial(SGD, lr=0.1, momentum=0.9),
    "decay": partial(SGD, lr=0.1, momentum=0.9, weight_decay=0.1),
}


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_ready_is_unmoved_and_steps_as_if_it_had_just_been_made(name: str) -> None:
    ready, fresh = parameters(), parameters()
    optimizer, other = make_ready(MAKERS[name], ready), MAKERS[name](fresh.values())
    for key, parameter in ready.items():
        assert torch.equal(parameter, fresh[key]) and parameter.grad is None
    keys = [sorted(optimizer.state[p]) for p in ready.values()]
    for step in (1, 2):
        for one in (ready, fresh):
            for parameter in one.values():
                parameter.grad = torch.full_like(parameter, 0.5 * step)
        optimizer.step()
        other.step()
        assert [sorted(optimizer.state[p]) for p in ready.values()] == keys
    for key in ready:
        assert torch.equal(ready[key], fresh[key])
    assert not torch.equal(ready["a"], parameters()["a"])


class Noting(SGD):
    """Keeps a number that is no tensor."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["last"] = 3
        return super().step(closure)


class FromOne(Optimizer):
    """Creates a state of ones in its first step."""

    def __init__(self, params: Iterable[Tensor]) -> None:
        super().__init__(params, {"lr": 0.1})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for parameter in self.param_groups[0]["params"]:
            state = self.state[parameter]
            state.setdefault("scale", torch.ones_like(parameter)).mul_(0.5)
            parameter.sub_(state["scale"] * parameter.grad)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (torch.optim.LBFGS, "LBFGS cannot take a step along given gradients .*needs no closure"),
        (partial(Noting, lr=0.1), "Noting keeps last as int, and a checkpoint holds tensors alone"),
        (FromOne, "FromOne does not start from a state of zeros, .*take Adam, AdamW, RMSprop"),
        (partial(NAdam, lr=0.1), "NAdam does not start from a state of zeros"),
        (partial(Rprop, lr=0.1), "Rprop does not start from a state of zeros"),
    ],
)
def test_an_optimizer_that_cannot_be_checkpointed_is_refused(
    make: Callable[[Iterable[Tensor]], Optimizer], reason: str
) -> None:
    given = parameters()
    with pytest.raises(ValueError, match=reason):
        make_ready(make, given)


def test_one_for_these_parameters_alone_is_taken_without_a_comparison() -> None:
    given = parameters()

    def make(asked: Iterable[Tensor]) -> Optimizer:
        found = list(asked)
        if len(found) != 2:
            raise RuntimeError("made for two")
        return SGD(found, lr=0.1)

    assert isinstance(make_ready(make, given), SGD)


# --- memory and dtype ----------------------------------------------------------------------------


def with_gaps() -> Tensor:
    return nn.Parameter(torch.ones(3, 4)[:, :2])


def test_gaps_in_the_memory_of_a_parameter_are_refused_by_fused_optimizers_alone() -> None:
    with pytest.raises(ValueError, match=r"parameter w of shape \(3, 2\) and strides \(4, 1\) has"):
        make_ready(partial(Adam, fused=True), {"w": with_gaps()})
    assert isinstance(make_ready(Adam, {"w": with_gaps()}), Adam)


def test_a_transposed_parameter_fills_its_memory() -> None:
    given = {"w": nn.Parameter(torch.ones(3, 2).t())}
    assert isinstance(make_ready(partial(Adam, fused=True), given), Adam)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_refused_by_fused_sgd_on_a_cpu_alone(dtype: torch.dtype) -> None:
    given = {"w": nn.Parameter(torch.ones(3, dtype=dtype))}
    with pytest.raises(ValueError, match=f"parameter w is {dtype}, of which torch's fused SGD"):
        make_ready(partial(SGD, lr=0.1, fused=True), given)
    assert isinstance(make_ready(partial(SGD, lr=0.1), given), SGD)


class Viewing(SGD):
    """Looks at parameters as one row, which those with other strides cannot be."""

    def step(self, closure: Any = None) -> Any:
        for parameter in self.param_groups[0]["params"]:
            parameter.detach().view(-1)
        return super().step(closure)


def test_one_that_needs_contiguous_parameters_names_the_first_that_is_not() -> None:
    given = {"a": nn.Parameter(torch.ones(2)), "w": nn.Parameter(torch.ones(3, 2).t())}
    with pytest.raises(
        ValueError, match="Viewing cannot take parameters that are not contiguous, as w"
    ):
        make_ready(partial(Viewing, lr=0.1), given)
