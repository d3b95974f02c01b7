"""One step of each problem, as the algorithm box has it.

Salimans et al. (2016): algorithm of section 2 for two players, of section 5 for few labels.

Every step changes both players of ``state`` in place. Of the batch it uses ``unlabeled`` alone,
unless it says otherwise; ``chance`` draws latents and noise, on the device of the batch. A
``discriminator_loss`` is from logits of data and of samples to a scalar, a ``generator_loss`` from
logits of samples to a scalar, and ``feature_matching`` from features of samples and of data to a
scalar. What a step returns are its losses, detached, by name.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.parametrize import cached

from ..collective import all_whole, average, own, whole, whole_count
from ..data import Batch
from ..networks import Critique, Generator
from ..objectives import (
    r1_penalty,
    r2_penalty,
    realness,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
    supervised_loss,
    top_k_count,
    top_k_loss,
    unsupervised_loss,
)
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
    """Update the discriminator, then the generator, on one batch without labels."""
    judging = _judge(state, batch, chance, discriminator_loss)
    making = generator_loss(whole(criticise_fakes(state, batch, chance).logits))
    state.generator.descend(making)
    return {"discriminator_loss": judging, "generator_loss": making.detach()}


def feature_matching_step(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    *,
    discriminator_loss: Callable[[Tensor, Tensor], Tensor],
    feature_matching: Callable[[Tensor, Tensor], Tensor],
) -> Losses:
    """Update the discriminator as in `adversarial_step`; then match features, section 3.1.

    The features of data are those of ``batch.matching``.
    """
    judging = _judge(state, batch, chance, discriminator_loss)
    with torch.no_grad():
        real_features = state.discriminator.network(batch.matching, chance).features
    fake_features = criticise_fakes(state, batch, chance).features
    making = feature_matching(*all_whole(fake_features, real_features))
    state.generator.descend(making)
    return {"discriminator_loss": judging, "generator_loss": making.detach()}


def top_k_step(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    *,
    discriminator_loss: Callable[[Tensor, Tensor], Tensor],
    generator_losses: Callable[[Tensor], Tensor],
    realness: Callable[[Tensor], Tensor],
    gamma: float,
    nu: float,
) -> Losses:
    """Update the discriminator as in `adversarial_step`; the generator learns from its best rows.

    How many rows are left follows from ``state.step``, ``gamma`` and ``nu``, see
    `convergan.objectives.top_k_count`. ``generator_losses`` and ``realness`` are from logits of
    samples to the loss and to the realness of each row.
    """
    judging = _judge(state, batch, chance, discriminator_loss)
    logits = whole(criticise_fakes(state, batch, chance).logits).flatten()
    k = top_k_count(state.step, len(logits), gamma=gamma, nu=nu)
    making = top_k_loss(generator_losses(logits), realness(logits), k)
    state.generator.descend(making)
    return {"discriminator_loss": judging, "generator_loss": making.detach()}


def relativistic_step(
    state: State, batch: Batch, chance: torch.Generator, *, penalty: float
) -> Losses:
    """Update the discriminator under R1 and R2, then the generator, on pairs of rows.

    Huang et al. (2024), R3GAN: see `convergan.objectives.relativistic_discriminator_loss`. The
    discriminator gets ``batch.unlabeled``, the generator ``batch.matching``; half of ``penalty``,
    gamma, is the factor of R1 and R2.
    """
    discriminator = state.discriminator.network
    reals = batch.unlabeled.detach().requires_grad_()
    with torch.no_grad():
        fakes = _draw_fakes(state, batch, chance)
    fakes.requires_grad_()
    real_logits = discriminator(reals, chance).logits
    fake_logits = discriminator(fakes, chance).logits
    slopes = average(r1_penalty(real_logits, reals) + r2_penalty(fake_logits, fakes))
    pairing = relativistic_discriminator_loss(*all_whole(real_logits, fake_logits))
    state.discriminator.descend(pairing + penalty / 2 * slopes)

    with torch.no_grad():
        real_logits = discriminator(batch.matching, chance).logits
    fake_logits = criticise_fakes(state, batch, chance).logits
    making = relativistic_generator_loss(*all_whole(real_logits, fake_logits))
    state.generator.descend(making)
    return {
        "discriminator_loss": pairing.detach(),
        "gradient_penalty": slopes.detach(),
        "generator_loss": making.detach(),
    }


def _judge(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    discriminator_loss: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    discriminator = state.discriminator.network
    with torch.no_grad():
        fakes = _draw_fakes(state, batch, chance)
    real_logits = discriminator(batch.unlabeled, chance).logits
    fake_logits = discriminator(fakes, chance).logits
    judging = discriminator_loss(*all_whole(real_logits, fake_logits))
    state.discriminator.descend(judging)
    return judging.detach()


def criticise_fakes(state: State, batch: Batch, chance: torch.Generator) -> Critique:
    """Judge new samples, with gradients to the generator."""
    return state.discriminator.network(_draw_fakes(state, batch, chance), chance)


def _draw_fakes(state: State, batch: Batch, chance: torch.Generator) -> Tensor:
    generator = state.generator.network
    return generator(draw_latent(generator, len(batch.unlabeled), chance))


def draw_latent(generator: Generator, count: int, chance: torch.Generator) -> Tensor:
    """Draw noise for ``count`` rows of this process: its share of that for the whole batch."""
    return own(generator.draw_latent(whole_count(count), chance))


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

    It takes every kind of rows of the batch. ``unsupervised_weight`` is the factor of the
    unsupervised loss, 1 as released and 2 as in the paper; ``regularizers`` are further terms of
    the classifier's loss, none in the paper.
    """
    discriminator = state.discriminator.network

    with torch.no_grad():
        fakes = _draw_fakes(state, batch, chance)
    rows = torch.cat([batch.labeled, batch.unlabeled, fakes])
    sizes = [len(batch.labeled), len(batch.unlabeled), len(fakes)]
    logits = torch.split(discriminator(rows, chance).logits, sizes)
    labeled, unlabeled, fake, labels = all_whole(*logits, batch.labels)
    classifying = supervised_loss(labeled, labels)
    judging = unsupervised_loss(unlabeled, fake)
    terms = (term(state, batch, unlabeled, chance) for term in regularizers)
    regularizing = sum(terms, fake.new_zeros(()))
    state.discriminator.descend(classifying + unsupervised_weight * judging + regularizing)

    with cached():
        with torch.no_grad():
            real_features = discriminator(batch.matching, chance).features
        fake_features = criticise_fakes(state, batch, chance).features
    matching = feature_matching(*all_whole(fake_features, real_features))
    state.generator.descend(matching)
    return {
        "supervised_loss": classifying.detach(),
        "unsupervised_loss": judging.detach(),
        "generator_loss": matching.detach(),
    }


