"""One member of the ensemble, a classifier of standardised rows: trained in torch, kept in NumPy.

Salimans et al. (2016), section 5, on vectors: the semi-supervised game of a small dense
discriminator and a generator whose output is linear. Two things are not the paper's, see
`convergan.recipes.mnist`: unlabelled rows have soft labels (`convergan.estimator.teacher`), which
the network is first trained towards and which later share that role with the network's own averaged
weights; and gains are set from a batch.

The supervised twin is the baseline: the same network, noise, weight averaging and number of steps,
trained on the labelled rows alone.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam

from ..core.progress import Progress
from ..data import Batches, principal_axes
from ..networks import DenseDiscriminator, DenseGenerator
from ..objectives import squared_feature_matching
from ..recipes.recipe import Recipe, StartFromData
from ..recipes.schedules import linear_after
from ..training import (
    WeightAverage,
    semi_supervised_step,
    supervised_step,
    teacher_consistency,
    train,
    warm_up,
)
from .checks import Array

Layers = list[tuple[Array, Array]]
"""Weights (inputs, outputs) and biases (outputs,) of dense layers with ReLU between them."""

HIDDEN = (250, 125, 125)
COMPONENTS = 128
"""Leading principal components to which wider rows are reduced for training. Input noise and first
weights are isotropic, so a rotation changes nothing and only the directions of least variance are
lost. At the end the first layer is multiplied back to the width of the rows."""
LOG_EVERY = 50

LossCallback = Callable[[dict[str, float]], None]
"""Is given every line of a member's history as it is made."""


def print_nothing(line: dict[str, float]) -> None:
    """Ignore a line of a history."""


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """Rows, labels and settings that a classifier is trained with.

    Attributes:
        rows: (N, A) float32 of mean square about 1, labelled ones included.
        labeled: (L,) indices of the labelled rows.
        labels: (L,) their classes, in ``0 .. num_classes - 1``.
        num_classes: K.
        steps: updates of the network.
        batch_size: rows of each kind in a step.
        unlabeled_weight: factor of all losses of unlabelled rows.
        seed: of weights, order and noise.
        device: to train on.
        on_losses: called with every line of the history.
        deadline: `time.monotonic` at which training ends early.
    """

    rows: Tensor
    labeled: Tensor
    labels: Tensor
    num_classes: int
    steps: int
    batch_size: int
    unlabeled_weight: float
    seed: int
    device: torch.device
    on_losses: LossCallback = print_nothing
    deadline: float = float("inf")

    def without(self, held: Tensor) -> "TrainingTask":
        """Return the task without some labelled rows, given as positions in ``labeled``."""
        kept = torch.ones(len(self.rows), dtype=torch.bool)
        kept[self.labeled[held]] = False
        places = kept.cumsum(dim=0) - 1
        known = torch.ones(len(self.labeled), dtype=torch.bool)
        known[held] = False
        rows = self.rows[kept]
        return replace(
            self,
            rows=rows,
            labeled=places[self.labeled[known]],
            labels=self.labels[known],
            batch_size=min(self.batch_size, len(rows)),
        )


class Member(NamedTuple):
    """A trained classifier.

    Attributes:
        layers: averaged weights, float64.
        history: losses every `LOG_EVERY` steps, by name, with ``step`` and ``seconds``.
    """

    layers: Layers
    history: list[dict[str, float]]


