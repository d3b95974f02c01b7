"""Work on batches that processes share: scores, tests and samples are those of one process."""

import json
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from PIL import Image
from torch import Tensor

from convergan.cli.main import main
from convergan.collective import ALONE, Ranks
from convergan.collective.ranks import DistributedRanks
from convergan.core.progress import Progress
from convergan.data import DataError, ImageFiles, ImageRows, load, to_unit_range
from convergan.metrics import find_extractor
from convergan.recipes import find_recipe
from convergan.runs.reading import draw_run_rows
from convergan.runs.run import run
from convergan.runs.settings import Settings
from convergan.scoring.files import write_scores
from convergan.scoring.score import score_images
from convergan.scoring.sources import Sets
from convergan.scoring.values import ScoreSettings
from convergan.training import draw_samples, predict_probabilities
from tests.collective.commands import Launched
from tests.collective.processes import in_processes
from tests.collective.small_runs import small_run

pytestmark = pytest.mark.slow

Found = TypeVar("Found")
PLAN = ScoreSettings(metrics=("is", "kid", "prdc"), splits=3, batch_size=16)
SIZE = 3


def everything(ranks: DistributedRanks, found: dict[str, Tensor], *, folder: Path) -> None:
    """Do all that is shared, in this process alone and with the others."""
    torch.set_default_dtype(torch.float32)
    for who, name in ((ALONE, "one"), (ranks, "three")):
        if ranks.leads or who.size > 1:
            score(who, folder, folder / name)
            found |= {f"{name}/{what}": rows for what, rows in judged(who).items()}
            found[f"{name}/samples of the run"] = draw_run_rows(folder / "run", 450, 1, ranks=who)
    (folder / "samples" / "55.png").write_text("not an image")
    with pytest.raises(DataError, match="more than 1% of 60 images are unreadable: 05.png.*55.png"):
        score(ranks, folder, folder / "refused")
    other = ImageRows(torch.full((20, 1, 8, 8), ranks.rank / 10), "other in each process")
    with pytest.raises(
        ValueError, match="^hash of samples is not the same in process 0 and 1: start all"
    ):
        last(score_images(Sets(other, other, other, ""), find_extractor("mnist"), PLAN, ranks))


def last(events: Generator[Progress, None, Found]) -> Found:
    while True:
        try:
            next(events)
        except StopIteration as end:
            result: Found = end.value
            return result


def score(ranks: Ranks, folder: Path, out: Path) -> None:
    """Score 4 batches, one with a bad file, against 7 and 2, which are fewer than processes."""
    digits = to_unit_range(load("digits").train.images[:120])
    samples, extractor = ImageFiles(folder / "samples"), find_extractor("mnist")
    sets = Sets(samples, ImageRows(digits[:100], "a"), ImageRows(digits[100:], "b"), "test rows")
    scores = last(score_images(sets, extractor, PLAN, ranks))
    assert (scores is not None) == ranks.leads
    if scores is not None:
        write_scores(out, sets, extractor, PLAN, scores, ("samples", "digits"))


def judged(ranks: Ranks) -> dict[str, Tensor]:
    """Return what a run's discriminator says of rows, and what its generator makes."""
    recipe, dataset = small_run("digits", 10)
    cpu = torch.device("cpu")
    state = recipe.start(dataset.train.images, len(dataset.classes), seed=0, device=cpu)
    return {
        f"{batch_size} at a time/{what}": rows
        for batch_size in (10, 40)
        for what, rows in (
            (
                "probabilities",
                predict_probabilities(
                    state.discriminator.network,
                    {},
                    dataset.train.images[:70],
                    device=cpu,
                    batch_size=batch_size,
                    ranks=ranks,
                ),
            ),
            (
                "samples",
                draw_samples(
                    state.generator.network,
                    {},
                    65,
                    batch_size=batch_size,
                    chance=torch.Generator().manual_seed(0),
                    ranks=ranks,
                ),
            ),
        )
    }


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Tensor]]]:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "samples").mkdir()
    digits = load("digits").train.images[200:260, 0].numpy()
    for number, pixels in enumerate(digits):
        Image.fromarray(pixels).save(folder / "samples" / f"{number:02}.png")
    (folder / "samples" / "05.png").write_text("not an image")
    settings = Settings(recipe="toy", data="ring", labels=0, seed=0, steps=2, device="cpu")
    list(run(find_recipe("toy"), load("ring"), settings, folder / "run"))
    return folder, in_processes(partial(everything, folder=folder), SIZE, folder / "processes")


