"""The network: a small dense classifier of standardised rows, trained in torch, kept in NumPy.

Salimans et al. (2016), section 5, on vectors: the semi-supervised game of a discriminator of K
logits and a generator whose output is linear. What is not the paper's: unlabelled rows have soft
labels, those of the pool of the other opinions, which share that role with the network's own
averaged weights (Tarvainen & Valpola, 2017). `convergan.estimator.pool` says what the network's
opinion counts.

The supervised twin is the baseline: the same network, noise, weight averaging and number of steps,
trained on the labelled rows alone.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..objectives import squared_feature_matching, unsupervised_loss
from ..training import NonFiniteError
from .checks import Array
from .opinions import log_softmax

Layers = list[tuple[Array, Array]]
"""Weights (inputs, outputs) and biases (outputs,) of dense layers with ReLU between them."""

HIDDEN = (100, 100)
LATENT, GENERATOR_HIDDEN = 30, 100
NOISE = 0.2
"""Deviation of what is added to rows and to hidden layers while training."""
RATE, GENERATOR_RATE = 0.003, 0.001
DECAYS, EPSILON = (0.5, 0.99), 1e-6
"""Of Adam."""
FLAT = 0.5
"""Share of the steps after which both rates fall to 0, linearly."""
AVERAGING = 0.98
OWN_WEIGHT, RISING = 2.0, 0.3
"""Weight of the own averaged weights as a teacher, and the share of the steps in which it rises."""
MOST_LABELS = 100
"""Labelled rows in a step."""
LOG_EVERY = 50

LossCallback = Callable[[dict[str, float]], None]
"""Is given every line of a history as it is made."""


def print_nothing(line: dict[str, float]) -> None:
    """Ignore a line of a history."""


@dataclass(frozen=True)
class Network:
    """An opinion: the mean probabilities of networks of different seeds.

    Attributes:
        members: layers of each.
    """

    members: tuple[Layers, ...]

    def log_probabilities(self, rows: Array) -> Array:
        """Return (n, K) logarithms of probabilities of rows (n, A)."""
        logs = [log_softmax(forward(layers, rows)) for layers in self.members]
        if len(logs) == 1:
            return logs[0]
        mean: Array = np.logaddexp.reduce(logs, axis=0) - math.log(len(logs))
        return mean


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """Rows, labels and settings that a network is trained with.

    Attributes:
        rows: (N, A) float32 of mean square about 1, labelled ones included.
        labeled: (L,) indices of the labelled rows.
        labels: (L,) their classes, in ``0 .. num_classes - 1``.
        num_classes: K.
        steps: updates of the network.
        batch_size: unlabelled and generated rows in a step.
        unlabeled_weight: factor of all losses of unlabelled rows.
        generated_weight: factor of the losses of generated rows; 0 for no game.
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
    generated_weight: float
    seed: int
    device: torch.device
    on_losses: LossCallback = print_nothing
    deadline: float = float("inf")


class Member(NamedTuple):
    """A trained classifier.

    Attributes:
        layers: averaged weights, float64.
        history: losses every `LOG_EVERY` steps, by name, with ``step`` and ``seconds``.
    """

    layers: Layers
    history: list[dict[str, float]]


def train_game(task: TrainingTask, soft_labels: Tensor | None) -> Member:
    """Train on labelled, unlabelled and generated rows.

    Args:
        task: rows, labels and settings.
        soft_labels: (N, K) class probabilities of its rows; None for the plain game, taught by the
            labels and its own averaged weights alone.

    Raises:
        NonFiniteError: if a loss is not finite.
    """
    players = _Players(task)
    history = list(players.train(soft_labels, task.unlabeled_weight))
    return Member(players.layers(), history)


def train_twin(task: TrainingTask) -> Member:
    """Train the supervised twin, the same network on labelled rows alone."""
    players = _Players(task)
    history = list(players.train(None, 0.0))
    return Member(players.layers(), history)


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


