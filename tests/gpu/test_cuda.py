"""What a GPU computes is what the CPU computes, up to the order of sums."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.devices import apart, draws_of_step, state_in_float64, step_apart, step_in_float64
from bench.golden import CPU, Golden, replay
from bench.gpu import APART
from bench.small import small
from convergan.recipes import RECIPES
from convergan.training import AdamInsideRoot, Player, TensorFlowAdam, checkpoint

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore:Attempting to run cuBLAS"),  # of torch's own threads
]
CUDA = torch.device("cuda")
GOLDEN = Path(__file__).parents[1] / "golden"
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "Adam": partial(torch.optim.Adam, lr=0.1, fused=True),
    "AdamInsideRoot": partial(AdamInsideRoot, lr=0.1, betas=(0.5, 0.999)),
    "TensorFlowAdam": partial(TensorFlowAdam, lr=0.1, betas=(0.5, 0.999)),
}
FORMATS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


def values(seed: int, dtype: torch.dtype) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(8, 4, 3, 3, generator=chance, dtype=torch.float64).to(dtype)


def updated(
    make: Callable[..., torch.optim.Optimizer],
    device: torch.device,
    dtype: torch.dtype,
    weights: torch.memory_format,
    gradients: torch.memory_format,
) -> Tensor:
    """A weight after three updates."""
    convolution = nn.Conv2d(4, 8, 3, bias=False, device="meta").to_empty(device=CPU).to(dtype)
    convolution.weight.data.copy_(values(0, dtype))
    convolution.to(device).to(memory_format=weights)  # type: ignore[call-overload]
    player = Player("judge", convolution, make)
    for step in (1, 2, 3):
        player.update((values(step, dtype).to(device).to(memory_format=gradients),))
    return convolution.weight.detach().cpu().contiguous()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("weights", FORMATS)
@pytest.mark.parametrize("gradients", FORMATS)
@pytest.mark.parametrize("dtype, rounding", [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_updates_do_not_depend_on_the_device_whatever_the_memory(
    optimizer: str, weights: str, gradients: str, dtype: torch.dtype, rounding: float
) -> None:
    make = OPTIMIZERS[optimizer]
    plain = updated(make, CPU, dtype, FORMATS["contiguous"], FORMATS["contiguous"])
    found = updated(make, CUDA, dtype, FORMATS[weights], FORMATS[gradients])
    torch.testing.assert_close(found, plain, rtol=rounding, atol=rounding)
    assert not torch.equal(plain, values(0, dtype))


@pytest.mark.parametrize("file", sorted(path.name for path in GOLDEN.glob("*.npz")))
def test_released_scripts_replay(file: str) -> None:
    figures = replay(Golden(GOLDEN / file, CUDA))
    assert all(figure <= APART for figure in figures.values()), figures


@pytest.mark.parametrize("name", RECIPES)
def test_one_step_is_that_of_the_cpu(name: str) -> None:
    recipe, dataset = small(RECIPES[name]())
    assert step_apart(recipe, recipe.as_players_see(dataset), CUDA) <= APART


@pytest.mark.parametrize("name", ["cifar10", "imagenet", "ablation-historical-averaging"])
def test_a_checkpoint_of_the_gpu_goes_on_on_the_cpu(name: str, tmp_path: Path) -> None:
    recipe, dataset = small(RECIPES[name]())
    draws = draws_of_step(recipe, dataset)
    there, here = (state_in_float64(recipe, dataset, device) for device in (CUDA, CPU))
    step_in_float64(recipe, dataset, there, draws, CUDA)
    saved = checkpoint.save(tmp_path, there.tensors(), step=1, config_sha256="", extra={})
    here.load(checkpoint.read(saved, config_sha256="").tensors)
    assert here.sha256() == there.sha256()
    on_gpu = step_in_float64(recipe, dataset, there, draws, CUDA)
    assert apart(step_in_float64(recipe, dataset, here, draws, CPU), on_gpu) <= APART
