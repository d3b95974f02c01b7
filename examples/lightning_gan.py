"""A GAN in Lightning whose generator learns from its best samples, beside one without that.

``pip install convergan lightning``, then ``python examples/lightning_gan.py``. Optimization is
manual, as Lightning wants it for two optimizers. The step is ours and goes through Lightning's
optimizers, so `trainer.global_step` counts them: two a batch. Data are eight Gaussians on a circle.
"""

import argparse
from functools import partial
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader, TensorDataset

from convergan.data import load
from convergan.objectives import (
    logit_realness,
    minimax_discriminator_loss,
    non_saturating_generator_loss,
)
from convergan.recipes.judges import mixture_modes
from convergan.training import State, adversarial_step, top_k_step

LATENT = 8
PLAIN = partial(
    adversarial_step,
    discriminator_loss=minimax_discriminator_loss,
    generator_loss=non_saturating_generator_loss,
)
TOP_K = partial(
    top_k_step,
    discriminator_loss=minimax_discriminator_loss,
    generator_losses=lambda logits: softplus(-logits),
    realness=logit_realness,
    gamma=0.999,  # of the share of samples that a step leaves; it follows the state's step
    nu=0.5,
)


def dense(inputs: int, outputs: int) -> nn.Module:
    """Return a small network."""
    hidden = (nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
    return nn.Sequential(*hidden, nn.Linear(64, outputs))


class GAN(lightning.LightningModule):
    """Two plain networks and one of our steps."""

    def __init__(self, step: Any) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.discriminator, self.generator = dense(2, 1), dense(LATENT, 2)
        self.take_step = step

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the discriminator's optimizer and the generator's."""
        networks = (self.discriminator, self.generator)
        return [torch.optim.Adam(n.parameters(), lr=1e-3, betas=(0.5, 0.999)) for n in networks]

    def on_train_start(self) -> None:
        """Make the state of what Lightning has put in its place, or loaded."""
        optimizers: Any = self.optimizers()
        self.state = State.of(
            self.discriminator,
            self.generator,
            *optimizers,
            latent=LATENT,
            step=self.trainer.global_step // 2,
        )

    def training_step(self, batch: list[Tensor], number: int) -> None:
        """Take one step of both players."""
        self.log_dict(self.take_step(self.state, batch[0]))


def main() -> None:
    """Train both and count the Gaussians that each finds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000, help="batches (default: 3000)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    ring = load("ring")
    for name, step in (("without", PLAIN), ("with", TOP_K)):
        lightning.seed_everything(arguments.seed, verbose=False)
        gan = GAN(step)
        loader = DataLoader(TensorDataset(ring.train.images[:]), batch_size=64, shuffle=True)
        trainer = lightning.Trainer(
            max_steps=2 * arguments.steps,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(gan, loader)
        with torch.no_grad():
            found = mixture_modes(gan.generator(torch.randn(2500, LATENT)), ring)
        print(
            f"{name:8}top-k: {found['found']:.0f} of 8 modes, {found['high_quality']:.0%} of "
            f"samples near one; global step {trainer.global_step}"
        )


if __name__ == "__main__":
    main()
