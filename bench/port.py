"""A straightforward port of the paper's MNIST script, to hold the recipes against.

``python -m bench.port OUT --seconds 600`` trains, on the labels of ``convergan train mnist
--labels 100 --seed 0``, what a reader of the paper writes first, and what public ports have: the
networks of section 6.1 in torch's own layers, a pass of the discriminator for each of the three
batches, Adam as torch has it (epsilon 1e-8 beside the root), no start from data, all gains trained,
the last weights tested. Its generator ends in softplus, as in the port that reports the most; the
paper's sigmoid is ``--output sigmoid``. Writes step, seconds and test error to OUT/metrics.jsonl,
as a run does; `bench.curves` draws them together.
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus
from torch.nn.utils.parametrizations import weight_norm

from convergan.data import Dataset, draw_labeled_subset, load

BATCH, TEST_EVERY = 100, 250
OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {"softplus": softplus, "sigmoid": torch.sigmoid}


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = (784, 1000, 500, 250, 250, 250)
        self.hidden = nn.ModuleList(weight_norm(nn.Linear(i, o)) for i, o in pairwise(widths))
        self.output = weight_norm(nn.Linear(250, 10))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        noise = 0.3 if self.training else 0.0
        features = x
        for layer in self.hidden:
            features = layer(x + noise * torch.randn_like(x)).relu()
            x, noise = features, 0.5 if self.training else 0.0
        return features, self.output(x + noise * torch.randn_like(x))


class Generator(nn.Module):
    def __init__(self, output: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(100, 500), nn.BatchNorm1d(500), nn.Softplus()),
            *(nn.Linear(500, 500), nn.BatchNorm1d(500), nn.Softplus()),
            weight_norm(nn.Linear(500, 784)),
        )
        self.output = output

    def forward(self, latent: Tensor) -> Tensor:
        return self.output(self.layers(latent))


def error(network: Discriminator, dataset: Dataset) -> float:
    network.eval()
    with torch.no_grad():
        _, logits = network(dataset.test.images[:].flatten(1) / 255)
    network.train()
    return float((logits.argmax(dim=1) != dataset.test.labels).double().mean())


def train(dataset: Dataset, output: Callable[[Tensor], Tensor], seconds: float, log: Path) -> None:
    rows = dataset.train.images[:].flatten(1) / 255
    labeled, labels = draw_labeled_subset(dataset.train.labels, 100, dataset.classes, 0)
    judge, maker = Discriminator(), Generator(output)
    adam = [torch.optim.Adam(n.parameters(), lr=0.003, betas=(0.5, 0.999)) for n in (judge, maker)]
    started, step = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        known = torch.randint(len(labels), (BATCH,))
        real, matching = (rows[torch.randint(len(rows), (BATCH,))] for _ in range(2))

        supervised = cross_entropy(judge(rows[labeled[known]])[1], labels[known])
        real_sums = judge(real)[1].logsumexp(dim=1)
        fake_sums = judge(maker(torch.rand(BATCH, 100)).detach())[1].logsumexp(dim=1)
        unsupervised = (softplus(-real_sums).mean() + softplus(fake_sums).mean()) / 2
        adam[0].zero_grad()
        (supervised + unsupervised).backward()  # type: ignore[no-untyped-call]
        adam[0].step()

        fakes, reals = judge(maker(torch.rand(BATCH, 100)))[0], judge(matching)[0].detach()
        adam[1].zero_grad()
        apart = (fakes.mean(dim=0) - reals.mean(dim=0)).square().mean()
        apart.backward()
        adam[1].step()

        step += 1
        if step % TEST_EVERY == 0:
            line = {"step": step, "seconds": round(time.perf_counter() - started, 1)}
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line | {"test_error": error(judge, dataset)}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--output", choices=OUTPUTS, default="softplus")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    chosen.out.mkdir(parents=True)
    dataset = load("ylecun/mnist")
    train(dataset, OUTPUTS[chosen.output], chosen.seconds, chosen.out / "metrics.jsonl")


if __name__ == "__main__":
    main()
