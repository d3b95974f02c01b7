"""A DCGAN as many people have one, on Stacked MNIST, whose 1,000 classes show what is left out.

Nothing here is of convergan but the data and the count: convolutions, ``weights_init``, a sigmoid
at the end, noise of shape (N, z, 1, 1), images in [-1, 1] and ``view(-1)`` are as in the examples
that most people start from. ``python -m bench.dcgan`` puts one technique after the other into it.
"""

import argparse

import torch
from torch import Tensor, nn

from convergan.data import load
from convergan.metrics import load_classifier, stacked_coverage

nz, ngf, ndf, nc = 100, 32, 32, 3
real_label, fake_label = 1.0, 0.0


def weights_init(m: nn.Module) -> None:
    """Start weights as DCGAN does."""
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight, 1.0, 0.02)
        nn.init.zeros_(m.bias)


class Generator(nn.Module):
    """From noise (N, z, 1, 1) to images (N, 3, 28, 28)."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 7, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input: Tensor) -> Tensor:
        """Make images."""
        return self.main(input)


class Discriminator(nn.Module):
    """From images to probabilities of being data, (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 7, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input: Tensor) -> Tensor:
        """Judge images."""
        return self.main(input).view(-1)


def train(images: Tensor, steps: int, seed: int, batch_size: int = 64) -> nn.Module:
    """Train on (N, 3, 28, 28) bytes and return the generator."""
    torch.manual_seed(seed)
    netG, netD = Generator(), Discriminator()
    netG.apply(weights_init)
    netD.apply(weights_init)
    criterion = nn.BCELoss()
    optimizerD = torch.optim.Adam(netD.parameters(), lr=0.0002, betas=(0.5, 0.999))
    optimizerG = torch.optim.Adam(netG.parameters(), lr=0.0002, betas=(0.5, 0.999))
    for _ in range(steps):
        real = images[torch.randint(len(images), (batch_size,))] / 127.5 - 1
        label = torch.full((batch_size,), real_label)

        netD.zero_grad()
        errD_real = criterion(netD(real), label)
        errD_real.backward()
        fake = netG(torch.randn(batch_size, nz, 1, 1))
        label.fill_(fake_label)
        errD_fake = criterion(netD(fake.detach()), label)
        errD_fake.backward()
        optimizerD.step()

        netG.zero_grad()
        label.fill_(real_label)
        errG = criterion(netD(fake), label)
        errG.backward()
        optimizerG.step()
    return netG


def main() -> None:
    """Train, and count the classes in 10,000 samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    data = load("stacked-mnist").train
    netG = train(data.images[:], arguments.steps, arguments.seed).eval()
    with torch.no_grad():
        samples = torch.cat([netG(torch.randn(100, nz, 1, 1)) for _ in range(100)])
    digits = torch.bincount(data.labels // 100, minlength=10) / len(data.labels)
    print(stacked_coverage(load_classifier("mnist"), (samples + 1) / 2, digits))


if __name__ == "__main__":
    main()
