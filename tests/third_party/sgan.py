"""A semi-supervised GAN in the manner of the collections that most people copy from."""

import torch
from torch import Tensor, nn

latent_dim, channels, img_size, num_classes = 20, 1, 16, 10


def weights_init_normal(m: nn.Module) -> None:
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        torch.nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm2d") != -1:
        torch.nn.init.normal_(m.weight.data, 1.0, 0.02)
        torch.nn.init.constant_(m.bias.data, 0.0)


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.init_size = img_size // 4
        self.l1 = nn.Sequential(nn.Linear(latent_dim, 16 * self.init_size**2))
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(16),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 16, 3, stride=1, padding=1),
            nn.BatchNorm2d(16, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, channels, 3, stride=1, padding=1),
            nn.Tanh(),
        )

    def forward(self, noise: Tensor) -> Tensor:
        out = self.l1(noise)
        out = out.view(out.shape[0], 16, self.init_size, self.init_size)
        return self.conv_blocks(out)


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_blocks = nn.Sequential(
            nn.Conv2d(channels, 8, 3, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout2d(0.25),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.BatchNorm2d(16, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
        )
        features = 16 * (img_size // 4) ** 2
        self.adv_layer = nn.Sequential(nn.Linear(features, 1), nn.Sigmoid())
        self.aux_layer = nn.Sequential(nn.Linear(features, num_classes + 1), nn.Softmax(dim=1))

    def forward(self, img: Tensor) -> tuple[Tensor, Tensor]:
        out = self.conv_blocks(img)
        out = out.view(out.shape[0], -1)
        return self.adv_layer(out), self.aux_layer(out)


def train(images: Tensor, labels: Tensor, steps: int, batch_size: int = 16) -> nn.Module:
    """Train on (N, 1, 16, 16) in [-1, 1] and return the generator."""
    adversarial_loss, auxiliary_loss = nn.BCELoss(), nn.CrossEntropyLoss()
    generator, discriminator = Generator(), Discriminator()
    generator.apply(weights_init_normal)
    discriminator.apply(weights_init_normal)
    optimizer_G = torch.optim.Adam(generator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    for _ in range(steps):
        chosen = torch.randint(len(images), (batch_size,))
        real_imgs = images[chosen]
        valid, fake = torch.ones(batch_size, 1), torch.zeros(batch_size, 1)
        fake_aux_gt = torch.full((batch_size,), num_classes)

        optimizer_G.zero_grad()
        gen_imgs = generator(torch.randn(batch_size, latent_dim))
        validity, _ = discriminator(gen_imgs)
        g_loss = adversarial_loss(validity, valid)
        g_loss.backward()
        optimizer_G.step()

        optimizer_D.zero_grad()
        real_pred, real_aux = discriminator(real_imgs)
        d_real_loss = adversarial_loss(real_pred, valid) + auxiliary_loss(real_aux, labels[chosen])
        fake_pred, fake_aux = discriminator(gen_imgs.detach())
        d_fake_loss = adversarial_loss(fake_pred, fake) + auxiliary_loss(fake_aux, fake_aux_gt)
        d_loss = (d_real_loss + d_fake_loss) / 4
        d_loss.backward()
        optimizer_D.step()
    return generator
