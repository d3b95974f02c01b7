"""Six small runs, one for each part of the state that a checkpoint could forget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import torch
from torch import Tensor, nn

from convergan.data import Dataset, load
from convergan.networks import Generator
from convergan.networks.dense import DenseDiscriminator, DenseGenerator
from convergan.networks.virtual_batch import MakeNorm, VirtualBatchGenerator
from convergan.objectives import squared_feature_matching
from convergan.recipes import Recipe, find_recipe
from convergan.runs.settings import Settings
from convergan.training import WeightAverage, semi_supervised_step, warm_up

STEPS = 200


@dataclass(frozen=True)
class Mode:
    """A run of one kind.

    Attributes:
        name: of the kind.
        recipe: what to train.
        settings: of the run.
    """

    name: str
    recipe: Recipe
    settings: Settings

    @property
    def dataset(self) -> Dataset:
        """Its rows."""
        return rows_of(self.settings.data)

    def of_length(self, steps: int, *, checkpoint_every: int = 10) -> "Mode":
        """Return a shorter or longer run."""
        recipe = replace(self.recipe, checkpoint_every=checkpoint_every)
        return Mode(self.name, recipe, replace(self.settings, steps=steps))


@cache
def rows_of(source: str) -> Dataset:
    """Return a data set, read once."""
    return load(source)


def _small(recipe: Recipe) -> Recipe:
    return replace(
        recipe,
        batch_size=16,
        judge=None,
        neighbors=None,
        evaluate_every=20,
        checkpoint_every=10,
    )


class VirtualPoints(Generator):
    """A generator of points with one normalised layer."""

    def __init__(self, outputs: int, *, norm: MakeNorm, chance: torch.Generator) -> None:
        """Build the layers."""
        super().__init__(latent_dim=2)
        self.layers = nn.Sequential(nn.Linear(2, 32), norm(32), nn.ReLU(), nn.Linear(32, outputs))
        for parameter in self.layers[0].parameters():
            nn.init.normal_(parameter, std=0.5, generator=chance)
        for parameter in self.layers[3].parameters():
            nn.init.normal_(parameter, std=0.2, generator=chance)

    def draw_latent(self, count: int, chance: torch.Generator) -> Tensor:
        """Draw noise."""
        return torch.randn(count, 2, generator=chance, device=chance.device)

    def forward(self, latent: Tensor) -> Tensor:
        """Turn noise into points."""
        points: Tensor = self.layers(latent)
        return points


def virtual_generator(image_shape: Sequence[int], chance: torch.Generator) -> VirtualBatchGenerator:
    """Build a generator with reference noise of its own."""
    make = partial(VirtualPoints, image_shape[0], chance=chance)
    return VirtualBatchGenerator(lambda norm: make(norm=norm), num_reference=8, chance=chance)


def _virtual() -> Recipe:
    return replace(find_recipe("toy"), generator=virtual_generator, generator_average=None)


def narrow_discriminator(
    image_shape: Sequence[int], num_classes: int, chance: torch.Generator
) -> DenseDiscriminator:
    """Build the pair of the digits, at a width that takes no time."""
    return DenseDiscriminator(
        image_shape,
        num_classes,
        hidden=(32, 16),
        input_noise=0.3,
        hidden_noise=0.5,
        chance=chance,
    )


def narrow_generator(image_shape: Sequence[int], chance: torch.Generator) -> DenseGenerator:
    """Build the other one."""
    output = nn.functional.softplus
    return DenseGenerator(image_shape, hidden=(16,), latent_dim=8, output=output, chance=chance)


def _semi_supervised() -> Recipe:
    step = partial(
        semi_supervised_step, feature_matching=squared_feature_matching, unsupervised_weight=1.0
    )
    return replace(
        find_recipe("digits"),
        discriminator=narrow_discriminator,
        generator=narrow_generator,
        step=step,
    )


def _averaged() -> Recipe:
    average = partial(WeightAverage, rate=warm_up(0.99))
    return replace(find_recipe("toy"), average=average, generator_average=average)


_MAKERS: dict[str, Callable[[], Recipe]] = {
    "plain": lambda: replace(find_recipe("toy"), generator_average=None),
    "semi-supervised": _semi_supervised,
    "minibatch discrimination": partial(find_recipe, "toy-minibatch-discrimination"),
    "virtual batch norm": _virtual,
    "historical averaging": partial(find_recipe, "toy-historical-averaging"),
    "weight average": _averaged,
}


@cache
def modes() -> tuple[Mode, ...]:
    """Return all six."""
    found = []
    for name, make in _MAKERS.items():
        recipe = _small(make())
        settings = Settings(
            recipe=name, data=recipe.data, labels=recipe.labels, seed=0, steps=STEPS, device="cpu"
        )
        found.append(Mode(name, recipe, settings))
    return tuple(found)


def mode_of(trial: int) -> Mode:
    """Return the mode of a trial; they take turns."""
    return modes()[trial % len(modes())]