def without_times(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "score.json").read_text())
    assert found.pop("seconds") and found.pop("environment")
    return found


def test_scores_of_three_processes_are_those_of_one_to_the_bit(
    shared: tuple[Path, list[dict[str, Tensor]]],
) -> None:
    folder, _ = shared
    one, three = folder / "one", folder / "three"
    assert without_times(one) == without_times(three)
    assert "05.png (not an image)" in (three / "score.json").read_text()
    for picture in ("nearest", "classes", "memorised"):
        assert (one / f"{picture}.png").read_bytes() == (three / f"{picture}.png").read_bytes()
    assert not (folder / "refused").exists()


def test_what_is_tested_and_drawn_in_a_run_is_that_of_one_process_to_the_bit(
    shared: tuple[Path, list[dict[str, Tensor]]],
) -> None:
    _, processes = shared
    names = [name.removeprefix("one/") for name in processes[0] if name.startswith("one/")]
    assert len(names) == 5
    for found in processes:
        for name in names:
            assert torch.equal(found[f"three/{name}"], processes[0][f"one/{name}"]), name


# --- the command ---------------------------------------------------------------------------------

SCORE = (
    "score",
    "--against",
    "digits",
    "--metrics",
    "is,prdc",
    "--device",
    "cpu",
    "--threads",
    "1",
)
SLOW = """
import os
import signal
import time
from pathlib import Path

def killed(images):
    if os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    return slow(images)

def slow(images):
    rows = images.flatten(1)
    if os.environ["RANK"] == "1":
        return rows / 0
    with Path("batches.txt").open("a") as seen:
        seen.write("one ")
    time.sleep(0.2)
    return rows
"""


def test_two_processes_write_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("digits", "--extractor", "mnist", "--samples", "60", "--rows", "90", "--best", "0.1")
    monkeypatch.setattr(sys, "argv", ["convergan", *SCORE, *options, "--out", "one"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    command = Launched(2, *options, "--out", "two", folder=tmp_path, command=SCORE)
    codes, lines = command.codes_and_lines()
    assert codes == [0, 0] and all(line.startswith("0: ") for line in lines), lines
    assert without_times(tmp_path / "one") == without_times(tmp_path / "two")
    for file in ("best.npz", "best.png", "memorised.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_disk_that_refuses_the_figures_ends_all_with_its_code(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    options = ("digits", "--extractor", "mnist", "--rows", "90", "--out", "taken")
    codes, lines = Launched(2, *options, folder=tmp_path, command=SCORE).codes_and_lines()
    assert codes == [74, 74]
    [printed] = [line for line in lines if "convergan: " in line]
    assert printed.startswith("0: ") and "taken" in printed


def test_what_one_process_refuses_ends_all_soon_with_its_code_and_line(tmp_path: Path) -> None:
    (tmp_path / "judges.py").write_text(SLOW)
    (tmp_path / "batches.txt").touch()  # on a busy machine rank 0 may not come to its first
    options = ("digits", "--extractor", "judges.py:slow", "--samples", "400", "--batch-size", "4")
    codes, lines = Launched(2, *options, folder=tmp_path, command=SCORE).codes_and_lines()
    assert codes == [2, 2]
    printed = [line for line in lines if "features of" not in line]
    assert len(printed) == 1, printed
    assert printed[0].startswith("0: convergan: extractor judges.py:slow[sha256 ")
    assert printed[0].endswith("features that are not finite, the first for image 0 of the batch")
    assert len((tmp_path / "batches.txt").read_text().split()) < 40  # of 50
    assert not (tmp_path / "scores").exists()


def test_a_process_that_is_killed_is_missed_long_before_the_others_need_its_rows(
    tmp_path: Path,
) -> None:
    (tmp_path / "judges.py").write_text(SLOW)
    (tmp_path / "batches.txt").touch()
    options = ("digits", "--extractor", "judges.py:killed", "--samples", "400", "--batch-size", "4")
    codes, lines = Launched(2, *options, folder=tmp_path, command=SCORE).codes_and_lines()
    assert codes == [75, -9]
    [printed] = [line for line in lines if "convergan: " in line]
    assert printed.startswith("0: convergan: lost process 1 of 2, ")
    assert printed.endswith("; start the same command again")
    assert len((tmp_path / "batches.txt").read_text().split()) < 40  # of 50
