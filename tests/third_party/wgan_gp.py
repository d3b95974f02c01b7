"""A Wasserstein GAN with gradient penalty in the manner of the collections people copy from."""

import torch
from torch import Tensor, nn

latent_dim, img_shape, n_critic, lambda_gp = 20, (1, 8, 8), 2, 10


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(latent_dim, 32),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(32, 64),
            nn.BatchNorm1d(64, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(64, 64),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        img = self.model(z)
        return img.view(img.shape[0], *img_shape)


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(64, 64),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(64, 32),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(32, 1),
        )

    def forward(self, img: Tensor) -> Tensor:
        return self.model(img.view(img.shape[0], -1))


def compute_gradient_penalty(D: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    alpha = torch.rand(real.size(0), 1, 1, 1)
    interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    d_interpolates = D(interpolates)
    gradients = torch.autograd.grad(
        outputs=d_interpolates,
        inputs=interpolates,
        grad_outputs=torch.ones_like(d_interpolates),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    return ((gradients.view(gradients.size(0), -1).norm(2, dim=1) - 1) ** 2).mean()


def train(images: Tensor, steps: int, batch_size: int = 16) -> nn.Module:
    """Train on (N, 1, 8, 8) in [-1, 1] and return the generator."""
    generator, discriminator = Generator(), Discriminator()
    optimizer_G = torch.optim.Adam(generator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    for step in range(steps):
        real_imgs = images[torch.randint(len(images), (batch_size,))]
        optimizer_D.zero_grad()
        fake_imgs = generator(torch.randn(batch_size, latent_dim)).detach()
        gradient_penalty = compute_gradient_penalty(discriminator, real_imgs, fake_imgs)
        d_loss = discriminator(fake_imgs).mean() - discriminator(real_imgs).mean()
        d_loss = d_loss + lambda_gp * gradient_penalty
        d_loss.backward()
        optimizer_D.step()
        if step % n_critic == 0:
            optimizer_G.zero_grad()
            fake_imgs = generator(torch.randn(batch_size, latent_dim))
            g_loss = -discriminator(fake_imgs).mean()
            g_loss.backward()
            optimizer_G.step()
    return generator
