"""Images a second of a streamed data set, by number of workers, against decoding alone.

``python -m bench.loading`` takes the thousand ImageNet samples at side 128. The floor is one thread
that decodes the same bytes from memory and does nothing else; a loader with N workers can at most
be N times as fast, and no faster than the machine has cores. Prints both, and the share reached.
"""

import argparse
import itertools
import os
import time
from collections.abc import Sequence

import torch

from convergan.data import Batches, Streaming, load
from convergan.data.streamed import StreamedImages, decode_rgb


def decode_rate(images: StreamedImages, side: int, seconds: float) -> float:
    """Return images a second of decoding in one thread, bytes in memory."""
    held = [images.encoded.read(place) for place in range(min(300, len(images)))]
    count, started = 0, time.perf_counter()
    for data in itertools.cycle(held):
        decode_rgb(data, side)
        count += 1
        if time.perf_counter() - started > seconds:
            break
    return count / (time.perf_counter() - started)


def loading_rate(source: str, side: int, workers: int, batch_size: int, seconds: float) -> float:
    """Return images a second of batches in the order of training."""
    rows = load(source, side, streaming=Streaming(workers)).train
    batches = Batches(
        rows.images,
        torch.arange(len(rows.labels)),
        rows.labels,
        batch_size=batch_size,
        seed=0,
        device=torch.device("cpu"),
        kinds=("labeled",),
    )
    batches(1)  # threads have started
    count, started = 0, time.perf_counter()
    for step in itertools.count(2):
        count += len(batches(step).labeled)
        if time.perf_counter() - started > seconds:
            return count / (time.perf_counter() - started)
    raise AssertionError


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="imagenet_sample")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--workers", default="0,1,2,4")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    chosen = parser.parse_args(arguments)
    images = load(chosen.data, chosen.side, streaming=Streaming(2)).train.images
    assert isinstance(images, StreamedImages)
    cores = os.cpu_count() or 1
    floor = decode_rate(images, chosen.side, chosen.seconds)
    print(f"{chosen.data} at side {chosen.side}, {cores} cores")
    print(f"decoding alone, one thread {floor:8.0f} images/s")
    for workers in map(int, chosen.workers.split(",")):
        rate = loading_rate(chosen.data, chosen.side, workers, chosen.batch_size, chosen.seconds)
        most = floor * min(cores, max(1, workers))
        print(
            f"{workers} workers                  {rate:8.0f} images/s, "
            f"{rate / max(1, workers):6.0f} a worker, {rate / most:.0%} of decoding alone"
        )


if __name__ == "__main__":
    main()
