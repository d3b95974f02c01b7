"""Do scores notice what is wrong with images, and the more, the more there is of it?

``python -m bench.score_sensitivity --threads 1``: rows of one random half of CIFAR-10's training
rows are the reference; rows of the other half are judged as they are (the floor), with Gaussian
noise, blurred, and with some classes alone. Features and logits are those of EfficientNet-Lite0, at
side 128: a third of the cost of 224, for images of side 32. Lines after the table say of each
damage and figure whether every step makes it worse.
"""

import argparse
import itertools
import time

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from convergan.core.chance import derive
from convergan.data import Dataset, load, to_unit_range
from convergan.metrics import (
    Extracted,
    Extractor,
    FeatureMoments,
    extract,
    find_extractor,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
)

NOISE = (0.02, 0.05, 0.1, 0.2)
BLUR = (0.5, 1.0, 2.0)
CLASSES = (5, 2, 1)
WORSE = {"IS": -1, "FID": 1, "KID": 1, "precision": -1, "recall": -1, "density": -1, "coverage": -1}
"""Which way a figure goes where samples are worse."""


def noisy(images: Tensor, deviation: float) -> Tensor:
    noise = torch.randn(images.shape, generator=derive(0, "noise"))
    return (images + deviation * noise).clamp(0, 1)


def blurred(images: Tensor, deviation: float) -> Tensor:
    reach = int(3 * deviation + 1)
    places = torch.arange(-reach, reach + 1.0)
    kernel = (-(places**2) / (2 * deviation**2)).exp()
    kernel /= kernel.sum()
    channels = images.shape[1]
    rows = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    wide = pad(images, [reach] * 4, mode="reflect")
    return conv2d(conv2d(wide, rows, groups=channels), rows.transpose(2, 3), groups=channels).clamp(
        0, 1
    )


def damages(dataset: Dataset, rows: int) -> tuple[Tensor, dict[str, list[tuple[str, Tensor]]]]:
    """Return the reference, and by kind of damage what is judged, mildest first."""
    order = torch.randperm(len(dataset.train.labels), generator=derive(0, "halves"))
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    images = to_unit_range(dataset.train.images[second[:rows]])
    labels = dataset.train.labels[second]
    sets: dict[str, list[tuple[str, Tensor]]] = {"none": [("other half", images)]}
    sets["noise"] = [(f"noise {level:g}", noisy(images, level)) for level in NOISE]
    sets["blur"] = [(f"blur {level:g}", blurred(images, level)) for level in BLUR]
    sets["classes"] = [
        (
            f"{count} of 10 classes",
            to_unit_range(dataset.train.images[second[labels < count][:rows]]),
        )
        for count in CLASSES
    ]
    return to_unit_range(dataset.train.images[first[:rows]]), sets


def see(extractor: Extractor, images: Tensor) -> Extracted:
    parts = [extract(extractor, some) for some in torch.split(images, 100)]
    return Extracted(*(torch.cat(rows) for rows in zip(*parts, strict=True)))


def figures(real: Extracted, fake: Extracted) -> dict[str, float]:
    moments = [FeatureMoments(found.features.shape[1]) for found in (real, fake)]
    for held, found in zip(moments, (real, fake), strict=True):
        held.update(found.features)
    size = min(1000, len(real.features), len(fake.features))
    kernel = kernel_distance(
        real=real.features,
        fake=fake.features,
        subsets=20,
        subset_size=size,
        chance=derive(0, "subsets"),
    )
    prdc = precision_recall(real=real.features, fake=fake.features, neighbors=5)
    return {
        "IS": inception_score(logits=fake.logits).mean,
        "FID": frechet_distance(*moments),
        "KID": 1000 * kernel.mean,
        **prdc._asdict(),
    }


def show(name: str, values: dict[str, float], note: str = "") -> None:
    print(f"{name:18}" + "".join(f"{values[key]:11.3f}" for key in WORSE) + note, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    extractor = find_extractor(f"efficientnet-lite0@{chosen.side}")
    print(extractor.name)
    print(f"{chosen.rows:,} rows each; IS in 10 splits; KID x 1000 of 20 subsets; 5 neighbors")
    reference, sets = damages(load("uoft-cs/cifar10"), chosen.rows)
    real = see(extractor, reference)
    print(f"{'':18}" + "".join(f"{key:>11}" for key in WORSE))
    show(
        "the reference",
        {**dict.fromkeys(WORSE, 0.0), "IS": inception_score(logits=real.logits).mean},
    )
    found: dict[str, list[dict[str, float]]] = {}
    for kind, members in sets.items():
        found[kind] = []
        for name, images in members:
            started = time.perf_counter()
            values = figures(real, see(extractor, images))
            found[kind].append(values)
            show(name, values, f"   {time.perf_counter() - started:.0f} s")
    for kind in ("noise", "blur", "classes"):
        steps = list(itertools.pairwise(found["none"] + found[kind]))
        worse = [
            key
            for key, sign in WORSE.items()
            if all((after[key] - before[key]) * sign > 0 for before, after in steps)
        ]
        print(f"every step of {kind} makes worse: {', '.join(worse) or 'none'}")


if __name__ == "__main__":
    main()
