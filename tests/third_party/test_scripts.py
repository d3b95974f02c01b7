"""Every technique that fits, in three GANs that were not written for it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from bench import dcgan
from bench.edits import Edits, as_module

HERE = Path(__file__).parent


def imports(line: str) -> tuple[str, str]:
    return "from torch import Tensor, nn\n", f"from torch import Tensor, nn\n{line}\n"


VIRTUAL = imports("from convergan.layers import VirtualBatchNorm, hold_reference")
KERNELS = imports("from convergan.layers import MinibatchDiscrimination")
OPTIMIZER = "    optimizer_G = torch.optim.Adam(generator"
HISTORY: Edits = (
    imports("from convergan.objectives import HistoricalAverage"),
    (OPTIMIZER, "    history = HistoricalAverage(generator)\n" + OPTIMIZER),
    ("g_loss.backward()", "(g_loss + history.penalty(generator)).backward()"),
    ("optimizer_G.step()", "optimizer_G.step(), history.update(generator)"),
)
SGAN: Mapping[str, Edits] = {
    "nothing": (),
    "virtual batch normalisation": (
        VIRTUAL,
        ("            nn.BatchNorm2d(16),", "            VirtualBatchNorm(16),"),
        (
            "padding=1),\n            nn.BatchNorm2d(16, 0.8),",
            "padding=1),\n            VirtualBatchNorm(16),",
        ),
        (OPTIMIZER, "    hold_reference(generator, torch.randn(8, latent_dim))\n" + OPTIMIZER),
    ),
    "minibatch discrimination": (
        KERNELS,
        (
            "nn.Sequential(nn.Linear(features, 1),",
            "nn.Sequential(\n            MinibatchDiscrimination(features, 8, 4), "
            "nn.Linear(features + 8, 1),",
        ),
    ),
    "minibatch standard deviation": (
        imports("from convergan.layers import MinibatchStddev"),
        ("nn.Conv2d(8, 16, 3, 2, 1)", "MinibatchStddev(), nn.Conv2d(9, 16, 3, 2, 1)"),
    ),
    "Gaussian noise and dropout": (
        imports("from convergan.layers import Dropout, GaussianNoise"),
        ("nn.Conv2d(channels,", "GaussianNoise(0.1), nn.Conv2d(channels,"),
        ("nn.Dropout2d(0.25)", "Dropout(0.25)"),
    ),
    "weight normalisation": (
        imports("from convergan.layers import initialise_from_batch, weight_norm"),
        ("nn.Conv2d(channels, 8, 3, 2, 1)", "weight_norm(nn.Conv2d(channels, 8, 3, 2, 1))"),
        (
            OPTIMIZER,
            "    initialise_from_batch(discriminator, lambda: discriminator(images[:8]))\n"
            + OPTIMIZER,
        ),
    ),
    "feature matching": (
        imports("from convergan.objectives import absolute_feature_matching"),
        (
            "g_loss = adversarial_loss(validity, valid)",
            "features = discriminator.conv_blocks\n"
            "        g_loss = absolute_feature_matching(features(gen_imgs), features(real_imgs))",
        ),
    ),
    "K classes, the rest of the paper": (
        imports("from convergan.objectives import supervised_loss, unsupervised_loss"),
        (", nn.Softmax(dim=1)", ""),
        ("num_classes + 1)", "num_classes)"),
        (
            "d_loss = (d_real_loss + d_fake_loss) / 4",
            "d_loss = supervised_loss(real_aux, labels[chosen])\n"
            "        d_loss += unsupervised_loss(real_aux, fake_aux)",
        ),
        ("auxiliary_loss(real_aux, labels[chosen])", "0"),
        ("auxiliary_loss(fake_aux, fake_aux_gt)", "0"),
    ),
    "historical averaging": HISTORY,
}
CRITIC = "            nn.Linear(32, 1),\n"
WGAN_GP: Mapping[str, Edits] = {
    "nothing": (),
    "virtual batch normalisation": (
        VIRTUAL,
        ("nn.BatchNorm1d(64, 0.8)", "VirtualBatchNorm(64)"),
        (OPTIMIZER, "    hold_reference(generator, torch.randn(8, latent_dim))\n" + OPTIMIZER),
    ),
    "minibatch discrimination": (
        KERNELS,
        (CRITIC, "            MinibatchDiscrimination(32, 8, 4),\n            nn.Linear(40, 1),\n"),
    ),
    "minibatch standard deviation": (
        imports("from convergan.layers import MinibatchStddev"),
        (CRITIC, "            MinibatchStddev(),\n            nn.Linear(33, 1),\n"),
    ),
    "Gaussian noise": (
        imports("from convergan.layers import GaussianNoise"),
        ("            nn.Linear(64, 32),", "            GaussianNoise(0.1), nn.Linear(64, 32),"),
    ),
    "weight normalisation": (
        imports("from convergan.layers import weight_norm"),
        (CRITIC, "            weight_norm(nn.Linear(32, 1)),\n"),
    ),
    "packing of two": (
        imports("from convergan.networks import PackedDiscriminator"),
        (
            "            nn.Linear(64, 64),\n            nn.LeakyReLU(0.2, inplace=True),\n"
            "            nn.Linear(64, 32)",
            "            nn.Linear(128, 64),\n            nn.LeakyReLU(0.2, inplace=True),\n"
            "            nn.Linear(64, 32)",
        ),
        ("Generator(), Discriminator()", "Generator(), PackedDiscriminator(Discriminator(), 2)"),
    ),
    "top-k": (
        imports("from convergan.objectives import logit_realness, top_k_loss"),
        (
            "g_loss = -discriminator(fake_imgs).mean()",
            "judged = discriminator(fake_imgs).flatten()\n"
            "            g_loss = top_k_loss(-judged, logit_realness(judged), 8)",
        ),
    ),
    "historical averaging": HISTORY,
}


def of_dcgan(module: ModuleType, steps: int) -> torch.nn.Module:
    torch.manual_seed(0)
    images = torch.randint(256, (40, 3, 28, 28), dtype=torch.uint8)
    generator: torch.nn.Module = module.train(images, steps, 0, batch_size=8)
    return generator


def of_sgan(module: ModuleType, steps: int) -> torch.nn.Module:
    torch.manual_seed(0)
    images, labels = torch.rand(40, 1, 16, 16) * 2 - 1, torch.arange(40) % 10
    generator: torch.nn.Module = module.train(images, labels, steps)
    return generator


def of_wgan_gp(module: ModuleType, steps: int) -> torch.nn.Module:
    torch.manual_seed(0)
    generator: torch.nn.Module = module.train(torch.rand(40, 1, 8, 8) * 2 - 1, steps)
    return generator


Train = Callable[[ModuleType, int], torch.nn.Module]
SCRIPTS: Mapping[str, tuple[Path, Mapping[str, Edits], Train, tuple[int, ...]]] = {
    "DCGAN": (dcgan.SCRIPT, dcgan.TECHNIQUES, of_dcgan, (100, 1, 1)),
    "SGAN": (HERE / "sgan.py", SGAN, of_sgan, (20,)),
    "WGAN-GP": (HERE / "wgan_gp.py", WGAN_GP, of_wgan_gp, (20,)),
}
every = pytest.mark.parametrize(
    ("script", "technique"),
    [(script, technique) for script, found in SCRIPTS.items() for technique in found[1]],
)


def weights(network: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.slow
@every
def test_it_trains_and_its_samples_follow_its_mode(script: str, technique: str) -> None:
    file, techniques, train, latent = SCRIPTS[script]
    module = as_module(file, techniques[technique])
    generator, longer = train(module, 2), train(module, 4)
    assert weights(longer).isfinite().all()
    assert not torch.equal(weights(generator), weights(longer))
    noise = torch.randn(6, *latent)
    one, other = longer.eval()(noise), longer(noise)
    assert torch.equal(one, other) and one.shape[0] == 6 and one.abs().max() <= 1


@pytest.mark.slow
@every
def test_it_does_something_else_than_the_plain_script(script: str, technique: str) -> None:
    file, techniques, train, _ = SCRIPTS[script]
    plain = train(as_module(file, ()), 3)
    found = train(as_module(file, techniques[technique]), 3)
    same = weights(plain).shape == weights(found).shape and torch.equal(
        weights(plain), weights(found)
    )
    assert same == (technique == "nothing")
