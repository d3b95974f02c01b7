"""What a recipe is: a finished description of an experiment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..core.chance import derive
from ..data import (
    KINDS,
    Dataset,
    Images,
    Neighbors,
    PrincipalComponents,
    spread_labels,
    to_unit_range,
)
from ..layers import initialise_from_batch
from ..layers.weight_norm import starts_from_batch
from ..networks import Discriminator, Generator
from ..training.optimizers import MakeOptimizer
from ..training.state import MakeAverage, Player, State
from ..training.steps import Step
from .players import as_discriminator, as_generator, make_network

MakeDiscriminator = Callable[[Sequence[int], int, torch.Generator], Discriminator]
MakeGenerator = Callable[[Sequence[int], torch.Generator], Generator]
Judge = Callable[[Tensor, Dataset], dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Two networks, how they are trained, and for how long. A variant is a `replace` of another.

    Attributes:
        summary: one line for ``convergan train --help``.
        data: the default data source.
        labels: default number of labelled rows over all classes; 0 for a problem without labels.
            Where there are fewer, all of them.
        side: cut images to their centre square and scale them to this side; None to take them as
            they are.
        discriminator: from row shape, number of logits and chance to a network.
        generator: from row shape and chance to a network.
        discriminator_optimizer: from parameters to an optimiser.
        generator_optimizer: from parameters to an optimiser.
        step: one of `convergan.training.steps` with its losses chosen.
        steps: full length.
        schedule: from progress in [0, 1) to the factor of both learning rates.
        batch_size: rows of each kind in a step.
        takes: the kinds of rows that ``step`` looks at; batches have no others.
        average: the average of the discriminator's weights that is tested; None to test the last.
        generator_average: the average of the generator's weights that draws samples, or None.
        discriminator_start: data-dependent start of the discriminator, see `StartFromData`.
        generator_start: data-dependent start of the generator.
        descriptor: map from rows to the vectors that both players see in their place, applied once:
            a fixed one, or `PrincipalComponents`, which learns from the training rows; None for the
            rows themselves.
        neighbors: from the training rows to the neighbors of each, over whom labels are spread;
            None for no spreading.
        label_spreading: from neighbors, labelled rows, labels and number of classes to a table of
            class probabilities.
        historical_weight: factor of the historical averaging penalty of both players.
        test_batch: rows that the discriminator classifies at a time when it is tested; that of
            training where rows are judged together, 0 where it is no classifier of rows.
        judge: from samples and the data set to figures about the samples, by name; or None.
        judged_samples: how many samples ``judge`` gets.
        evaluate_every: steps between evaluations and sample grids.
        checkpoint_every: steps between checkpoints.
    """

    summary: str
    data: str
    labels: int
    side: int | None = None
    discriminator: MakeDiscriminator
    generator: MakeGenerator
    discriminator_optimizer: MakeOptimizer
    generator_optimizer: MakeOptimizer
    step: Step
    steps: int
    schedule: Callable[[float], float]
    batch_size: int = 100
    takes: tuple[str, ...] = KINDS
    average: MakeAverage | None = None
    generator_average: MakeAverage | None = None
    discriminator_start: "StartFromData | None" = None
    generator_start: "StartFromData | None" = None
    descriptor: Callable[[Tensor], Tensor] | None = None
    neighbors: Callable[[Tensor], Neighbors] | None = None
    label_spreading: Callable[[Neighbors, Tensor, Tensor, int], Tensor] = spread_labels
    historical_weight: float = 0.0
    test_batch: int = 1000
    judge: Judge | None = None
    judged_samples: int = 2500
    evaluate_every: int = 500
    checkpoint_every: int = 500

    def as_players_see(self, dataset: Dataset) -> Dataset:
        """Return what the players see of a data set: its rows, or their descriptors."""
        if self.descriptor is None:
            return dataset
        describe = self.descriptor
        if isinstance(describe, PrincipalComponents):
            describe = describe.learn(dataset.train.images[:])
        train, test = (
            replace(rows, images=describe(rows.images[:])) for rows in (dataset.train, dataset.test)
        )
        return replace(dataset, train=train, test=test)

    @property
    def classifies(self) -> bool:
        """Whether the discriminator is a classifier of rows."""
        return bool(self.labels and self.test_batch)

    def start(self, images: Images, num_classes: int, *, seed: int, device: torch.device) -> State:
        """Build both networks and stand before the first step.

        Args:
            images: (N, *row shape), all training rows as the players see them; the data-dependent
                start draws from them.
            num_classes: K; ignored where the recipe has no labels.
            seed: of the run.
            device: where the networks will be; they start from the same bits on any.
        """
        row_shape = tuple(images.shape[1:])
        chance = derive(seed, "initial weights")
        logits = num_classes if self.labels else 1
        discriminator = self.make_discriminator(row_shape, logits, chance)
        generator = self.make_generator(row_shape, chance)
        chance = derive(seed, "data-dependent start")
        if self.discriminator_start:
            drawn = torch.randperm(len(images), generator=chance)[: self.discriminator_start.rows]
            batch = to_unit_range(images[drawn])
            self.discriminator_start(discriminator, lambda: discriminator(batch, chance))
        if self.generator_start:
            latent = generator.draw_latent(self.generator_start.rows, chance)
            self.generator_start(generator, lambda: generator(latent))
        return self.players(discriminator.to(device), generator.to(device))

    def make_discriminator(
        self, row_shape: Sequence[int], logits: int, chance: torch.Generator
    ) -> Discriminator:
        """Build the discriminator, see `convergan.recipes.players`.

        Raises:
            ValueError: if what the recipe names makes none.
        """
        make = partial(self.discriminator, row_shape, logits, chance)
        return as_discriminator(make_network("discriminator", make, chance))

    def make_generator(self, row_shape: Sequence[int], chance: torch.Generator) -> Generator:
        """Build the generator, see `convergan.recipes.players`.

        Raises:
            ValueError: if what the recipe names makes none.
        """
        make = partial(self.generator, row_shape, chance)
        return as_generator(make_network("generator", make, chance))

    def players(self, discriminator: Discriminator, generator: Generator) -> State:
        """Give two networks, started and in their place, their optimizers and averages."""
        judging = (self.discriminator_optimizer, self.average, self.historical_weight)
        making = (self.generator_optimizer, self.generator_average, self.historical_weight)
        return State(
            Player("discriminator", discriminator, *judging),
            Player("generator", generator, *making),
        )


@dataclass(frozen=True, kw_only=True)
class StartFromData:
    """Data-dependent start of weight-normalised layers on one batch.

    Attributes:
        rows: size of the batch.
        per_channel: one deviation per channel, or one per layer.
    """

    rows: int = 500
    per_channel: bool = True

    def __call__(self, network: nn.Module, forward: Callable[[], Any]) -> None:
        """Set the gains and biases of ``network``, where it has any."""
        if not starts_from_batch(network):
            return
        initialise_from_batch(network, forward, per_channel=self.per_channel)
