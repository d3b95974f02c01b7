"""Time and memory of the metrics against torch-fidelity's, torchmetrics' and scipy's.

Runs in the environment of ``make parity`` alone, which has the peers:
``OMP_NUM_THREADS=1 PYTHONPATH=src .venv-parity/bin/python -m bench.metric_peers``.

Each row is a fresh process, so that no peak is another's. Seconds are those of its thread and leave
out the drawing of inputs. Memory is the growth of resident memory from before the work to its peak
(Linux alone counts that from a moment on): inputs are outside where one call takes them all, and
inside where the work itself keeps them, as peers do with the logits of the inception score.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

SPLITS, CLASSES, BATCH, WIDTH = 10, 1008, 250, 2048

Steps = Iterator[Callable[[], Any]]
"""What is timed, step by step; the last one returns the figure. What lies between is not timed."""


def drawn_logits(rows: int) -> Iterator[Any]:
    """Batches as a network would give them."""
    import torch

    chance = torch.Generator().manual_seed(0)
    for _ in range(0, rows, BATCH):
        yield 3 * torch.randn(BATCH, CLASSES, generator=chance)


def score_ours(rows: int) -> Steps:
    from convergan.metrics import InceptionSums

    sums = InceptionSums(rows, SPLITS, CLASSES)
    for number, logits in enumerate(drawn_logits(rows)):
        yield partial(sums.update, number * BATCH, logits=logits)
    yield lambda: sums.score().mean


def score_torchmetrics(rows: int) -> Steps:
    import torch
    from torchmetrics.image.inception import InceptionScore

    metric = InceptionScore(feature=torch.nn.Identity(), splits=SPLITS)
    for logits in drawn_logits(rows):
        yield partial(metric.update, logits)
    yield lambda: float(metric.compute()[0])


def score_torch_fidelity(rows: int) -> Steps:
    import torch
    from torch_fidelity.metric_isc import isc_features_to_metric

    kept: list[Any] = []
    for logits in drawn_logits(rows):
        yield partial(kept.append, logits)
    yield lambda: isc_features_to_metric(torch.cat(kept), SPLITS)["inception_score_mean"]


def drawn_features(rows: int, *, fake: bool) -> Any:
    """Features that depend on each other, of falling variances; those of fakes a little otherwise.

    The covariances must not share their eigenvectors: of matrices that do, products are easy.
    """
    import torch

    chance = torch.Generator().manual_seed(0)
    mixing = torch.randn(WIDTH, WIDTH, generator=chance) / WIDTH**0.5
    if fake:
        mixing += 0.3 * torch.randn(WIDTH, WIDTH, generator=chance) / WIDTH**0.5
    mixing *= torch.logspace(0, -2, WIDTH)[:, None]
    features = torch.randn(rows, WIDTH, generator=chance)
    for part in torch.split(features, 1000):
        part.copy_(part @ mixing)
    return features


def frechet_ours(rows: int) -> Steps:
    from convergan.metrics import FeatureMoments, frechet_distance

    moments = [FeatureMoments(WIDTH), FeatureMoments(WIDTH)]
    for fake in (False, True):
        moments[fake].update(drawn_features(rows, fake=fake))
    yield lambda: frechet_distance(*moments)


def frechet_torchmetrics(rows: int) -> Steps:
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    network: Any = torch.nn.Identity()
    network.num_features = WIDTH
    metric = FrechetInceptionDistance(feature=network)
    for fake in (False, True):
        metric.update(drawn_features(rows, fake=fake).double(), real=not fake)
    yield lambda: float(metric.compute())


def statistics(rows: int) -> list[dict[str, Any]]:
    from torch_fidelity.metric_fid import fid_features_to_statistics

    features = (drawn_features(rows, fake=fake).double() for fake in (False, True))
    return [fid_features_to_statistics(part) for part in features]


def frechet_torch_fidelity(rows: int) -> Steps:
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    both = statistics(rows)
    yield lambda: fid_statistics_to_metric(*both, False)["frechet_inception_distance"]


def frechet_scipy(rows: int) -> Steps:
    import scipy.linalg

    a, b = statistics(rows)

    def distance() -> float:
        root = scipy.linalg.sqrtm(a["sigma"] @ b["sigma"]).real
        gap = a["mu"] - b["mu"]
        return float(gap @ gap + (a["sigma"] + b["sigma"] - 2 * root).trace())

    yield distance


def precision_ours(rows: int) -> Steps:
    from convergan.metrics import precision_recall

    real, fake = (drawn_features(rows, fake=fake) for fake in (False, True))
    yield lambda: precision_recall(real=real, fake=fake, neighbors=3).precision


def precision_torch_fidelity(rows: int) -> Steps:
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, fake = (drawn_features(rows, fake=fake) for fake in (False, True))
    yield lambda: prc_features_to_metric(fake, real)["precision"]


class Row(NamedTuple):
    """What is measured, at which number of rows, and of which it is the peer."""

    name: str
    steps: Callable[[int], Steps]
    rows: int
    warm_up: int


ROWS = (
    Row("score, ours", score_ours, 50_000, BATCH),
    Row("score, torchmetrics", score_torchmetrics, 50_000, BATCH),
    Row("score, torch-fidelity", score_torch_fidelity, 50_000, BATCH),
    Row("frechet, ours", frechet_ours, 4_096, 0),
    Row("frechet, torchmetrics", frechet_torchmetrics, 4_096, 0),
    Row("frechet, torch-fidelity", frechet_torch_fidelity, 4_096, 0),
    Row("frechet, scipy sqrtm", frechet_scipy, 4_096, 0),
    Row("precision, ours", precision_ours, 10_000, 100),
    Row("precision, torch-fidelity", precision_torch_fidelity, 10_000, 100),
    Row("precision, ours, all rows", precision_ours, 50_000, 100),
)


def memory(field: str) -> float:
    """MiB of this process: ``VmRSS`` now or ``VmHWM`` at its peak."""
    [line] = [s for s in Path("/proc/self/status").read_text().splitlines() if s.startswith(field)]
    return int(line.split()[1]) / 1024


def measure(row: Row) -> dict[str, float]:
    import warnings

    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    for step in row.steps(row.warm_up) if row.warm_up else ():
        step()
    seconds, before, value = 0.0, 0.0, None
    for step in row.steps(row.rows):
        if not before:
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            before = memory("VmRSS")
        started = time.process_time()
        value = step()
        seconds += time.process_time() - started
    assert isinstance(value, float)
    peak = memory("VmHWM")
    return {"seconds": seconds, "growth": peak - before, "peak": peak, "value": value}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="what the names of the rows begin with")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure is not None:
        print(json.dumps(measure(ROWS[chosen.measure])))
        return
    print(f"{'':27}{'rows':>8}{'s':>9}{'MiB':>9}{'peak MiB':>10}{'time x':>8}{'MiB x':>8}  figure")
    ours: dict[str, float] = {}
    for number, row in enumerate(ROWS):
        if not row.name.startswith(chosen.only):
            continue
        command = [sys.executable, "-m", "bench.metric_peers", "--measure", str(number)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(done.stdout)
        ours = found if "ours" in row.name else ours
        print(
            f"{row.name:27}{row.rows:8,}{found['seconds']:9.2f}{found['growth']:9.1f}"
            f"{found['peak']:10.0f}{found['seconds'] / ours['seconds']:8.2f}"
            f"{found['growth'] / max(ours['growth'], 0.1):8.1f}  {found['value']:.9g}",
            flush=True,
        )


if __name__ == "__main__":
    main()
