"""Faults where several processes train as one: all decide alike, and what is written is whole."""

import json
import re
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from convergan.collective.ranks import DistributedRanks
from convergan.core.signals import Interrupted, StopRequests
from convergan.data import DataError, Streaming, load
from convergan.data.streamed import StreamedImages
from convergan.recipes import Recipe, find_recipe
from convergan.runs.run import run
from convergan.runs.settings import Settings
from convergan.runs.trainer import Trainer
from convergan.training import NonFiniteError
from faults.modes import mode_of
from faults.non_finite import poisoned_step
from faults.training import final_hash
from tests.collective.processes import in_processes
from tests.collective.small_runs import in_double, small_run
from tests.runs.test_resume import everything_on, job, log_without_times

SIDE = 8
ROWS = 10
"""Of a batch."""


def poisoned(at: tuple[int, ...]) -> tuple[Recipe, partial[dict[str, Tensor]]]:
    """Return a small recipe, and its step with a generator's loss that is no number at times."""
    recipe = replace(small_run("toy", ROWS)[0], judge=None, evaluate_every=4, checkpoint_every=4)
    poison = partial(poisoned_step, step=recipe.step, where="generator's loss", value="nan", at=at)
    return recipe, poison


def skip_together(
    ranks: DistributedRanks,
    found: dict[str, Tensor],
    *,
    folder: Path,
    skip: int,
    roll_back: int,
    stop_at: int | None,
) -> None:
    """Train while one process alone has a loss that is not finite."""
    last = ranks.rank == ranks.size - 1
    recipe, poison = poisoned((3, 4, 8) if last else ())
    dataset = in_double(small_run("toy", ROWS)[1])
    started = replace(
        job(replace(recipe, step=poison), folder, dataset, steps=10),
        ranks=ranks,
        skip=skip,
        roll_back=roll_back,
    )
    requests, ended = StopRequests(), 0
    try:
        for event in Trainer(started, requests).run():
            if last and event.step + 1 == stop_at:
                requests.stop = signal.SIGTERM
    except Interrupted:
        ended = -1
    except NonFiniteError as error:
        assert "generator: the loss is not finite" in str(error)
        ended = int(str(error).split()[1].removesuffix(":"))
    found["ended"] = torch.tensor(ended)


def ends(
    folder: Path, *, name: str, skip: int = 0, roll_back: int = 0, stop_at: int | None = None
) -> list[int]:
    """Return how each of two processes ended: 0 at the end, -1 stopped, else the step refused."""
    work = partial(
        skip_together, folder=folder / name, skip=skip, roll_back=roll_back, stop_at=stop_at
    )
    processes = in_processes(work, 2, folder / f"{name}-{skip}-{roll_back}-{stop_at}")
    return [int(found["ended"]) for found in processes]


def test_all_leave_out_what_is_not_finite_in_one_of_them_and_count_over_a_stop(
    tmp_path: Path,
) -> None:
    assert ends(tmp_path, name="calm", skip=2) == [0, 0]
    result = json.loads((tmp_path / "calm" / "result.json").read_text())
    assert result["skipped_steps"] == 3
    skipped = [line for line in log_without_times(tmp_path / "calm") if "skipped" in line]
    assert [line["step"] for line in skipped] == [3, 4, 8]

    assert ends(tmp_path, name="run", skip=1, stop_at=3) == [-1, -1]
    assert ends(tmp_path, name="run", skip=1) == [4, 4]
    report = json.loads((tmp_path / "run" / "non_finite.json").read_text())
    assert report["step"] == 4
    assert len(report["rows"]["unlabeled"]) == ROWS  # those of all processes
    assert ends(tmp_path, name="run", skip=2) == [0, 0]
    assert final_hash(tmp_path / "run") == final_hash(tmp_path / "calm")


def test_all_go_back_where_one_of_them_is_not_finite_and_go_on_from_a_stop(tmp_path: Path) -> None:
    assert ends(tmp_path, name="run", roll_back=3, stop_at=6) == [-1, -1]
    assert ends(tmp_path, name="run", roll_back=3) == [0, 0]
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert [(r["first"], r["last"]) for r in result["rolled_back"]] == [(1, 3), (1, 4), (1, 8)]


def other_options(ranks: DistributedRanks, found: dict[str, Tensor], *, folder: Path) -> None:
    settings = Settings(recipe="toy", data="ring", labels=0, seed=0, steps=2, device="cpu")
    recipe, dataset = find_recipe("toy"), load("ring")
    with pytest.raises(ValueError, match="--skip-non-finite is not the same in process 0 and 1"):
        list(run(recipe, dataset, settings, folder, skip=ranks.rank, ranks=ranks))


