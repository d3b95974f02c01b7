"""Time and memory of the statistics that generators are judged by, against the plain ways.

``python -m bench.metrics [--rows 20000] [frechet] [inception] [prdc]``, one thread, seconds of the
process, each part in a process of its own; all three if none is named.

* ``frechet``: two sets of 10,000 random features, 2,048 wide: the distance from their moments,
  against `scipy.linalg.sqrtm` of the product of the covariances; then 1,000 rows, where the
  covariance is singular and the slower way is taken.
* ``inception``: 50,000 x 1,008 logits in batches of 100, added to `InceptionSums`, against keeping
  all rows and one expression in float32, as is usual, and in float64; and against a float64 loop
  over the rows. Making the logits is not counted.
* ``prdc``: precision, recall, density and coverage of ``--rows`` x 2,048 random features. The peak
  is that of the process, with torch and both sets in it.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from bench.minibatch import peak
from convergan.metrics import FeatureMoments, InceptionSums, frechet_distance, precision_recall

WIDTH = 2048
ROWS, CLASSES, SPLITS, BATCH = 50_000, 1008, 10, 100


@dataclass
class Clock:
    """Seconds of the process since the last reset."""

    started: float = field(default_factory=time.process_time)

    def lap(self) -> float:
        """Seconds since the last call; the next begins now."""
        now = time.process_time()
        passed, self.started = now - self.started, now
        return passed


def features(rows: int, seed: int) -> FeatureMoments:
    """Moments of correlated features; singular values of the mixing from 1 down to 0.01."""
    chance = torch.Generator().manual_seed(seed)
    scales = torch.logspace(0, -2, WIDTH)
    turn = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=chance)).Q
    moments = FeatureMoments(WIDTH)
    for size in [500] * (rows // 500):
        moments.update((torch.randn(size, WIDTH, generator=chance) * scales) @ turn)
    return moments


def frechet(rows: int) -> None:
    a, b = features(10_000, 0), features(10_000, 1)
    clock = Clock()
    ours = frechet_distance(a, b)
    seconds = clock.lap()
    first, second = a.covariance.numpy(), b.covariance.numpy()
    clock.lap()
    shared = np.trace(scipy.linalg.sqrtm(first @ second)).real
    gap = float((a.mean - b.mean).square().sum())
    theirs = gap + np.trace(first) + np.trace(second) - 2 * shared
    usual = clock.lap()
    print(
        f"frechet    ours {seconds:6.2f} s  sqrtm {usual:6.2f} s  ratio {usual / seconds:5.2f}  "
        f"values {ours:.9f} and {theirs:.9f}, apart {abs(ours - theirs):.1e}",
        flush=True,
    )
    a, b = features(1000, 2), features(1000, 3)
    clock.lap()
    frechet_distance(a, b)
    print(f"frechet    of singular covariances {clock.lap():6.2f} s", flush=True)


def batches() -> Iterator[Tensor]:
    chance = torch.Generator().manual_seed(0)
    for _ in range(ROWS // BATCH):
        yield 3 * torch.randn(BATCH, CLASSES, generator=chance)


def plain_score(logits: Tensor) -> float:
    """All rows in memory, one expression a split; not a number once a probability is 0."""
    p, log_p = logits.softmax(dim=1), logits.log_softmax(dim=1)
    scores = [
        (q * (log_q - q.mean(dim=0, keepdim=True).log())).sum(dim=1).mean().exp()
        for q, log_q in zip(p.chunk(SPLITS), log_p.chunk(SPLITS), strict=True)
    ]
    return float(torch.stack(scores).mean())


def loop_score() -> float:
    """Split by split and row by row in float64."""
    rows = torch.cat(list(batches())).numpy()
    scores = []
    for part in np.split(rows, SPLITS):
        p = np.empty(part.shape)
        for i, row in enumerate(part.astype(np.float64)):
            likelihood = np.exp(row - row.max())
            p[i] = likelihood / likelihood.sum()
        marginal = p.mean(axis=0)
        scores.append(np.exp(np.mean([(row * np.log(row / marginal)).sum() for row in p])))
    return float(np.mean(scores))


def inception_ours() -> tuple[float, float]:
    sums, seconds = InceptionSums(ROWS, SPLITS, CLASSES), 0.0
    for number, logits in enumerate(batches()):
        clock = Clock()
        sums.update(number * BATCH, logits=logits)
        seconds += clock.lap()
    clock = Clock()
    score = sums.score().mean
    return score, seconds + clock.lap()


def inception_plain(dtype: torch.dtype) -> tuple[float, float]:
    kept = list(batches())
    clock = Clock()
    return plain_score(torch.cat(kept).to(dtype)), clock.lap()


def one_inception(way: str) -> None:
    plain_score(torch.zeros(100, 10))  # so that the first use of torch is not in the growth
    before = peak()
    dtypes = {"float32": torch.float32, "float64": torch.float64}
    score, seconds = inception_plain(dtypes[way]) if way in dtypes else inception_ours()
    print(score, seconds, peak() - before)


def inception(rows: int) -> None:
    exact, found = loop_score(), {}
    for way in ("ours", "float32", "float64"):
        found[way] = [float(word) for word in call(f"one_inception({way!r})").split()]
        score, seconds, growth = found[way]
        print(
            f"inception  {way:8} {seconds:6.2f} s  {seconds / found['ours'][1]:5.2f} of ours  "
            f"peak + {growth / 1024:7.1f} MiB  {growth / found['ours'][2]:6.1f} of ours  "
            f"off the loop {abs(score / exact - 1):.1e}",
            flush=True,
        )


def prdc(rows: int) -> None:
    chance = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, rows, WIDTH, generator=chance)
    before, clock = peak(), Clock()
    found = precision_recall(real=real, fake=fake, neighbors=5)
    print(
        f"prdc       {rows:,} x {WIDTH:,}: {clock.lap():.0f} s, peak {peak() / 1024:.0f} MiB, "
        f"{before / 1024:.0f} MiB before\n           {found}",
        flush=True,
    )


def call(expression: str) -> str:
    """What an expression of this file prints in a process of its own."""
    script = f"import torch; torch.set_num_threads(1); from bench.metrics import *; {expression}"
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    done.check_returncode()
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], "frechet", "inception", "prdc"])
    parser.add_argument("--rows", type=int, default=20_000)
    arguments = parser.parse_args()
    for part in arguments.parts or ("frechet", "inception", "prdc"):
        print(call(f"{part}({arguments.rows})"), end="", flush=True)


if __name__ == "__main__":
    main()
