"""What every public layer can do, as those of torch can."""

import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import convergan.layers
from convergan.layers import (
    BatchStatisticsNorm,
    CrossBatchNorm,
    CrossHalfDiscrimination,
    Dropout,
    GaussianNoise,
    MinibatchDiscrimination,
    MinibatchStddev,
    VirtualBatchNorm,
    hold_reference,
    weight_norm,
)
from convergan.networks import PackedDiscriminator

C, SIDE = 4, 3


class Case(NamedTuple):
    """A layer in a network.

    Attributes:
        make: the layer from its default arguments and, where it has any, sizes.
        map: whether it takes maps (N, C, H, W), or rows (N, C).
        unit: rows that belong together.
        together: whether what a row gets depends on other rows.
        noisy: whether it draws.
        flattens: whether it makes rows of maps.
    """

    make: Callable[[], nn.Module]
    map: bool = True
    unit: int = 1
    together: bool = False
    noisy: bool = False
    flattens: bool = False

    def rows(self, count: int, seed: int = 0) -> Tensor:
        shape = (C, SIDE, SIDE) if self.map else (C,)
        chance = torch.Generator().manual_seed(seed)
        return torch.randn(count, *shape, generator=chance)

    def network(self) -> nn.Sequential:
        """Put the layer behind one that learns, so that gradients reach it."""
        torch.manual_seed(0)
        first = nn.Conv2d(C, C, 1) if self.map else nn.Linear(C, C)
        layer = self.make()
        network = nn.Sequential(first, layer)
        virtual = isinstance(layer, VirtualBatchNorm)
        return hold_reference(network, self.rows(5, seed=9)) if virtual else network


A = C * SIDE * SIDE
CASES: Mapping[str, Case] = {
    "BatchStatisticsNorm": Case(lambda: BatchStatisticsNorm(C), together=True),
    "BatchStatisticsNorm of rows": Case(lambda: BatchStatisticsNorm(C), map=False, together=True),
    "CrossBatchNorm": Case(lambda: CrossBatchNorm(C), unit=2, together=True),
    "CrossHalfDiscrimination": Case(
        lambda: CrossHalfDiscrimination(A, 3, 2), unit=2, together=True, flattens=True
    ),
    "Dropout": Case(lambda: Dropout(0.5), noisy=True),
    "GaussianNoise": Case(lambda: GaussianNoise(0.5), noisy=True),
    "MinibatchDiscrimination": Case(
        lambda: MinibatchDiscrimination(A, 3, 2), together=True, flattens=True
    ),
    "MinibatchStddev": Case(lambda: MinibatchStddev(2), together=True),
    "MinibatchStddev of four": Case(lambda: MinibatchStddev(), together=True),
    "MinibatchStddev of rows": Case(lambda: MinibatchStddev(2), map=False, together=True),
    "PackedDiscriminator": Case(
        lambda: PackedDiscriminator(nn.Conv2d(2 * C, 1, SIDE), 2), unit=2, together=True
    ),
    "VirtualBatchNorm": Case(lambda: VirtualBatchNorm(C)),
    "VirtualBatchNorm of rows": Case(lambda: VirtualBatchNorm(C), map=False),
    "VirtualBatchNorm of 2016": Case(lambda: VirtualBatchNorm(C, mode="paper2016"), together=True),
    "weight_norm of a linear layer": Case(lambda: weight_norm(nn.Linear(C, 2)), map=False),
    "weight_norm of a convolution": Case(lambda: weight_norm(nn.Conv2d(C, 2, 3))),
    "weight_norm of a deconvolution": Case(
        lambda: weight_norm(nn.ConvTranspose2d(C, 2, 3, bias=False))
    ),
}
every_layer = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def test_every_public_layer_is_among_the_cases() -> None:
    public = {
        name
        for name, thing in vars(convergan.layers).items()
        if isinstance(thing, type) and issubclass(thing, nn.Module) and name != "StartsFromBatch"
    }
    assert public <= {name.split()[0] for name in CASES}


