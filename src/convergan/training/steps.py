"""One step of each problem, as the algorithm box has it.

Salimans et al. (2016): algorithm of section 2 for two players, of section 5 for few labels.

Every step changes both players of ``state`` in place. Of the batch it uses ``unlabeled`` alone,
unless it says otherwise; ``chance`` draws latents and noise, on the device of the batch. A
``discriminator_loss`` is from logits of data and of samples to a scalar, a ``generator_loss`` from
logits of samples to a scalar, and ``feature_matching`` from features of samples and of data to a
scalar. What a step returns are its losses, detached, by name.

In a loop of one's own the batch may be a tensor, which then is ``unlabeled``, and without
``chance`` torch's global generator draws; see `convergan.training.State.of`. Each counts itself in
``state.step``.

Each raises ValueError if rows that it needs are missing or on another device than the networks, or
if what the networks return does not fit.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.parametrize import cached

from ..collective import all_whole, average, whole
from ..data import Batch
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
from .step_calls import Losses as Losses
from .step_calls import Step as Step
from .step_calls import criticise_fakes, draw_fakes, draw_latent, features_of, step_function


@step_function("unlabeled")
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
        batch: of which ``unlabeled`` is used; or a tensor of such rows, (N, *row shape).
        chance: draws latents and noise, on the device of the batch.
        discriminator_loss: from logits of data and of samples to a scalar.
        generator_loss: from logits of samples to a scalar.
    """
    judging = _judge(state, batch, chance, discriminator_loss)
    making = generator_loss(whole(criticise_fakes(state, batch, chance).logits))
    state.generator.descend(making)
    return {"discriminator_loss": judging, "generator_loss": making.detach()}


@step_function("unlabeled", "matching")
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

    Args:
        state: both players; changed in place.
        batch: of which ``unlabeled`` and ``matching`` are used.
        chance: draws latents and noise, on the device of the batch.
        discriminator_loss: from logits of data and of samples to a scalar.
        feature_matching: from features of samples and of data, (N, A) each, to a scalar.
    """
    judging = _judge(state, batch, chance, discriminator_loss)
    with torch.no_grad():
        real_features = features_of(state.discriminator.network(batch.matching, chance))
    fake_features = features_of(criticise_fakes(state, batch, chance))
    making = feature_matching(*all_whole(fake_features, real_features))
    state.generator.descend(making)
    return {"discriminator_loss": judging, "generator_loss": making.detach()}


@step_function("unlabeled")
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
    `convergan.objectives.top_k_count`.

    Args:
        state: both players; changed in place, and ``state.step`` anneals.
        batch: of which ``unlabeled`` is used.
        chance: draws latents and noise, on the device of the batch.
        discriminator_loss: from logits of data and of samples to a scalar.
        generator_losses: from logits of samples, (N,), to the loss of each, (N,).
        realness: from logits of samples to how real each looks, (N,).
        gamma: share of the rows that a step leaves, in (0, 1].
        nu: share of the rows that is always left, in (0, 1].
    """
    judging = _judge(state, batch, chance, discriminator_loss)
    logits = whole(criticise_fakes(state, batch, chance).logits).flatten()
    k = top_k_count(state.step, len(logits), gamma=gamma, nu=nu)
    making = top_k_loss(generator_losses(logits), realness(logits), k)
    state.generator.descend(making)
    return {"discriminator_loss": judging, "generator_loss": making.detach()}


@step_function("unlabeled", "matching")
def relativistic_step(
    state: State, batch: Batch, chance: torch.Generator, *, penalty: float
) -> Losses:
    """Update the discriminator under R1 and R2, then the generator, on pairs of rows.

    Huang et al. (2024), R3GAN: see `convergan.objectives.relativistic_discriminator_loss`. The
    discriminator gets ``batch.unlabeled``, the generator ``batch.matching``.

    Args:
        state: both players; changed in place.
        batch: of which ``unlabeled`` and ``matching`` are used.
        chance: draws latents and noise, on the device of the batch.
        penalty: gamma, half of which is the factor of R1 and R2; in the units of the rows.
    """
    discriminator = state.discriminator.network
    reals = batch.unlabeled.detach().requires_grad_()
    with torch.no_grad():
        fakes = draw_fakes(state, batch, chance)
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
        fakes = draw_fakes(state, batch, chance)
    real_logits = discriminator(batch.unlabeled, chance).logits
    fake_logits = discriminator(fakes, chance).logits
    judging = discriminator_loss(*all_whole(real_logits, fake_logits))
    state.discriminator.descend(judging)
    return judging.detach()


