"""One step of each problem, as the algorithm box has it.

Salimans et al. (2016): algorithm of section 2 for two players, of section 5 for few labels. Every
step returns its losses, detached, by name.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.parametrize import cached

from ..data import Batch
from ..objectives import supervised_loss, unsupervised_loss
from .regularizers import Regularizer
from .state import State

Losses = dict[str, Tensor]
Step = Callable[[State, Batch, torch.Generator], Losses]


def adversarial_step(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    *,
    discriminator_loss: Callable[[Tensor, Tensor], Tensor],
    generator_loss: Callable[[Tensor], Tensor],
) -> Losses:
    """Update the discriminator, then the generator, on one batch without labels.

    Args:
        state: both players; changed in place.
        batch: of which only ``unlabeled`` is used.
        chance: draws latents and noise, on the device of the batch.
        discriminator_loss: from logits of data and of samples to a scalar.
        generator_loss: from logits of samples to a scalar.
    """
    discriminator, generator = state.discriminator.network, state.generator.network
    count = len(batch.unlabeled)

    with torch.no_grad():
        fakes = generator(generator.draw_latent(count, chance))
    real_logits = discriminator(batch.unlabeled, chance).logits
    fake_logits = discriminator(fakes, chance).logits
    judging = discriminator_loss(real_logits, fake_logits)
    state.discriminator.descend(judging)

    fakes = generator(generator.draw_latent(count, chance))
    making = generator_loss(discriminator(fakes, chance).logits)
    state.generator.descend(making)
    return {"discriminator_loss": judging.detach(), "generator_loss": making.detach()}


def semi_supervised_step(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    *,
    feature_matching: Callable[[Tensor, Tensor], Tensor],
    unsupervised_weight: float,
    regularizers: Sequence[Regularizer] = (),
) -> Losses:
    """Update the classifier on labelled, unlabelled and generated rows; then match features.

    Args:
        state: both players; changed in place.
        batch: labelled and unlabelled rows and those for feature matching.
        chance: draws latents and noise, on the device of the batch.
        feature_matching: from features of samples and of data to a scalar.
        unsupervised_weight: factor of the unsupervised loss; 1 as released, 2 as in the paper.
        regularizers: further terms of the classifier's loss; none in the paper.
    """
    discriminator, generator = state.discriminator.network, state.generator.network
    count = len(batch.unlabeled)

    with torch.no_grad():
        fakes = generator(generator.draw_latent(count, chance))
    rows = torch.cat([batch.labeled, batch.unlabeled, fakes])
    sizes = [len(batch.labeled), count, count]
    labeled, unlabeled, fake = torch.split(discriminator(rows, chance).logits, sizes)
    classifying = supervised_loss(labeled, batch.labels)
    judging = unsupervised_loss(unlabeled, fake)
    terms = (term(state, batch, unlabeled, chance) for term in regularizers)
    regularizing = sum(terms, fake.new_zeros(()))
    state.discriminator.descend(classifying + unsupervised_weight * judging + regularizing)

    with cached():
        with torch.no_grad():
            real_features = discriminator(batch.matching, chance).features
        fakes = generator(generator.draw_latent(count, chance))
        fake_features = discriminator(fakes, chance).features
    matching = feature_matching(fake_features, real_features)
    state.generator.descend(matching)
    return {
        "supervised_loss": classifying.detach(),
        "unsupervised_loss": judging.detach(),
        "generator_loss": matching.detach(),
    }


def supervised_step(state: State, batch: Batch, chance: torch.Generator) -> Losses:
    """Update the classifier on labelled rows alone: the supervised twin of the step above."""
    logits = state.discriminator.network(batch.labeled, chance).logits
    classifying = supervised_loss(logits, batch.labels)
    state.discriminator.descend(classifying)
    return {"supervised_loss": classifying.detach()}