def test_processes_that_would_not_decide_alike_are_refused(tmp_path: Path) -> None:
    in_processes(partial(other_options, folder=tmp_path / "run"), 2, tmp_path / "processes")
    assert not (tmp_path / "run").exists()


# --- images that are decoded when they are asked for ---------------------------------------------


def images(folder: Path) -> Path:
    chance = np.random.default_rng(0)
    for number in range(40):
        split = "test" if number >= 30 else "labeled" if number % 3 else "unlabeled"
        place = folder / split / ("" if split == "unlabeled" else "ab"[number % 2])
        place.mkdir(parents=True, exist_ok=True)
        pixels = chance.integers(0, 256, (9, 7, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number:02d}.png")
    return folder


def stream_together(ranks: DistributedRanks, found: dict[str, Tensor], *, folder: Path) -> None:
    """Train on images in memory, then on the same streamed; count the rows of each prefetch."""
    torch.set_default_dtype(torch.float32)
    recipe = replace(everything_on(), side=SIDE, batch_size=ROWS, neighbors=None)
    recipe = replace(recipe, step=mode_of(1).recipe.step)
    prefetched: list[int] = []
    prefetch = StreamedImages.prefetch

    def counting(images: StreamedImages, rows: Tensor) -> None:
        prefetched.append(len(rows))
        prefetch(images, rows)

    for name, streaming in (("held", None), ("streamed", Streaming(2))):
        dataset = load(str(folder / "images"), SIDE, streaming=streaming)
        started = job(recipe, folder / name, dataset)
        started = replace(started, ranks=ranks, pictures=dataset.train.images)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StreamedImages, "prefetch", counting)
            list(Trainer(started, StopRequests()).run())
    found["prefetched"] = torch.tensor(prefetched)


def test_streamed_images_train_together_as_those_in_memory_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERGAN_CACHE", str(tmp_path / "cache"))
    images(tmp_path / "images")
    processes = in_processes(partial(stream_together, folder=tmp_path), 2, tmp_path / "processes")
    assert final_hash(tmp_path / "streamed") == final_hash(tmp_path / "held")
    assert log_without_times(tmp_path / "streamed") == log_without_times(tmp_path / "held")
    predicted = [(tmp_path / name / "predictions.csv").read_text() for name in ("held", "streamed")]
    assert predicted[0] == predicted[1] and len(predicted[0].splitlines()) == 1 + 10
    for found in processes:  # three kinds of rows, of this step and the next, shared by two
        assert set(found["prefetched"].tolist()) == {3 * 2 * ROWS // 2}


def go_bad_in_one(
    ranks: DistributedRanks, found: dict[str, Tensor], *, folder: Path, bad_at: int
) -> None:
    """Train on images of which each process has its own copies; those of the last one go bad."""
    torch.set_default_dtype(torch.float32)
    recipe = replace(everything_on(), side=SIDE, batch_size=ROWS, neighbors=None)
    recipe = replace(recipe, step=mode_of(1).recipe.step)
    source = folder / f"images-{ranks.rank}"
    dataset = load(str(source), SIDE, streaming=Streaming(2))
    started = replace(job(recipe, folder / "run", dataset), ranks=ranks)
    try:
        for event in Trainer(started, StopRequests()).run():
            if event.step == bad_at and ranks.rank == ranks.size - 1:
                (source / "unlabeled").rename(source / "away")
    except DataError as error:
        lines = re.fullmatch(r"step (\d+): .*png cannot be .* is .*step-(\d+)", str(error))
        assert lines, str(error)
        found["step and saved"] = torch.tensor([int(number) for number in lines.groups()])
    if (source / "away").exists():
        (source / "away").rename(source / "unlabeled")


def test_a_file_that_goes_bad_in_one_of_them_stops_all_before_the_step_with_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERGAN_CACHE", str(tmp_path / "cache"))
    for place in ("calm", "shaken"):
        for rank in range(2):
            images(tmp_path / place / f"images-{rank}")
    never, at = 100, 5
    calm = partial(go_bad_in_one, folder=tmp_path / "calm", bad_at=never)
    assert in_processes(calm, 2, tmp_path / "processes-0") == [{}, {}]
    shaken = partial(go_bad_in_one, folder=tmp_path / "shaken", bad_at=at)
    for process in in_processes(shaken, 2, tmp_path / "processes-1"):
        step, saved = process["step and saved"].tolist()
        assert at < step <= at + 3 and saved == step - 1
    calm = partial(go_bad_in_one, folder=tmp_path / "shaken", bad_at=never)
    assert in_processes(calm, 2, tmp_path / "processes-2") == [{}, {}]
    runs = tmp_path / "calm" / "run", tmp_path / "shaken" / "run"
    assert final_hash(runs[0]) == final_hash(runs[1])
    assert log_without_times(runs[0]) == log_without_times(runs[1])
