import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import batch_norm

from convergan.layers import (
    BatchStatisticsNorm,
    CrossBatchNorm,
    CrossHalfDiscrimination,
    MinibatchDiscrimination,
    MinibatchStddev,
    VirtualBatchNorm,
    hold_reference,
)
from tests.oracles import draw


def generator() -> nn.Sequential:
    """As in the DCGAN of PyTorch's examples, small."""
    return nn.Sequential(
        nn.ConvTranspose2d(6, 8, 4, 1, 0, bias=False),
        VirtualBatchNorm(8),
        nn.ReLU(True),
        nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    ).double()


def weights_init(m: nn.Module) -> None:
    """As every DCGAN starts its weights."""
    name = m.__class__.__name__
    if name.find("Conv") != -1:
        nn.init.normal_(m.weight, 0.0, 0.02)  # type: ignore[arg-type]
    elif name.find("BatchNorm") != -1:
        nn.init.normal_(m.weight, 1.0, 0.02)  # type: ignore[arg-type]
        nn.init.zeros_(m.bias)  # type: ignore[arg-type]


def test_a_row_is_normalised_with_the_reference_rows_and_no_other() -> None:
    network, reference, live = generator(), draw(5, 6, 1, 1), draw(3, 6, 1, 1, seed=1)
    first, norm, *_ = network
    assert isinstance(norm, VirtualBatchNorm)
    hold_reference(network, reference)
    for row, made in zip(live, network(live), strict=True):
        h = first(torch.cat([reference, row[None]]))
        h = batch_norm(h, None, None, norm.weight, norm.bias, training=True, eps=1e-5)
        torch.testing.assert_close(made, network[2:](h)[-1])


def test_the_weights_of_every_dcgan_start_and_are_named_as_ever() -> None:
    network = generator().apply(weights_init)
    hold_reference(network, draw(5, 6, 1, 1))
    assert {"1.weight", "1.bias"} < network.state_dict().keys()
    assert network(draw(2, 6, 1, 1)).shape == (2, 1, 8, 8)


def test_without_a_reference_batch_nothing_is_silently_lost() -> None:
    for network in (generator(), generator().eval()):
        with pytest.raises(RuntimeError, match=r"no reference batch: call hold_reference\("):
            network(draw(20, 6, 1, 1))


def test_the_reference_is_saved_moved_and_copied_with_the_network() -> None:
    network = hold_reference(generator(), draw(5, 6, 1, 1))
    other = hold_reference(generator(), draw(5, 6, 1, 1, seed=7))
    live = draw(3, 6, 1, 1, seed=1)
    assert not torch.equal(network(live), other(live))
    other.load_state_dict(network.state_dict())
    assert torch.equal(network(live), other(live))
    assert torch.equal(copy.deepcopy(network)(live), network(live))
    assert network.float()(live.float()).dtype == torch.float32


def test_it_does_not_change_when_the_callers_tensor_does() -> None:
    reference, live = draw(5, 6, 1, 1), draw(3, 6, 1, 1, seed=1)
    network = hold_reference(generator(), reference)
    before = network(live)
    reference.zero_()
    assert torch.equal(network(live), before)


def test_a_second_call_takes_other_rows() -> None:
    network, live = generator(), draw(3, 6, 1, 1, seed=1)
    before = hold_reference(network, draw(5, 6, 1, 1))(live)
    after = hold_reference(network, draw(9, 6, 1, 1, seed=2))(live)
    assert after.shape == before.shape and not torch.equal(after, before)
    again = hold_reference(copy.deepcopy(network), draw(5, 6, 1, 1))(live)
    assert torch.equal(again, before)


class Judged(NamedTuple):
    logits: Tensor
    features: Tensor


