"""Row 12: one seed is one hash, however images are decoded and whatever is measured."""

import os
import random
import signal
import tempfile
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from convergan.core.progress import Progress
from convergan.data import Streaming, load
from convergan.data.streamed import StreamedImages

from .children import code_of
from .modes import Mode, modes
from .rows import Row, Trial
from .training import final_hash, said, train

IMAGES, SIDE, STEPS = 120, 12, 20
WORKERS = (0, 2, 4)


def _write_images(folder: Path) -> None:
    """Write JPEG files of several sizes and two classes."""
    chance = np.random.default_rng(0)
    for number in range(IMAGES):
        file = folder / "labeled" / "ab"[number % 2] / f"{number:03d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        size = (int(chance.integers(12, 40)), int(chance.integers(12, 40)), 3)
        pixels = chance.integers(0, 128, size, dtype=np.uint8) + 128 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(file, quality=90)


def _mode(evaluate_every: int) -> Mode:
    [semi] = [mode for mode in modes() if mode.name == "semi-supervised"]
    recipe = replace(semi.recipe, side=SIDE, evaluate_every=evaluate_every)
    settings = replace(semi.settings, data="images", labels=20, steps=STEPS)
    return Mode(semi.name, recipe, settings)


@cache
def _calm() -> "tuple[tempfile.TemporaryDirectory[str], str]":
    """Write the images and train on them in memory; return where they are, and the hash."""
    place = tempfile.TemporaryDirectory(prefix="faults-")
    images, folder = Path(place.name) / "images", Path(place.name) / "calm"
    _write_images(images)
    code = train(_mode(20), folder, dataset=load(str(images), SIDE))
    assert code == 0, said(folder)
    return place, final_hash(folder)


def perform(trial: int, place: Path) -> Trial:
    """Train with one number of workers, perhaps a stop, and then another number."""
    chance = random.Random(trial)
    kept, calm = _calm()
    images = Path(kept.name) / "images"
    workers, then = WORKERS[trial % 3], chance.choice(WORKERS)
    ahead, measured, stop = trial % 2 == 0, trial % 4 < 2, chance.randrange(1, STEPS)
    mode = _mode(1 if measured else 1000)
    folder = place / "run"

    def body(count: int, at: int | None) -> int:
        dataset = load(str(images), SIDE, streaming=Streaming(count))

        def watch(event: Progress) -> None:
            if event.step == at:
                os.kill(os.getpid(), signal.SIGTERM)

        with nullcontext() if ahead else patch.object(StreamedImages, "prefetch"):
            return train(mode, folder, watch=watch, dataset=dataset)

    first = code_of(partial(body, workers, stop))
    code = code_of(partial(body, then, None)) if first == 128 + signal.SIGTERM else first
    injected = (
        f"{workers} workers to step {stop}, then {then}, "
        f"{'' if ahead else 'not '}ahead, {'' if measured else 'not '}measured"
    )
    if code:
        return Trial(injected, 1, f"it ended with {code}: {said(folder)[-1:]}")
    return Trial(injected, 1, "" if final_hash(folder) == calm else "it ended in another state")


DETERMINISM = Row(
    number=12,
    fault="images in memory or streamed, workers 0/2/4, ahead or not, measured or not, a stop",
    holds="one hash",
    ci=6,
    full=200,
    perform=perform,
)
