"""A GAN in a loop of Accelerate, with relativistic pairing and its penalties, and without.

``pip install convergan accelerate``, then ``python examples/accelerate_gan.py``. The losses are
ours; `accelerator.backward` and the prepared optimizers do the rest, as in any loop of
Accelerate. Data are eight Gaussians on a circle.
"""

import argparse

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from convergan.data import load
from convergan.objectives import (
    minimax_discriminator_loss,
    non_saturating_generator_loss,
    r1_penalty,
    r2_penalty,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
)
from convergan.recipes.judges import mixture_modes

LATENT, PENALTY = 8, 0.1


def dense(inputs: int, outputs: int) -> nn.Module:
    """Return a small network."""
    hidden = (nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
    return nn.Sequential(*hidden, nn.Linear(64, outputs))


def judging_loss(judge: nn.Module, reals: Tensor, fakes: Tensor, *, relativistic: bool) -> Tensor:
    """Return what the discriminator minimises."""
    if not relativistic:
        return minimax_discriminator_loss(judge(reals), judge(fakes))
    reals, fakes = reals.requires_grad_(), fakes.requires_grad_()
    real_logits, fake_logits = judge(reals), judge(fakes)
    slopes = r1_penalty(real_logits, reals) + r2_penalty(fake_logits, fakes)
    return relativistic_discriminator_loss(real_logits, fake_logits) + PENALTY / 2 * slopes


def train(steps: int, seed: int, *, relativistic: bool) -> nn.Module:
    """Train for so many batches and return the generator."""
    set_seed(seed)
    accelerator = Accelerator(cpu=True)
    judge, maker = dense(2, 1), dense(LATENT, 2)
    adams = [torch.optim.Adam(n.parameters(), 1e-3, (0.5, 0.999)) for n in (judge, maker)]
    rows = TensorDataset(load("ring").train.images[:])
    loader = DataLoader(rows, batch_size=64, shuffle=True, drop_last=True)
    judge, maker, judging, making, loader = accelerator.prepare(judge, maker, *adams, loader)
    done = 0
    while True:
        for (reals,) in loader:
            if done == steps:
                return accelerator.unwrap_model(maker)  # type: ignore[no-any-return]
            latents = torch.randn(2, len(reals), LATENT, device=accelerator.device)
            loss = judging_loss(judge, reals, maker(latents[0]).detach(), relativistic=relativistic)
            judging.zero_grad()
            accelerator.backward(loss)
            judging.step()

            fake_logits = judge(maker(latents[1]))
            if relativistic:
                loss = relativistic_generator_loss(judge(reals).detach(), fake_logits)
            else:
                loss = non_saturating_generator_loss(fake_logits)
            making.zero_grad()
            accelerator.backward(loss)
            making.step()
            done += 1


def main() -> None:
    """Train both and count the Gaussians that each finds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000, help="batches (default: 3000)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name, relativistic in (("without", False), ("with", True)):
        maker = train(arguments.steps, arguments.seed, relativistic=relativistic)
        with torch.no_grad():
            found = mixture_modes(maker(torch.randn(2500, LATENT)), load("ring"))
        print(
            f"{name:8}pairing: {found['found']:.0f} of 8 modes, {found['high_quality']:.0%} of "
            "samples near one"
        )


if __name__ == "__main__":
    main()