def labeled_adversarial_step(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    *,
    discriminator_loss: Callable[[Tensor, Tensor], Tensor],
    generator_loss: Callable[[Tensor], Tensor],
    adversarial_weight: float = 1.0,
    generator_steps: int = 1,
) -> Losses:
    """Update a classifier of K + 1 classes, then a generator that wants to be taken for data.

    This is how the scripts with minibatch discrimination use labels, section 5. Labelled,
    unlabelled and generated rows are judged apart, so that minibatch features compare like with
    like. Both losses are of realness, `convergan.objectives.realness`, in the place of logits.
    ``adversarial_weight`` is the factor of ``discriminator_loss`` beside the loss on labels, one
    half as released; ``generator_steps`` are updates of the generator, each on new samples, 3 as
    released.
    """
    discriminator = state.discriminator.network
    with torch.no_grad():
        fakes = _draw_fakes(state, batch, chance)
    judged = [
        discriminator(rows, chance).logits for rows in (batch.labeled, batch.unlabeled, fakes)
    ]
    labeled, real_logits, fake_logits, labels = all_whole(*judged, batch.labels)
    classifying = supervised_loss(labeled, labels)
    judging = discriminator_loss(realness(real_logits), realness(fake_logits))
    state.discriminator.descend(classifying + adversarial_weight * judging)
    for _ in range(generator_steps):
        fake_logits = whole(criticise_fakes(state, batch, chance).logits)
        making = generator_loss(realness(fake_logits))
        state.generator.descend(making)
    return {
        "supervised_loss": classifying.detach(),
        "discriminator_loss": judging.detach(),
        "generator_loss": making.detach(),
    }


def joint_step(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    *,
    discriminator_loss: Callable[[Tensor, Tensor], Tensor],
    generator_loss: Callable[[Tensor], Tensor],
) -> Losses:
    """Update both players at once, from one judgment of real and generated rows together.

    The released ImageNet code, section 6.4: of K + 1 logits the last is "generated", a row's
    realness is the log-sum-exp of the others less the last, and labels are learned over all K + 1
    classes. Of the batch it uses ``labeled`` alone. Both losses are of realness in the place of
    logits.
    """
    generator = state.generator.network
    fakes = generator(draw_latent(generator, len(batch.labeled), chance))
    rows = torch.cat([batch.labeled, fakes])
    logits = state.discriminator.network(rows, chance).logits.chunk(2)
    labeled, generated, labels = all_whole(*logits, batch.labels)
    real, fake = (realness(part[:, :-1]) - part[:, -1] for part in (labeled, generated))
    classifying = supervised_loss(labeled, labels)
    judging = discriminator_loss(real, fake)
    making = generator_loss(fake)
    gradients = state.discriminator.differentiate(judging + classifying, keep_graph=True)
    state.generator.update(state.generator.differentiate(making))
    state.discriminator.update(gradients)
    return {
        "supervised_loss": classifying.detach(),
        "discriminator_loss": judging.detach(),
        "generator_loss": making.detach(),
    }


def supervised_step(state: State, batch: Batch, chance: torch.Generator) -> Losses:
    """Update the classifier on labelled rows alone: the supervised twin of the step above."""
    logits = state.discriminator.network(batch.labeled, chance).logits
    classifying = supervised_loss(*all_whole(logits, batch.labels))
    state.discriminator.descend(classifying)
    return {"supervised_loss": classifying.detach()}
