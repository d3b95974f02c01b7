"""Test errors of a discriminator, and samples of a generator."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call

from ..collective import ALONE, Ranks
from ..data import Images, Rows, to_unit_range
from ..networks import Discriminator, Generator, evaluating


class Evaluation(NamedTuple):
    """Predictions on rows with known classes.

    Attributes:
        error: fraction of wrong predictions.
        confusion: (K, K) int64 counts, true class by predicted class.
    """

    error: float
    confusion: Tensor


@torch.no_grad()
def predict_probabilities(
    network: Discriminator,
    parameters: Mapping[str, Tensor],
    images: Images,
    *,
    rows: Tensor | None = None,
    device: torch.device,
    batch_size: int = 1000,
    ranks: Ranks = ALONE,
) -> Tensor:
    """Return ``p(y | x, y <= K)`` of shape (N, K), float64 on the CPU.

    Args:
        network: a discriminator; it is in evaluation mode meanwhile, and so has no noise.
        parameters: to use in place of its own, for example the averaged ones.
        images: as in `convergan.data.Rows`.
        rows: (N,), which of them; None for all.
        device: where the network is.
        batch_size: rows at a time, at most; in shares as equal as can be, so that no row is left to
            be judged alone by a network that compares rows.
        ranks: processes who share the work and all get the result, that of one alone.
    """
    rows = torch.arange(len(images)) if rows is None else rows
    chunks = rows.tensor_split(max(1, -(-len(rows) // batch_size)))
    with evaluating(network):
        judged = [
            functional_call(
                network, dict(parameters), (to_unit_range(images[chunk].to(device)),)
            ).logits
            for chunk in chunks[ranks.shard(len(chunks))]
        ]
    return ranks.gather_shards(judged).double().softmax(dim=1).cpu()


def evaluate(
    network: Discriminator,
    parameters: Mapping[str, Tensor],
    rows: Rows,
    *,
    device: torch.device,
    batch_size: int = 1000,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """Predict the class of every row as the argmax over K, and count errors.

    Arguments as for `predict_probabilities`.
    """
    probabilities = predict_probabilities(
        network, parameters, rows.images, device=device, batch_size=batch_size, ranks=ranks
    )
    return count_errors(probabilities.argmax(dim=1), rows.labels, probabilities.shape[1])


def count_errors(predictions: Tensor, labels: Tensor, num_classes: int) -> Evaluation:
    """Compare (N,) predictions with (N,) labels, all in ``0 .. num_classes - 1``."""
    pairs = torch.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    confusion = pairs.view(num_classes, num_classes)
    wrong = len(labels) - int(confusion.diagonal().sum())
    error = wrong / max(1, len(labels))
    return Evaluation(error, confusion)


@torch.no_grad()
def draw_samples(
    network: Generator,
    parameters: Mapping[str, Tensor],
    count: int,
    *,
    batch_size: int,
    chance: torch.Generator,
    ranks: Ranks = ALONE,
) -> Tensor:
    """Return ``count`` generated rows, (count, *row shape).

    Args:
        network: a generator; it is in evaluation mode meanwhile.
        parameters: to use in place of its own, for example averaged ones.
        count: rows wanted.
        batch_size: rows at a time; generators that normalise by the batch need that of training.
        chance: draws the latents, on the device of the network.
        ranks: processes who share the work and all get the result, that of one alone.
    """
    numbers = range(-(-count // batch_size))
    own = numbers[ranks.shard(len(numbers))]
    batches = []
    with evaluating(network):
        for number in numbers:
            latent = network.draw_latent(batch_size, chance)  # of every batch, as chance goes on
            if number in own:
                batches.append(functional_call(network, dict(parameters), (latent,)))
    return ranks.gather_shards(batches)[:count]