def train_gan(task: TrainingTask, soft_labels: Tensor) -> Member:
    """Train on labelled, unlabelled and generated rows.

    Args:
        task: rows, labels and settings.
        soft_labels: (N, K) class probabilities of its rows, of `convergan.estimator.teacher`.

    Raises:
        convergan.training.NonFiniteError: if a loss is not finite.
    """
    consistency = partial(
        teacher_consistency,
        weight=4.0 * task.unlabeled_weight,
        spread_weight=4.0 * task.unlabeled_weight,
        spread_until=max(1, task.steps // 3),
        spread_share=0.5,
    )
    step = partial(
        semi_supervised_step,
        feature_matching=squared_feature_matching,
        unsupervised_weight=task.unlabeled_weight,
        regularizers=(consistency,),
    )
    recipe = replace(_recipe(task), step=step)
    return _train(task, recipe, soft_labels)


def train_twin(task: TrainingTask) -> Member:
    """Train the supervised twin, the same network on labelled rows alone."""
    return _train(task, replace(_recipe(task), step=supervised_step), None)


def forward(layers: Layers, rows: Array) -> Array:
    """Return logits (N, K) of rows (N, A), without noise."""
    weights, biases = layers[-1]
    logits: Array = features(layers, rows) @ weights + biases
    return logits


def features(layers: Layers, rows: Array) -> Array:
    """Return the last hidden layer of rows, (N, F)."""
    for weights, biases in layers[:-1]:
        rows = np.maximum(rows @ weights + biases, 0)
    return rows


def _recipe(task: TrainingTask) -> Recipe:
    adam = partial(Adam, betas=(0.5, 0.999), eps=1e-4, fused=True)
    return Recipe(
        summary="",
        data="",
        labels=len(task.labels),
        discriminator=_discriminator,
        generator=_generator,
        discriminator_optimizer=partial(adam, lr=0.003),
        generator_optimizer=partial(adam, lr=0.001),
        discriminator_start=StartFromData(),
        average=partial(WeightAverage, rate=warm_up(0.999)),
        step=supervised_step,
        steps=task.steps,
        schedule=partial(linear_after, flat=0.6),
        batch_size=task.batch_size,
    )


def _discriminator(row_shape: Any, num_classes: int, chance: torch.Generator) -> DenseDiscriminator:
    return DenseDiscriminator(
        row_shape, num_classes, hidden=HIDDEN, input_noise=0.2, hidden_noise=0.2, chance=chance
    )


def _generator(row_shape: Any, chance: torch.Generator) -> DenseGenerator:
    return DenseGenerator(
        row_shape, hidden=(125, 125), latent_dim=50, output=torch.positive, chance=chance
    )


def _train(task: TrainingTask, recipe: Recipe, soft_labels: Tensor | None) -> Member:
    width = task.rows.shape[1]
    axes = principal_axes(task.rows, COMPONENTS) if width > COMPONENTS else torch.eye(width)
    rows = task.rows @ axes
    state = recipe.start(rows, task.num_classes, seed=task.seed, device=task.device)
    labeled, labels = _balanced(task)
    batches = Batches(
        rows,
        labeled,
        labels,
        batch_size=task.batch_size,
        seed=task.seed,
        device=task.device,
        spread=soft_labels,
    )
    records = train(
        state,
        recipe.step,
        batches,
        steps=task.steps,
        schedule=recipe.schedule,
        seed=task.seed,
        device=task.device,
    )
    history = list(_log(records, task))
    player = state.discriminator
    assert isinstance(player.network, DenseDiscriminator)
    player.network.load_state_dict(player.averaged_parameters(), strict=False)
    (weights, biases), *later = _layers(player.network)
    return Member([(axes.double().numpy() @ weights, biases), *later], history)


def _log(records: Iterable[Progress], task: TrainingTask) -> Iterator[dict[str, float]]:
    """Train to the end or the deadline, and yield the lines of the history."""
    started = time.monotonic()
    for record in records:
        late = time.monotonic() > task.deadline
        if late or record.step % LOG_EVERY == 0 or record.step == task.steps:
            losses = {name: loss.item() for name, loss in record.metrics.items()}
            seconds = round(time.monotonic() - started, 3)
            line = {"step": record.step, "seconds": seconds} | losses
            task.on_losses(line)
            yield line
        if late:
            break


@torch.no_grad()
def _layers(network: DenseDiscriminator) -> Layers:
    """Return the weights that the network multiplies with, in float64."""
    network = network.double().cpu()
    return [
        (layer.weight.T.numpy().copy(), layer.get_parameter("bias").numpy().copy())
        for layer in (*network.hidden, network.output)
    ]


def _balanced(task: TrainingTask) -> tuple[Tensor, Tensor]:
    """Return indices and labels in which every class is as frequent as the most frequent one."""
    counts = task.labels.bincount(minlength=task.num_classes)
    places = []
    for number, count in enumerate(counts.tolist()):
        if count:
            own = (task.labels == number).nonzero().flatten()
            places.append(own.repeat(-(-int(counts.max()) // count))[: int(counts.max())])
    chosen = torch.cat(places)
    return task.labeled[chosen], task.labels[chosen]
