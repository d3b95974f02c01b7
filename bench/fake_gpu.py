"""What a training step asks of a GPU, found without one.

``python -m bench.fake_gpu [RECIPE...]`` takes one step of every narrow recipe on torch's fake
tensors, which have shapes and devices and no numbers. It prints, or with ``--json`` writes, for
each recipe the places where the CPU waits for a number of the GPU, and those where tensors of two
devices meet or go from one to the other. The exit status is 1 if any do, or if torch refuses an
operation: on tensors of two devices, or with as many results as numbers on the GPU say.

Where torch has no CUDA, not even to compile for, its autograd refuses tensors on ``cuda``. A device
that torch lets programs of Python register stands in then, once for the whole process.
"""

import argparse
import json
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)

import convergan
from bench.devices import MIDDLE, batch_for, draws_of_step, state_for
from bench.small import small
from convergan.core.chance import supplied_draws
from convergan.data import Batch
from convergan.recipes import RECIPES, Recipe, find_recipe
from convergan.training import State

PACKAGE = Path(convergan.__file__).parent
STAND_IN = "standin"
READS = (torch.ops.aten._local_scalar_dense, torch.ops.aten.is_nonzero)
"""What ``item()``, ``float()``, ``bool()`` and ``tolist()`` come down to."""
TRANSFERS = (torch.ops.aten._to_copy, torch.ops.aten.copy_)


class Found(NamedTuple):
    """How often each place of the package did something; ``layers/dropout.py: dropout``."""

    waits: dict[str, int]
    mixed: dict[str, int]


class StandIn(_DummyBackendModule):
    """What torch wants to know of a device."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


def gpu() -> torch.device:
    """The device of the fake tensors; a stand-in where torch was built without CUDA."""
    if torch.backends.cuda.is_built():  # type: ignore[no-untyped-call]
        return torch.device("cuda:0")
    if not hasattr(torch, STAND_IN):
        _setup_privateuseone_for_python_backend(STAND_IN, StandIn())
    return torch.device(STAND_IN, 0)


def place() -> str:
    """The function of the package that runs now, the innermost."""
    for frame in reversed(traceback.extract_stack()):
        path = Path(frame.filename)
        if path.is_relative_to(PACKAGE):
            return f"{path.relative_to(PACKAGE).as_posix()}: {frame.name}"
    return "elsewhere"


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts, by place, what makes the CPU wait and where devices mix; every number read is 1."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = device
        self.waits: Counter[str] = Counter()
        self.mixed: Counter[str] = Counter()

    def __torch_dispatch__(  # noqa: D105
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = pytree.arg_tree_leaves(*args, **(kwargs or {}))
        tensors = [leaf for leaf in given if isinstance(leaf, Tensor)]
        kind = func.overloadpacket
        there = any(tensor.device == self.device for tensor in tensors)
        if there and kind in READS:
            self.waits[place()] += 1
        if kind in READS:
            return 1
        result = func(*args, **(kwargs or {}))
        if self._mixes(kind, tensors, result):
            self.mixed[f"{place()}, {func}"] += 1
        return result

    def _mixes(self, kind: Any, tensors: Sequence[Tensor], result: Any) -> bool:
        """Whether rows of two devices meet; a single number of the CPU may join those of a GPU."""
        if kind in TRANSFERS:
            tensors = [*tensors, result]
            return len({tensor.device for tensor in tensors}) > 1
        return len({tensor.device for tensor in tensors if tensor.dim()}) > 1


def fake(tensor: Tensor, mode: FakeTensorMode, device: torch.device) -> Tensor:
    """A fake tensor on the device in the place of one of the CPU's, strides and all."""
    return mode.from_tensor(tensor).detach().to(device)


def make_fake(network: nn.Module, mode: FakeTensorMode, device: torch.device) -> None:
    """Put fake tensors in the place of a network's."""
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            made = nn.Parameter(fake(parameter, mode, device), parameter.requires_grad)
            module.register_parameter(name, made)
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, fake(buffer, mode, device))


def fake_state(recipe: Recipe, state: State, mode: FakeTensorMode, device: torch.device) -> State:
    networks = [player.network for player in state.players()]
    for network in networks:
        make_fake(network, mode, device)
    made = recipe.players(*networks)
    made.step = MIDDLE
    return made


def watch(recipe: Recipe, device: torch.device) -> Found:
    """Take one step of a narrow recipe; say what it asked of the device."""
    recipe, dataset = small(recipe)
    dataset = recipe.as_players_see(dataset)
    draws = draws_of_step(recipe, dataset)
    state, batch = state_for(recipe, dataset), batch_for(recipe, dataset)
    chance = cast(torch.Generator, SimpleNamespace(device=device))  # its draws are all supplied
    with FakeTensorMode() as mode:
        supply = [fake(draw, mode, device) for draw in draws]
        batch = Batch(*(fake(part, mode, device) for part in batch))
        state = fake_state(recipe, state, mode, device)
        with Watch(device) as seen, supplied_draws(supply):
            recipe.step(state, batch, chance)
    require_on(state, device)
    return Found(dict(seen.waits), dict(seen.mixed))


def require_on(state: State, device: torch.device) -> None:
    """Refuse a step that left the networks or all but the counts of their averages elsewhere."""
    for name, tensor in state.tensors().items():
        if tensor.dim() and tensor.device != device:
            raise AssertionError(f"{name} is on {tensor.device}, not on {device}")


def lines(name: str, found: Found) -> Iterator[str]:
    yield f"{name:40} {sum(found.waits.values()):5} {sum(found.mixed.values()):5}"
    for kind, places in found._asdict().items():
        yield from (f"    {kind} {count} times in {where}" for where, count in places.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="all by default")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    try:
        recipes = {name: find_recipe(name) for name in arguments.recipes or RECIPES}
    except ValueError as error:
        parser.error(str(error))
    device = gpu()
    print(f"{f'one step on fake tensors of {device}':40} waits mixed")
    found = {}
    for name, recipe in recipes.items():
        found[name] = watch(recipe, device)
        print(*lines(name, found[name]), sep="\n", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({n: f._asdict() for n, f in found.items()}))
    return 1 if any(each.mixed for each in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
