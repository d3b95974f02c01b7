"""One classifier of standardised rows: trained in torch, kept as NumPy layers.

Salimans et al. (2016), section 5, on vectors: the semi-supervised game of a small dense pair whose
generator ends linearly. Two things are not the paper's, see `convergan.recipes.mnist`: the pool of
`convergan.estimator.teacher` is the classifier's first teacher, and half of it stays beside its
averaged weights; gains are set from a batch. The supervised twin is the same network, noise,
averaging and number of steps, on labelled rows alone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam

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

Array = np.ndarray[Any, Any]
Layers = list[tuple[Array, Array]]
"""Weights (inputs, outputs) and biases (outputs,) of dense layers with ReLU between them."""

HIDDEN = (250, 125, 125)
COMPONENTS = 128
"""Leading principal components that wider rows are trained through. Noise and first weights know no
direction, so that only what varies least is lost, and the first layer is turned back at the end."""
LOG_EVERY = 50


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a classifier is trained on.

    Attributes:
        rows: (N, A) float32 of mean square about 1, labelled ones included.
        labeled: (L,) indices of the labelled rows.
        labels: (L,) their classes, in ``0 .. num_classes - 1``.
        num_classes: K.
        steps: length of the training.
        batch_size: rows of each kind in a step.
        unlabeled_weight: factor of all that unlabelled rows teach.
        seed: decides weights, order and noise.
        device: where to train.
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
    deadline: float = float("inf")

    def without(self, held: Tensor) -> "Lesson":
        """Return the lesson without the labelled rows ``held``, positions in ``labeled``."""
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
        layers: its averaged weights, float64.
        history: losses every `LOG_EVERY` steps, by name, with ``step`` and ``seconds``.
    """

    layers: Layers
    history: list[dict[str, float]]


Watch = Callable[[dict[str, float]], None]


def train_gan(lesson: Lesson, pool: Tensor, watch: Watch) -> Member:
    """Train on labelled, unlabelled and generated rows.

    Args:
        lesson: what to train on.
        pool: (N, K) class probabilities of its rows, of `convergan.estimator.teacher`.
        watch: gets every line of the history.

    Raises:
        convergan.training.NonFiniteError: if a loss is not finite.
    """
    consistency = partial(
        teacher_consistency,
        weight=4.0 * lesson.unlabeled_weight,
        spread_weight=4.0 * lesson.unlabeled_weight,
        spread_until=max(1, lesson.steps // 3),
        spread_share=0.5,
    )
    step = partial(
        semi_supervised_step,
        feature_matching=squared_feature_matching,
        unsupervised_weight=lesson.unlabeled_weight,
        regularizers=(consistency,),
    )
    recipe = replace(_recipe(lesson), step=step)
    return _train(lesson, recipe, pool, watch)


def train_twin(lesson: Lesson, watch: Watch) -> Member:
    """Train the same network on labelled rows alone."""
    return _train(lesson, replace(_recipe(lesson), step=supervised_step), None, watch)


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


def _recipe(lesson: Lesson) -> Recipe:
    adam = partial(Adam, betas=(0.5, 0.999), eps=1e-4, fused=True)
    return Recipe(
        summary="",
        data="",
        labels=len(lesson.labels),
        discriminator=_discriminator,
        generator=_generator,
        discriminator_optimizer=partial(adam, lr=0.003),
        generator_optimizer=partial(adam, lr=0.001),
        discriminator_start=StartFromData(),
        average=partial(WeightAverage, rate=warm_up(0.999)),
        step=supervised_step,
        steps=lesson.steps,
        schedule=partial(linear_after, flat=0.6),
        batch_size=lesson.batch_size,
    )


def _discriminator(row_shape: Any, num_classes: int, chance: torch.Generator) -> DenseDiscriminator:
    return DenseDiscriminator(
        row_shape, num_classes, hidden=HIDDEN, input_noise=0.2, hidden_noise=0.2, chance=chance
    )


def _generator(row_shape: Any, chance: torch.Generator) -> DenseGenerator:
    return DenseGenerator(
        row_shape, hidden=(125, 125), latent_dim=50, output=torch.positive, chance=chance
    )


def _train(lesson: Lesson, recipe: Recipe, spread: Tensor | None, watch: Watch) -> Member:
    width = lesson.rows.shape[1]
    axes = principal_axes(lesson.rows, COMPONENTS) if width > COMPONENTS else torch.eye(width)
    rows = lesson.rows @ axes
    state = recipe.start(rows, lesson.num_classes, seed=lesson.seed, device=lesson.device)
    labeled, labels = _balanced(lesson)
    batches = Batches(
        rows,
        labeled,
        labels,
        batch_size=lesson.batch_size,
        seed=lesson.seed,
        device=lesson.device,
        spread=spread,
    )
    records = train(
        state,
        recipe.step,
        batches,
        steps=lesson.steps,
        schedule=recipe.schedule,
        seed=lesson.seed,
        device=lesson.device,
    )
    started, history = time.monotonic(), []
    for record in records:
        late = time.monotonic() > lesson.deadline
        if late or record.step % LOG_EVERY == 0 or record.step == lesson.steps:
            losses = {name: loss.item() for name, loss in record.metrics.items()}
            seconds = round(time.monotonic() - started, 3)
            history.append({"step": record.step, "seconds": seconds} | losses)
            watch(history[-1])
        if late:
            break
    player = state.discriminator
    assert isinstance(player.network, DenseDiscriminator)
    player.network.load_state_dict(player.averaged_parameters(), strict=False)
    (weights, biases), *later = _layers(player.network)
    return Member([(axes.double().numpy() @ weights, biases), *later], history)


@torch.no_grad()
def _layers(network: DenseDiscriminator) -> Layers:
    """Return the weights that the network multiplies with, in float64."""
    network = network.double().cpu()
    return [
        (layer.weight.T.numpy().copy(), layer.get_parameter("bias").numpy().copy())
        for layer in (*network.hidden, network.output)
    ]


def _balanced(lesson: Lesson) -> tuple[Tensor, Tensor]:
    """Repeat the labelled rows of rare classes, so that batches have as many of each class."""
    counts = lesson.labels.bincount(minlength=lesson.num_classes)
    places = []
    for number, count in enumerate(counts.tolist()):
        if count:
            own = (lesson.labels == number).nonzero().flatten()
            places.append(own.repeat(-(-int(counts.max()) // count))[: int(counts.max())])
    chosen = torch.cat(places)
    return lesson.labeled[chosen], lesson.labels[chosen]