def outcome(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    torch.manual_seed(3)
    return network(x)


@every_layer
def test_it_trains_in_a_sequential_network(case: Case) -> None:
    network = case.network()
    y = outcome(network, case.rows(8))
    assert y.dim() == (2 if case.flattens or not case.map else 4)
    y.square().sum().backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


@every_layer
def test_evaluation_mode_has_no_noise_and_training_mode_has(case: Case) -> None:
    network, x = case.network(), case.rows(8)
    one, other = network(x), network(x)
    assert torch.equal(one, other) == (not case.noisy)
    network.eval()
    one, other = network(x), network(x)
    assert torch.equal(one, other)


@every_layer
def test_any_number_of_rows_is_judged_in_evaluation_mode(case: Case) -> None:
    network = case.network().eval()
    least = 2 if case.unit == 2 or "BatchStatisticsNorm" in repr(network) else 1
    for count in (least, 6, 10, 14) if case.unit == 2 else (least, 3, 7):
        count += count % case.unit
        if isinstance(network[1], CrossHalfDiscrimination):
            count = max(count, 4)
        y = network(case.rows(count))
        assert y.isfinite().all()


@every_layer
def test_rows_are_judged_alone_or_together(case: Case) -> None:
    network, x = case.network().eval(), case.rows(8)
    other = torch.cat([x[:4], 5 * x[4:]])
    assert torch.allclose(network(x)[:2], network(other)[:2], atol=1e-6) != case.together or (
        case.unit == 2
    )


@every_layer
def test_it_saves_and_loads(case: Case) -> None:
    network, other, x = case.network(), case.network(), case.rows(8)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    other.load_state_dict(network.state_dict())
    assert torch.equal(outcome(network, x), outcome(other, x))


@every_layer
def test_a_deep_copy_is_the_same_and_apart(case: Case) -> None:
    network, x = case.network(), case.rows(8)
    before, copied = outcome(network, x), copy.deepcopy(network)
    assert torch.equal(outcome(copied, x), before)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.add_(1)
    assert torch.equal(outcome(network, x), before)


@every_layer
def test_it_is_averaged(case: Case) -> None:
    network, x = case.network(), case.rows(8)
    ema = get_ema_multi_avg_fn(0.5)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=ema)
    average.update_parameters(network)
    assert torch.equal(outcome(average, x), outcome(network, x))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    average.update_parameters(network)
    for mean, last in zip(average.module.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(mean, last - 0.5)


@every_layer
def test_it_runs_under_autocast(case: Case) -> None:
    network, x = case.network().eval(), case.rows(8)
    exact = network(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(x)
        rough.float().sum().backward()
    torch.testing.assert_close(rough.float(), exact, rtol=0.1, atol=0.1)


@every_layer
def test_it_moves_to_another_type(case: Case) -> None:
    network, x = case.network().eval(), case.rows(8)
    exact = network.double()(x.double())
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), case.network().eval()(x), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@every_layer
@pytest.mark.parametrize("training", [True, False])
def test_it_compiles_without_a_graph_break(case: Case, training: bool) -> None:
    network, x = case.network().train(training), case.rows(8)
    torch.compiler.reset()  # what was compiled before counts towards a limit
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    y, z = outcome(network, x), outcome(compiled, x)
    torch.testing.assert_close(z, y, rtol=1e-4, atol=1e-5)
    parameters = list(network.parameters())
    expected = torch.autograd.grad(y.square().sum(), parameters, allow_unused=True)
    found = torch.autograd.grad(z.square().sum(), parameters, allow_unused=True)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@every_layer
def test_it_exports_with_any_number_of_rows(case: Case) -> None:
    network = case.network().eval()
    rows = (
        torch.export.Dim("rows", min=4) * case.unit if case.unit > 1 else torch.export.Dim.DYNAMIC
    )
    exported = torch.export.export(network, (case.rows(8),), dynamic_shapes=({0: rows},)).module()
    for count in (8, 10, 14) if case.unit == 2 else (5, 8, 11):
        x = case.rows(count)
        torch.testing.assert_close(exported(x), network(x), rtol=1e-4, atol=1e-5)
