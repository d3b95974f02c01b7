"""One step of a discriminator that is guided by the generator.

Lee et al. (2022), "Generator Knows What Discriminator Should Learn in Unconditional GANs" (GGDR).
The step is here and not beside the others because it alone needs networks that show maps, and says
so where a recipe gives it others.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..collective import all_whole, average, whole
from ..data import Batch
from ..networks import GuidedDiscriminator, MappingGenerator
from ..objectives import guidance_loss, r1_penalty
from .state import State
from .step_calls import Losses, criticise_fakes, draw_latent, step_function

Network = TypeVar("Network", bound=nn.Module)


@step_function("unlabeled")
def guided_step(
    state: State,
    batch: Batch,
    chance: torch.Generator,
    *,
    discriminator_loss: Callable[[Tensor, Tensor], Tensor],
    generator_loss: Callable[[Tensor], Tensor],
    weight: float,
    penalty: float,
) -> Losses:
    """Update the discriminator under guidance and R1, then the generator as in `adversarial_step`.

    Arguments as for `adversarial_step`; ``weight`` is the factor of
    `convergan.objectives.guidance_loss` in the discriminator's loss, 10 in the paper, and half of
    ``penalty``, gamma, that of R1.

    Raises:
        ValueError: if the discriminator is no `GuidedDiscriminator`, or the generator no
            `MappingGenerator`.
    """
    discriminator = _expect(state.discriminator.network, GuidedDiscriminator)
    generator = _expect(state.generator.network, MappingGenerator)
    with torch.no_grad():
        fakes, maps = generator.make(draw_latent(generator, len(batch.unlabeled), chance))
    reals = batch.unlabeled.detach().requires_grad_()
    real_logits = discriminator(reals, chance).logits
    (fake_logits, _), decoded = discriminator.decode(fakes, chance)
    judging = discriminator_loss(*all_whole(real_logits, fake_logits))
    slopes = r1_penalty(real_logits, reals)
    guidance, slopes = average(torch.stack([guidance_loss(decoded, maps), slopes])).unbind()
    state.discriminator.descend(judging + weight * guidance + penalty / 2 * slopes)

    making = generator_loss(whole(criticise_fakes(state, batch, chance).logits))
    state.generator.descend(making)
    return {
        "discriminator_loss": judging.detach(),
        "guidance_loss": guidance.detach(),
        "gradient_penalty": slopes.detach(),
        "generator_loss": making.detach(),
    }


def _expect(network: nn.Module, kind: type[Network]) -> Network:
    if not isinstance(network, kind):
        raise ValueError(
            f"guided_step needs a recipe with a {kind.__name__}, got {type(network).__name__}"
        )
    return network