class _Players:
    """Both players and the average of the discriminator."""

    def __init__(self, task: TrainingTask) -> None:
        self.task = task
        self.chance = torch.Generator(task.device).manual_seed(task.seed)
        self.rows = task.rows.to(task.device)
        width = self.rows.shape[1]
        self.discriminator = _Player(self._dense((width, *HIDDEN, task.num_classes)))
        self.generator = _Player(self._dense((LATENT, GENERATOR_HIDDEN, width)))
        self.average_line = self.discriminator.line.clone()
        self.average = self.discriminator.layers_of(self.average_line)
        counts = task.labels.bincount(minlength=task.num_classes)
        weights = 1 / counts[task.labels].float()  # every class counts as much
        self.weights = (weights / weights.sum()).to(task.device)
        self.labeled, self.labels = task.labeled.to(task.device), task.labels.to(task.device)

    def train(self, soft_labels: Tensor | None, weight: float) -> Iterator[dict[str, float]]:
        """Train to the end or the deadline; yield lines of the history."""
        task, started = self.task, time.monotonic()
        soft = None if soft_labels is None else soft_labels.to(task.device)
        for step in range(1, task.steps + 1):
            chosen = self._draw(len(self.rows), task.batch_size)
            losses = self._update(chosen, soft, weight, step)
            late = time.monotonic() > task.deadline
            if late or step % LOG_EVERY == 0 or step == task.steps:
                line = {name: loss.item() for name, loss in losses.items()}
                if not all(map(math.isfinite, line.values())):
                    raise NonFiniteError(f"a loss is not finite after step {step}: {line}")
                seconds = round(time.monotonic() - started, 3)
                line = {"step": step, "seconds": seconds} | line
                task.on_losses(line)
                yield line
            if late:
                break

    def layers(self) -> Layers:
        """Return the averaged weights, in float64."""
        arrays = [weights.double().cpu().numpy() for weights in self.average]
        return list(zip(arrays[::2], arrays[1::2], strict=True))

    def _update(
        self, chosen: Tensor, soft: Tensor | None, weight: float, step: int
    ) -> dict[str, Tensor]:
        """Update both players; return their losses."""
        unlabeled = self.rows[chosen]
        own = self._draw(len(self.labels), MOST_LABELS)
        parts = [self.rows[self.labeled[own]]]
        playing = bool(weight and self.task.generated_weight)
        if weight:
            parts.append(unlabeled)
        if playing:
            parts.append(self._generate(len(chosen)).detach())
        discriminator = self.discriminator.weights
        logits, _ = self._judge(discriminator, torch.cat(parts), noisy=True)
        given, *others = torch.split(logits, [len(part) for part in parts])
        shares = self.weights[own] / self.weights[own].sum()
        losses = {
            "supervised_loss": cross_entropy(given, self.labels[own], reduction="none") @ shares
        }
        total = losses["supervised_loss"]
        if weight:
            with torch.no_grad():
                said, _ = self._judge(self.average, unlabeled, noisy=False)
            rising = min(1.0, (step - 1) / (RISING * self.task.steps))
            taught = OWN_WEIGHT * rising * cross_entropy(others[0], said.softmax(dim=1))
            if soft is not None:
                taught = taught + cross_entropy(others[0], soft[chosen])
            losses["teacher_loss"] = taught
            total = total + weight * taught
        if playing:
            losses["unsupervised_loss"] = unsupervised_loss(others[0], others[1])
            total = total + weight * self.task.generated_weight * losses["unsupervised_loss"]
        falling = min(1.0, (1 - (step - 1) / self.task.steps) / (1 - FLAT))
        self.discriminator.update(total, RATE * falling)
        self.average_line.lerp_(self.discriminator.line, 1 - min(AVERAGING, step / (step + 3)))
        if playing:
            losses["generator_loss"] = self._generator_loss(unlabeled)
            self.generator.update(losses["generator_loss"], GENERATOR_RATE * falling)
        return losses

    def _generator_loss(self, unlabeled: Tensor) -> Tensor:
        with torch.no_grad():
            _, real = self._judge(self.discriminator.weights, unlabeled, noisy=True)
        generated = self._generate(len(unlabeled))
        _, fake = self._judge(self.discriminator.weights, generated, noisy=True)
        return squared_feature_matching(fake, real)

    def _judge(self, weights: list[Tensor], rows: Tensor, *, noisy: bool) -> tuple[Tensor, Tensor]:
        """Return logits (N, K) and the last hidden layer (N, F)."""
        hidden = features = self._noise(rows) if noisy else rows
        for depth in range(0, len(weights) - 2, 2):
            features = torch.addmm(weights[depth + 1], hidden, weights[depth]).relu()
            hidden = self._noise(features) if noisy else features
        return torch.addmm(weights[-1], hidden, weights[-2]), features

    def _generate(self, count: int) -> Tensor:
        first, bias, last, end = self.generator.weights
        latent = torch.rand(count, LATENT, generator=self.chance, device=self.task.device)
        return torch.addmm(end, torch.addmm(bias, latent, first).relu(), last)

    def _noise(self, rows: Tensor) -> Tensor:
        drawn = torch.randn(rows.shape, generator=self.chance, device=self.task.device)
        return rows.add(drawn, alpha=NOISE)

    def _draw(self, count: int, wanted: int) -> Tensor:
        """Draw numbers below ``count``; all of them where they are no more than wanted."""
        if count <= wanted:
            return torch.arange(count, device=self.task.device)
        return torch.randint(count, (wanted,), generator=self.chance, device=self.task.device)

    def _dense(self, widths: tuple[int, ...]) -> list[Tensor]:
        """Return weights and biases of layers, in turn; those of the last are small."""
        found: list[Tensor] = []
        for depth, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
            scale = 0.05 if depth == len(widths) - 2 else math.sqrt(2 / inputs)
            drawn = torch.randn(inputs, outputs, generator=self.chance, device=self.task.device)
            found += [scale * drawn, torch.zeros(outputs, device=self.task.device)]
        return found


class _Player:
    """Weights of dense layers in one line, with Adam (Kingma & Ba, 2015) on all of it at once.

    torch's optimizers load its compiler, which takes longer than a small training, and go over the
    layers one by one.

    Args:
        weights: and biases of each layer in turn.
    """

    def __init__(self, weights: list[Tensor]) -> None:
        self.shapes = [one.shape for one in weights]
        self.line = torch.cat([one.flatten() for one in weights])
        self.weights = [one.requires_grad_() for one in self.layers_of(self.line)]
        self.mean, self.square = torch.zeros_like(self.line), torch.zeros_like(self.line)
        self.updates = 0

    def layers_of(self, line: Tensor) -> list[Tensor]:
        """Return weights and biases that share the memory of a line of them."""
        parts = torch.split(line, [shape.numel() for shape in self.shapes])
        return [part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def update(self, loss: Tensor, rate: float) -> None:
        """Take a step down the gradient of a loss."""
        gradients = torch.autograd.grad(loss, self.weights)
        gradient = torch.cat([one.reshape(-1) for one in gradients])
        self.updates += 1
        first, second = DECAYS
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        root = self.square.sqrt().div_(math.sqrt(1 - second**self.updates)).add_(EPSILON)
        self.line.addcdiv_(self.mean, root, value=-rate / (1 - first**self.updates))
