"""Plain networks and a state of them, as somebody's own loop has them."""

from functools import partial

import torch
from torch import Tensor, nn

from convergan.objectives import (
    logit_realness,
    minimax_discriminator_loss,
    non_saturating_generator_loss,
    squared_feature_matching,
)
from convergan.training import State, adversarial_step, feature_matching_step, top_k_step

ADVERSARIAL = partial(
    adversarial_step,
    discriminator_loss=minimax_discriminator_loss,
    generator_loss=non_saturating_generator_loss,
)
MATCHING = partial(
    feature_matching_step,
    discriminator_loss=minimax_discriminator_loss,
    feature_matching=squared_feature_matching,
)
TOP_K = partial(
    top_k_step,
    discriminator_loss=minimax_discriminator_loss,
    generator_losses=lambda logits: nn.functional.softplus(-logits),
    realness=logit_realness,
    gamma=0.5,
    nu=0.1,
)


class WithFeatures(nn.Module):
    """A judge of points that returns its hidden layer as well."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(2, 4)
        self.top = nn.Linear(4, 1)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        features = self.hidden(rows).relu()
        return self.top(features), features


def networks() -> tuple[nn.Module, nn.Module]:
    """A judge of points and a maker of them from three numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        judge = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
        return judge, nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def own_state(judge: nn.Module | None = None, maker: nn.Module | None = None) -> State:
    """A state of these or of the networks above, with plain descent."""
    first, second = networks()
    judge, maker = judge or first, maker or second
    descents = [torch.optim.SGD(network.parameters(), lr=0.1) for network in (judge, maker)]
    return State.of(judge, maker, *descents, latent=3)