class Conditional(nn.Module):
    """Two inputs, several outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = VirtualBatchNorm(4)
        self.embed = nn.Embedding(3, 4)

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, object]:
        h = self.norm(x + self.embed(labels))
        return {"judged": Judged(h.sum(dim=1), h), "parts": [h, (h, 7)]}


def test_every_input_and_output_of_a_conditional_network_is_taken_care_of() -> None:
    network = Conditional()
    hold_reference(network, torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1]))
    made = network(torch.randn(2, 4), torch.tensor([2, 0]))
    judged = made["judged"]
    assert isinstance(judged, Judged) and judged.logits.shape == (2,)
    assert made["parts"][0].shape == (2, 4) and made["parts"][1][1] == 7
    with pytest.raises(ValueError, match="as many for each input"):
        hold_reference(network, torch.randn(5, 4), torch.tensor([0, 1]))


def test_inputs_by_name_have_their_reference_rows_as_well() -> None:
    network = Conditional()
    hold_reference(network, torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1]))
    x, labels = torch.randn(2, 4), torch.tensor([2, 0])
    wanted = network(x, labels)["judged"].logits
    assert torch.equal(network(x, labels=labels)["judged"].logits, wanted)
    assert torch.equal(network(labels=labels, x=x)["judged"].logits, wanted)
    with pytest.raises(ValueError, match="for its input labels, which this call does not give$"):
        network(x)
    hold_reference(network, torch.randn(7, 4))
    with pytest.raises(ValueError, match=r"input of shape \(2,\) that has no reference rows"):
        network(x, labels)
    with pytest.raises(ValueError, match=r"input of shape \(2,\) that has no reference rows"):
        network(x, labels=labels)
    with pytest.raises(ValueError, match="^Conditional holds reference rows for input 0, got None"):
        network(None)


def test_a_part_that_holds_a_reference_batch_is_named() -> None:
    network = nn.Sequential(hold_reference(nn.Sequential(VirtualBatchNorm(2)), torch.randn(3, 2)))
    with pytest.raises(ValueError, match="^0, a part of Sequential, holds a reference batch"):
        hold_reference(network, torch.randn(3, 2))


def test_what_it_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="^Linear has no layer VirtualBatchNorm$"):
        hold_reference(nn.Linear(2, 2), torch.randn(3, 2))
    for reference in ((), (torch.randn(0, 6, 1, 1),)):
        with pytest.raises(ValueError, match="^a reference batch is at least one row"):
            hold_reference(generator(), *reference)
    network = hold_reference(generator(), draw(5, 6, 1, 1))
    with pytest.raises(ValueError, match=r"rows of shape \(6, 1, 1\), got rows of shape \(6,\)$"):
        network(draw(3, 6))
    network = nn.Sequential(VirtualBatchNorm(2), nn.Flatten(0))
    with pytest.raises(ValueError, match="^Sequential made 14 rows of 7: "):
        hold_reference(network, torch.randn(5, 2))(torch.randn(2, 2))


def test_a_part_called_by_itself_takes_no_live_row_for_a_reference() -> None:
    network, live = generator(), draw(20, 6, 1, 1)
    hold_reference(network, draw(5, 6, 1, 1))
    calls: list[Callable[[Tensor], Any]] = [network.forward, network[:2]]
    for call in calls:
        with pytest.raises(RuntimeError, match="and then the network itself, not a part of it"):
            call(live)
    with pytest.raises(ValueError):
        network(draw(3, 6))
    with pytest.raises(RuntimeError):  # after an error as well
        network[:2](live)


def test_there_are_as_many_reference_rows_as_the_network_holds_at_the_moment() -> None:
    network, other, live = generator(), generator(), draw(3, 6, 1, 1, seed=1)
    hold_reference(network, draw(5, 6, 1, 1))
    fewer = {"reference_batch_0": draw(2, 6, 1, 1)}
    expected = hold_reference(copy.deepcopy(network), draw(2, 6, 1, 1))(live)
    assert torch.equal(functional_call(network, fewer, (live,)), expected)
    before = network(live)
    other[1] = network[1]  # a layer of two networks
    hold_reference(other, draw(9, 6, 1, 1))
    assert torch.equal(network(live), before)


def test_saved_weights_load_after_the_saved_rows_are_held() -> None:
    network, live = hold_reference(generator(), draw(5, 6, 1, 1)), draw(3, 6, 1, 1, seed=1)
    saved, fresh = network.state_dict(), generator()
    hold_reference(fresh, saved["reference_batch_0"]).load_state_dict(saved)
    assert torch.equal(fresh(live), network(live))


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm1d(2),
        BatchStatisticsNorm(2),
        CrossBatchNorm(2),
        CrossHalfDiscrimination(2, 3, 2),
        MinibatchDiscrimination(2, 3, 2),
        MinibatchStddev(),
    ],
)
def test_layers_that_would_compare_live_rows_with_reference_rows_are_refused(
    layer: nn.Module,
) -> None:
    network = nn.Sequential(nn.Sequential(nn.Linear(2, 2), VirtualBatchNorm(2)), layer)
    with pytest.raises(ValueError, match=f"^1 of Sequential is a {type(layer).__name__} and would"):
        hold_reference(network, torch.randn(4, 2))
    first = network[0]
    assert isinstance(first, nn.Sequential)
    hold_reference(first, torch.randn(4, 2))
    assert network(torch.randn(6, 2)).shape[0] == 6


@dataclass
class Made:
    """An output as some libraries have it."""

    rows: Tensor
    step: int


class Wraps(nn.Module):
    """Puts its rows into a container."""

    def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.norm, self.wrap = VirtualBatchNorm(2), wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(self.norm(x))


def test_containers_keep_their_kind_and_lose_the_reference_rows() -> None:
    x = torch.randn(3, 2)

    def made(wrap: Callable[[Tensor], Any]) -> Any:
        return hold_reference(Wraps(wrap), torch.randn(4, 2))(x)

    assert made(lambda rows: Made(rows, 7)).rows.shape == (3, 2)
    ordered = made(lambda rows: OrderedDict(rows=rows, loss=rows.mean()))
    assert type(ordered) is OrderedDict and ordered["rows"].shape == (3, 2)
    assert ordered["loss"].shape == ()
    with pytest.raises(ValueError, match="must return tensors, or tuples.* got set$"):
        made(lambda rows: {rows})


def test_a_reference_of_another_kind_of_number_is_refused() -> None:
    network = hold_reference(nn.Sequential(VirtualBatchNorm(2)), torch.full((4, 2), 0.5))
    with pytest.raises(ValueError, match="reference batch of torch.float32, got rows of torch.int"):
        network(torch.ones(3, 2, dtype=torch.int64))


def test_a_compiled_network_is_to_hold_it_before() -> None:
    with pytest.raises(ValueError, match="before torch.compile"):
        compiled: Any = torch.compile(generator(), backend="eager")
        hold_reference(compiled, draw(5, 6, 1, 1))
