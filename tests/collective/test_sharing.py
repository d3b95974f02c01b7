"""Everything that looks at other rows, in several processes and in one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from convergan.collective import (
    ALONE,
    BatchSharing,
    Ranks,
    average,
    draw_like,
    exchange,
    is_alone,
    mean_gradients,
    own,
    share_batches,
    use_sharing,
    whole,
    whole_count,
)
from convergan.collective.ranks import DistributedRanks
from convergan.layers import (
    BatchStatisticsNorm,
    CrossBatchNorm,
    CrossHalfDiscrimination,
    MinibatchDiscrimination,
    MinibatchStddev,
    VirtualBatchNorm,
)
from convergan.objectives import (
    absolute_feature_matching,
    gradient_penalty,
    logit_realness,
    squared_feature_matching,
    top_k_loss,
)
from tests.collective.processes import in_processes
from tests.collective.small_runs import difference

EXACT = 1e-12
A = 6
"""Features of a row."""


class Behind(nn.Module):
    """A layer behind another one, so that gradients go through it to parameters and rows."""

    reference: Tensor

    def __init__(self, layer: nn.Module, chance: torch.Generator, reference: int = 0) -> None:
        super().__init__()
        self.first = nn.Linear(A, A)
        for parameter in self.first.parameters():
            nn.init.normal_(parameter, generator=chance)
        self.layer = layer
        self.register_buffer("reference", torch.randn(reference, A, generator=chance))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.cat([self.reference, x])
        y: Tensor = self.layer(torch.tanh(self.first(h)))
        return y[len(self.reference) :]


class Case(NamedTuple):
    """One layer.

    Attributes:
        make: builds it.
        kinds: how many kinds of rows it takes, one after the other.
        reference: rows of reference in front.
        counts: divisor of the rows that it takes.
    """

    make: Callable[[torch.Generator], nn.Module]
    kinds: int = 1
    reference: int = 0
    divides: int = 1


def layer(kind: Callable[..., nn.Module], *sizes: Any, **options: Any) -> Any:
    return lambda chance: kind(*sizes, chance=chance, **options)


CASES: Mapping[str, Case] = {
    "similarities": Case(layer(MinibatchDiscrimination, A, 3, 2, theta_std=1.0)),
    "similarities across halves": Case(layer(CrossHalfDiscrimination, A, 3, 2), kinds=2),
    "deviation": Case(lambda _: MinibatchStddev(2), divides=2),
    "batch statistics": Case(lambda _: BatchStatisticsNorm(A)),
    "cross batch norm": Case(layer(CrossBatchNorm, A), kinds=2),
    "virtual batch norm": Case(layer(VirtualBatchNorm, A, num_reference=3), reference=3),
    "virtual batch norm of 2016": Case(
        layer(VirtualBatchNorm, A, num_reference=3, mode="paper2016"), reference=3
    ),
}


def rows(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, A, generator=torch.Generator().manual_seed(seed))


def of_layer(case: Case, count: int, ranks: Ranks, *, penalty: bool) -> dict[str, Tensor]:
    """Outputs, loss and all gradients of a layer on ``count`` rows of each kind."""
    chance = torch.Generator().manual_seed(1)
    module = Behind(case.make(chance), chance, case.reference)
    with use_sharing(share_batches(ranks, count)):
        x = own(rows(case.kinds * count)).detach().requires_grad_()
        outputs = module(x)
        everything = torch.cat([whole(kind) for kind in outputs.chunk(case.kinds)])
        loss = (everything * torch.arange(1, everything.numel() + 1).view_as(everything)).sin()
        loss = loss.mean()
        if penalty:
            loss = loss + average(gradient_penalty(outputs.sin().sum(dim=1), x))
        slopes = torch.autograd.grad(loss, [x, *module.parameters()])
        _, gradients = mean_gradients("layer", loss.detach(), slopes[1:])
        at_rows = torch.cat([whole(kind) for kind in slopes[0].chunk(case.kinds)]) / ranks.size
    names = [name for name, _ in module.named_parameters()]
    found = {"outputs": everything, "loss": loss, "at rows": at_rows}
    found |= dict(zip(names, gradients, strict=True))
    return {name: tensor.detach().clone().contiguous() for name, tensor in found.items()}


def apart(own_rows: Tensor) -> Tensor:
    """Keep own rows where all rows should be: features are then matched by every process."""
    return own_rows


def of_objective(
    objective: str, count: int, ranks: Ranks, make_whole: Callable[[Tensor], Tensor] = whole
) -> dict[str, Tensor]:
    """Loss and gradients of an objective that is no mean over rows."""
    chance = torch.Generator().manual_seed(2)
    module = Behind(nn.Identity(), chance)
    with use_sharing(share_batches(ranks, count)):
        fake, real = (make_whole(module(own(rows(count, seed)))) for seed in (3, 4))
        loss = OBJECTIVES[objective](fake, real)
        slopes = torch.autograd.grad(loss, list(module.parameters()))
        loss = average(loss)
        _, gradients = mean_gradients("layer", loss.detach(), slopes)
    return {"loss": loss.detach().clone()} | {
        str(n): gradient.clone() for n, gradient in enumerate(gradients)
    }


def top_four(fake: Tensor, real: Tensor) -> Tensor:
    """Take the fourth of two rows that are as real as each other, 0 and 5: the earlier one."""
    return top_k_loss(fake[:, 0].sin(), ties(fake), 4)


OBJECTIVES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared": squared_feature_matching,
    "absolute": absolute_feature_matching,
    "top-k": top_four,
}


def ties(fake: Tensor) -> Tensor:
    realness = logit_realness(fake[:, 1])
    return realness.scatter(0, torch.tensor([0, 5]), realness[realness.argsort()[-4]].item())


def of_all(count: int, ranks: Ranks) -> dict[str, Tensor]:
    found = {}
    for name, case in CASES.items():
        if count % case.divides:
            continue
        for penalty in (False, True):
            for part, tensor in of_layer(case, count, ranks, penalty=penalty).items():
                found[f"{name}/penalty {penalty}/{part}"] = tensor
    for name in OBJECTIVES:
        for part, tensor in of_objective(name, count, ranks).items():
            found[f"{name}/{part}"] = tensor
    return found


def compare(ranks: DistributedRanks, found: dict[str, Tensor]) -> None:
    for count in (8, 10):
        for name, tensor in of_all(count, ranks).items():
            found[f"{count}/{name}"] = tensor
    for name in ("squared", "absolute"):
        for part, tensor in of_objective(name, 8, ranks, apart).items():
            found[f"apart/{name}/{part}"] = tensor
    if ranks.size == 2:
        for mutate in MUTATIONS:
            with pytest.MonkeyPatch.context() as patch:
                mutate(patch)
                for part, tensor in of_all(8, ranks).items():
                    found[f"{mutate.__name__}/{part}"] = tensor


def own_slice_only(patch: pytest.MonkeyPatch) -> None:
    """The form of public code."""

    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        first = sum(ctx.counts[: ctx.ranks.rank])
        return upstream.narrow(0, first, ctx.counts[ctx.ranks.rank]), None, None

    patch.setattr(exchange._Gather, "backward", backward)


def mean_for_sum(patch: pytest.MonkeyPatch) -> None:
    right = exchange._Gather.backward

    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        return right(ctx, upstream)[0] / ctx.ranks.size, None, None

    patch.setattr(exchange._Gather, "backward", backward)


def loss_counted_once(patch: pytest.MonkeyPatch) -> None:
    """Forget that the loss of rows made whole is the loss of every process."""
    right = exchange._GatherAlike.backward

    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        return tuple(g if g is None else g / ctx.ranks.size for g in right(ctx, *upstream))

    patch.setattr(exchange._GatherAlike, "backward", backward)


LAYERS = ("similarities", "similarities across halves", "deviation")
MUTATIONS = {
    own_slice_only: LAYERS,
    mean_for_sum: LAYERS,
    loss_counted_once: ("squared", "absolute", "top-k"),
}
"""Wrong derivatives, and where each must be seen."""


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 4])
def test_features_losses_and_gradients_are_those_of_one_process(size: int, tmp_path: Path) -> None:
    processes = in_processes(compare, size, tmp_path)
    torch.set_default_dtype(torch.float64)
    try:
        expected = {n: of_all(n, ALONE) for n in (8, 10)}
    finally:
        torch.set_default_dtype(torch.float32)
    worst = 0.0
    for count, parts in expected.items():
        for name, tensor in parts.items():
            for found in processes:
                worst = max(worst, difference(found[f"{count}/{name}"], tensor))
                assert difference(found[f"{count}/{name}"], tensor) <= EXACT, (count, name)
    print(f"{size} processes: {worst:.1e} is the largest relative difference")

    def gap(mutation: str, of: str) -> float:
        named = {n: tensor for n, tensor in expected[8].items() if n.startswith(f"{of}/")}
        worst = max(difference(processes[0][f"{mutation}/{n}"], t) for n, t in named.items())
        print(f"{mutation}: {of} is off by {worst:.0%}")
        return worst

    assert gap("apart", "squared") > 1e-3
    assert gap("apart", "absolute") > 1e-3
    if size == 2:
        for mutate, places in MUTATIONS.items():
            for of in places:
                assert gap(mutate.__name__, of) > 1e-3, (mutate.__name__, of)


@pytest.mark.parametrize(
    ("rows", "unit", "shares"),
    [(10, 1, (3, 3, 2, 2)), (8, 1, (2, 2, 2, 2)), (10, 2, (4, 2, 2, 2)), (4, 1, (1, 1, 1, 1))],
)
def test_shares_are_runs_of_rows_that_differ_by_one_unit(
    rows: int, unit: int, shares: tuple[int, ...]
) -> None:
    parts = [
        BatchSharing(member(rank, 4), rows, unit=unit).own(torch.arange(rows)) for rank in range(4)
    ]
    assert tuple(map(len, parts)) == shares
    assert torch.cat(parts).tolist() == list(range(rows))


def test_of_several_kinds_each_process_has_its_share_of_each() -> None:
    sharing = BatchSharing(member(1, 2), 4)
    assert sharing.own(torch.arange(12)).tolist() == [2, 3, 6, 7, 10, 11]
    assert sharing.own(torch.arange(2)).tolist() == [1]  # a logit a pack
    assert sharing.whole_count(6) == 12


def test_noise_of_a_row_is_the_same_in_any_number_of_processes() -> None:
    for memory_format in (torch.contiguous_format, torch.channels_last):
        x = torch.empty(6, 3, 4, 4).contiguous(memory_format=memory_format)

        def fill(empty: Tensor) -> Tensor:
            return empty.normal_(generator=torch.Generator().manual_seed(0))

        alone = draw_like(x, fill)
        for size in (2, 4, 6):
            found = []
            for rank in range(size):
                sharing = BatchSharing(member(rank, size), 6)
                with use_sharing(sharing):
                    assert not is_alone()
                    found.append(draw_like(own(x), fill))
            assert torch.equal(torch.cat(found), alone)


def test_more_processes_than_rows_or_packs_are_refused() -> None:
    with pytest.raises(ValueError, match="8 rows cannot be shared by 9 processes; start at most 8"):
        BatchSharing(member(0, 9), 8)
    with pytest.raises(ValueError, match="4 packs of 2 rows cannot be shared by 5 processes"):
        BatchSharing(member(0, 5), 8, unit=2)


def test_rows_that_are_no_share_of_a_batch_are_refused() -> None:
    sharing = BatchSharing(member(0, 4), 10)
    with pytest.raises(ValueError, match="rows of one kind are made whole at a time, at most 3"):
        sharing.counts(6)
    with pytest.raises(ValueError, match="1 rows are no share of batches of 10 rows"):
        sharing.counts(1)
    with pytest.raises(
        ValueError, match="as many of each, got 2 and 3; make each `whole` by itself"
    ):
        sharing.whole(torch.zeros(3, 2), torch.zeros(2))


def test_alone_everything_is_what_it_was() -> None:
    x = torch.randn(3, 2)
    assert is_alone()
    assert own(x) is x and whole(x) is x and average(x) is x
    assert whole_count(3) == 3
    sharing = share_batches(ALONE, 8, requests=lambda: (1, 0))
    assert sharing.own(x) is x and sharing.gathered(x) is x and sharing.whole(x, x) == (x, x)
    assert sharing.take_requests() == (1, 0)


def member(rank: int, size: int) -> Ranks:
    """A process that nobody joined: it knows its share and cannot exchange anything."""
    ranks = Ranks()
    ranks.rank, ranks.size = rank, size
    return ranks