@step_function("labeled", "unlabeled", "matching")
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
        batch: labelled and unlabelled rows.
        chance: draws latents and noise, on the device of the batch.
        feature_matching: from features of samples and of data, (N, A) each, to a scalar.
        unsupervised_weight: factor of the unsupervised loss; 1 as released, 2 as in the paper.
        regularizers: further terms of the classifier's loss; none in the paper.
    """
    discriminator = state.discriminator.network

    with torch.no_grad():
        fakes = draw_fakes(state, batch, chance)
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
            real_features = features_of(discriminator(batch.matching, chance))
        fake_features = features_of(criticise_fakes(state, batch, chance))
    matching = feature_matching(*all_whole(fake_features, real_features))
    state.generator.descend(matching)
    return {
        "supervised_loss": classifying.detach(),
        "unsupervised_loss": judging.detach(),
        "generator_loss": matching.detach(),
    }


@step_function("labeled", "unlabeled")
def semi_supervised_joint_step(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    *,
    feature_matching: Callable[[Tensor, Tensor], Tensor],
    unsupervised_weight: float,
    labeled_every: int = 1,
    generated_every: int = 1,
    regularizers: Sequence[Regularizer] = (),
) -> Losses:
    """Update both players as `semi_supervised_step`, from one judgment of generated rows.

    Both losses are of the weights before the step: the features that the generator matches are
    those that judged, and data rows are not judged once more for it. Labelled rows are few and
    come again soon, so a step can do with a part of them.

    Args:
        state: both players; changed in place.
        batch: labelled and unlabelled rows.
        chance: draws latents and noise, on the device of the batch.
        feature_matching: from features of samples and of data to a scalar.
        unsupervised_weight: factor of the unsupervised loss; 1 as released.
        labeled_every: the step takes the first labelled row of this many.
        generated_every: it takes as many unlabelled rows for each sample.
        regularizers: further terms of the classifier's loss; their ``batch.unlabeled`` requires
            gradients, and the logits that they get depend on it.
    """
    discriminator, generator = state.discriminator.network, state.generator.network
    batch = batch._replace(
        labeled=batch.labeled[::labeled_every],
        labels=batch.labels[::labeled_every],
        unlabeled=batch.unlabeled.detach().requires_grad_(),
    )
    samples = len(batch.unlabeled[::generated_every])
    fakes = generator(draw_latent(generator, samples, chance))
    with cached():
        real = discriminator(torch.cat([batch.labeled, batch.unlabeled]), chance)
        fake = discriminator(fakes, chance)
    labeled, unlabeled = real.logits.tensor_split([len(batch.labeled)])
    unlabeled, fake_logits = whole(unlabeled), whole(fake.logits)
    classifying = supervised_loss(*all_whole(labeled, batch.labels))
    judging = unsupervised_loss(unlabeled, fake_logits)
    terms = (term(state, batch, unlabeled, chance) for term in regularizers)
    regularizing = sum(terms, fake_logits.new_zeros(()))
    real_features = features_of(real)[len(batch.labeled) :].detach()
    matching = feature_matching(whole(features_of(fake)), whole(real_features))
    loss = classifying + unsupervised_weight * judging + regularizing
    gradients = state.discriminator.differentiate(loss, keep_graph=True)
    state.generator.update(state.generator.differentiate(matching))
    state.discriminator.update(gradients)
    return {
        "supervised_loss": classifying.detach(),
        "unsupervised_loss": judging.detach(),
        "generator_loss": matching.detach(),
    }


@step_function("labeled", "unlabeled")
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

    Args:
        state: both players; changed in place.
        batch: labelled and unlabelled rows.
        chance: draws latents and noise, on the device of the batch.
        discriminator_loss: from realness of data and of samples, (N,) each, to a scalar.
        generator_loss: from realness of samples to a scalar.
        adversarial_weight: factor of ``discriminator_loss`` beside the loss on labels; one half as
            released.
        generator_steps: updates of the generator, each on new samples; 3 as released.
    """
    discriminator = state.discriminator.network
    with torch.no_grad():
        fakes = draw_fakes(state, batch, chance)
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


@step_function("labeled")
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

    Args:
        state: both players; changed in place.
        batch: of which ``labeled`` and ``labels`` are used.
        chance: draws latents and noise, on the device of the batch.
        discriminator_loss: from realness of data and of samples, (N,) each, to a scalar.
        generator_loss: from realness of samples to a scalar.
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


@step_function("labeled")
def supervised_step(state: State, batch: Batch, chance: torch.Generator) -> Losses:
    """Update the classifier on labelled rows alone: the supervised twin of the step above.

    Args:
        state: of which the discriminator is changed in place.
        batch: of which ``labeled`` and ``labels`` are used.
        chance: draws noise, on the device of the batch.
    """
    logits = state.discriminator.network(batch.labeled, chance).logits
    classifying = supervised_loss(*all_whole(logits, batch.labels))
    state.discriminator.descend(classifying)
    return {"supervised_loss": classifying.detach()}
