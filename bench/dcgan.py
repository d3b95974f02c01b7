"""Each technique in a DCGAN that is not ours: how many lines it takes, and what it does.

``python -m bench.dcgan OUT`` trains `examples/dcgan.py` and each technique in it on Stacked MNIST,
for equal steps and on the same seeds, and prints a table: lines changed, classes found of 1,000
among 26,000 samples and their divergence from the data in nats. What OUT has is not trained again.
``--show NAME`` prints a technique as a diff.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import torch

from convergan.data import Rows, load
from convergan.metrics import load_classifier, stacked_coverage

from .edits import Edits, as_module, diff, lines_changed

SCRIPT = Path(__file__).parents[1] / "examples" / "dcgan.py"
SAMPLES = 26_000
SEED = attrgetter("seed")


def _import(what: str, package: str) -> tuple[str, str]:
    line = "from convergan.metrics import load_classifier, stacked_coverage\n"
    return line, line + f"from convergan.{package} import {what}\n"


LAST = """            nn.Conv2d(ndf * 2, 1, 7, 1, 0, bias=False),
            nn.Sigmoid(),
"""
SIGMOID = "            nn.Sigmoid(),\n"
FAKE_LOSS = "        errG = criterion(netD(fake), label)\n"
NOISE = "            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),\n"
TECHNIQUES: Mapping[str, Edits] = {
    "nothing": (),
    "virtual batch normalisation": (
        _import("VirtualBatchNorm, hold_reference", "layers"),
        ("            nn.BatchNorm2d(ngf * 2),", "            VirtualBatchNorm(ngf * 2),"),
        ("            nn.BatchNorm2d(ngf),", "            VirtualBatchNorm(ngf),"),
        (
            "    netD.apply(weights_init)\n",
            "    netD.apply(weights_init)\n    hold_reference(netG, torch.randn(64, nz, 1, 1))\n",
        ),
    ),
    "minibatch discrimination": (
        _import("MinibatchDiscrimination", "layers"),
        (
            LAST,
            "            MinibatchDiscrimination(ndf * 2 * 7 * 7, 50, 5),\n"
            "            nn.Linear(ndf * 2 * 7 * 7 + 50, 1),\n" + SIGMOID,
        ),
    ),
    "minibatch standard deviation": (
        _import("MinibatchStddev", "layers"),
        (
            LAST,
            "            MinibatchStddev(4),\n"
            "            nn.Conv2d(ndf * 2 + 1, 1, 7, 1, 0, bias=False),\n" + SIGMOID,
        ),
    ),
    "packing of two": (
        _import("PackedDiscriminator", "networks"),
        (NOISE, NOISE.replace("nc,", "2 * nc,")),
        ("Generator(), Discriminator()", "Generator(), PackedDiscriminator(Discriminator(), 2)"),
        ("torch.full((batch_size,), real_label)", "torch.full((batch_size // 2,), real_label)"),
    ),
    "feature matching": (
        _import("squared_feature_matching", "objectives"),
        (
            FAKE_LOSS,
            "        features = netD.main[:-2]\n"
            "        errG = squared_feature_matching(features(fake), features(real).detach())\n",
        ),
    ),
    "one-sided label smoothing": (
        ("torch.full((batch_size,), real_label)", "torch.full((batch_size,), 0.9)"),
    ),
    "historical averaging": (
        _import("HistoricalAverage", "objectives"),
        (
            "    for _ in range(steps):\n",
            "    history = HistoricalAverage(netG)\n    for _ in range(steps):\n",
        ),
        (
            FAKE_LOSS,
            "        errG = criterion(netD(fake), label) + 0.01 * history.penalty(netG)\n",
        ),
        (
            "        optimizerG.step()\n",
            "        optimizerG.step()\n        history.update(netG)\n",
        ),
    ),
    "weight normalisation": (
        _import("initialise_from_batch, weight_norm", "layers"),
        (NOISE, "            weight_norm(nn.Conv2d(nc, ndf, 4, 2, 1)),\n"),
        (
            "            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),\n"
            "            nn.BatchNorm2d(ndf * 2),\n",
            "            weight_norm(nn.Conv2d(ndf, ndf * 2, 4, 2, 1)),\n",
        ),
        (
            "    netD.apply(weights_init)\n",
            "    rows = images[:batch_size] / 127.5 - 1\n"
            "    initialise_from_batch(netD, lambda: netD(rows))\n",
        ),
    ),
    "Gaussian noise": (
        _import("GaussianNoise", "layers"),
        (NOISE, "            GaussianNoise(0.3),\n" + NOISE),
    ),
    "top-k": (
        _import("logit_realness, top_k_count, top_k_loss", "objectives"),
        ("    for _ in range(steps):\n", "    for step in range(steps):\n"),
        (
            FAKE_LOSS,
            "        judged = netD(fake)\n"
            "        k = top_k_count(step, batch_size, gamma=0.999, nu=0.75)\n"
            "        errG = top_k_loss(-judged.log(), logit_realness(judged), k)\n",
        ),
    ),
    "relativistic, R1 and R2": (
        _import(
            "r1_penalty, r2_penalty, relativistic_discriminator_loss, relativistic_generator_loss",
            "objectives",
        ),
        ("            nn.BatchNorm2d(ndf * 2),\n", ""),
        (SIGMOID, ""),
        (
            "        errD_real = criterion(netD(real), label)\n        errD_real.backward()\n",
            "        real.requires_grad_()\n",
        ),
        (
            "        label.fill_(fake_label)\n"
            "        errD_fake = criterion(netD(fake.detach()), label)\n"
            "        errD_fake.backward()\n",
            "        seen = fake.detach().requires_grad_()\n"
            "        judged_real, judged_fake = netD(real), netD(seen)\n"
            "        errD = relativistic_discriminator_loss(judged_real, judged_fake)\n"
            "        errD += r1_penalty(judged_real, real) + r2_penalty(judged_fake, seen)\n"
            "        errD.backward()\n",
        ),
        (
            "        label.fill_(real_label)\n" + FAKE_LOSS,
            "        real_logits = netD(real.detach()).detach()\n"
            "        errG = relativistic_generator_loss(real_logits, netD(fake))\n",
        ),
    ),
}


class Trained(NamedTuple):
    """One training.

    Attributes:
        technique: its name.
        seed: of the training.
        found: classes of 1,000.
        kl: divergence of the samples' shares of classes from the data's, in nats.
        seconds: that the training took.
    """

    technique: str
    seed: int
    found: int
    kl: float
    seconds: float


def measure(technique: str, seed: int, steps: int, rows: Rows) -> Trained:
    """Train on Stacked MNIST and count the classes in samples."""
    module, started = as_module(SCRIPT, TECHNIQUES[technique]), time.perf_counter()
    generator = module.train(rows.images[:], steps, seed).eval()
    seconds = time.perf_counter() - started
    torch.manual_seed(seed)
    with torch.no_grad():
        samples = [generator(torch.randn(100, module.nz, 1, 1)) for _ in range(SAMPLES // 100)]
    shares = torch.bincount(rows.labels // 100, minlength=10) / len(rows.labels)
    found = stacked_coverage(load_classifier("mnist"), (torch.cat(samples) + 1) / 2, shares)
    return Trained(technique, seed, found.found, found.kl, seconds)


def table(trained: Sequence[Trained]) -> str:
    """Return a table in Markdown, a line for each technique."""
    lines = [
        "| technique | lines | classes of 1,000, each seed | KL, each seed | seconds |",
        "| --- | --- | --- | --- | --- |",
    ]
    for technique in dict.fromkeys(one.technique for one in trained):
        seeds = sorted((one for one in trained if one.technique == technique), key=SEED)
        found = ", ".join(str(one.found) for one in seeds)
        kl = ", ".join(f"{one.kl:.2f}" for one in seeds)
        seconds = sum(one.seconds for one in seeds) / len(seeds)
        changed = lines_changed(SCRIPT, TECHNIQUES[technique])
        lines.append(f"| {technique} | {changed} | {found} | {kl} | {seconds:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, nargs="?", help="file of results, a line for each")
    parser.add_argument("--show", choices=TECHNIQUES, help="print a technique as a diff")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    if arguments.show:
        print("\n".join(diff(SCRIPT, TECHNIQUES[arguments.show])))
        return
    if arguments.out is None:
        parser.error("name a file for the results, or a technique to --show")
    kept = arguments.out.read_text().splitlines() if arguments.out.exists() else []
    trained = [Trained(**json.loads(line)) for line in kept]
    there = {(one.technique, one.seed) for one in trained}
    wanted = [(technique, seed) for seed in arguments.seeds for technique in TECHNIQUES]
    rows = load("stacked-mnist").train
    for technique, seed in wanted:
        if (technique, seed) not in there:
            trained.append(measure(technique, seed, arguments.steps, rows))
            with arguments.out.open("a") as file:
                file.write(json.dumps(trained[-1]._asdict()) + "\n")
            print(trained[-1], flush=True)
    print(table(trained))


if __name__ == "__main__":
    main()
