"""What trackers get: TensorBoard for real, the others by stand-ins with their signatures."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from convergan.core.progress import Progress
from convergan.training import train
from convergan.training.callbacks import Every, name_of
from convergan.training.loggers import (
    LOGGERS,
    LaterLogger,
    Logger,
    TensorBoard,
    Trackio,
    WandB,
    import_package,
    open_tensorboard,
    open_trackio,
    open_wandb,
    require_logger,
)
from tests.training.own_loop import ADVERSARIAL, own_state

RED = Image.new("RGB", (4, 2), (255, 0, 0))
METRICS = {"generator_loss": torch.tensor(0.5), "error": 0.25, "test_error": None}


def progress(tmp_path: Path, step: int = 50) -> Progress:
    file = tmp_path / "red.png"
    RED.save(file)
    return Progress("GAN", step, 100, METRICS, picture=file)


# --- TensorBoard ---------------------------------------------------------------------------------


def read_events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


@pytest.mark.slow
def test_tensorboard_has_scalars_and_pictures_by_step(tmp_path: Path) -> None:
    logger = open_tensorboard(tmp_path, "key")
    logger(progress(tmp_path, 50))
    logger(progress(tmp_path, 100))
    logger.samples(torch.ones(4, 1, 28, 28), 100)
    events = read_events(tmp_path / "tensorboard")  # before it is closed, as after a kill
    assert events.Tags()["scalars"] == ["GAN/generator_loss", "GAN/error"]
    read = [(event.step, event.value) for event in events.Scalars("GAN/error")]
    assert read == [(50, 0.25), (100, 0.25)]
    assert [(e.step, e.width, e.height) for e in events.Images("GAN/samples")] == [
        (50, 4, 2),
        (100, 4, 2),
    ]
    assert [event.step for event in events.Images("samples")] == [100]
    logger.close()


@pytest.mark.slow
def test_a_writer_of_ones_own_logs_a_loop_of_ones_own(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    logger = TensorBoard(SummaryWriter(str(tmp_path)))
    rows = torch.randn(8, 2)
    list(train(own_state(), ADVERSARIAL, lambda step: rows, steps=5, callbacks=[Every(2, logger)]))
    read = read_events(tmp_path).Scalars("training/generator_loss")
    assert [event.step for event in read] == [2, 4, 5]
    logger.close()


# --- the others ----------------------------------------------------------------------------------


class FakeImage:
    """Takes what both packages' images take first."""

    def __init__(self, data: Any) -> None:
        self.size = data.size


class FakeRun:
    """A run of either package: ``log``, ``define_metric`` and ``finish`` as they have them."""

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.logged: list[tuple[dict[str, Any], int | None]] = []
        self.axes: dict[str, str | None] = {}
        self.finished = False

    def log(self, data: dict[str, Any], step: int | None = None) -> None:
        self.logged.append((data, step))

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.axes[name] = step_metric

    def finish(self) -> None:
        self.finished = True


def fake_package(monkeypatch: pytest.MonkeyPatch, name: str) -> list[FakeRun]:
    runs: list[FakeRun] = []

    def init(**given: Any) -> FakeRun:
        runs.append(FakeRun(**given))
        return runs[-1]

    package = types.ModuleType(name)
    vars(package).update(init=init, Image=FakeImage)
    monkeypatch.setitem(sys.modules, name, package)
    return runs


def test_wandb_counts_the_steps_of_each_method_by_an_axis_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = fake_package(monkeypatch, "wandb")
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    logger = open_wandb(tmp_path / "digits-50-0", "abcd")
    logger(progress(tmp_path))
    [run] = runs
    assert run.given == {
        **{"project": "convergan", "name": "digits-50-0", "id": "abcd", "resume": "allow"},
        "dir": str(tmp_path / "digits-50-0"),
    }
    assert run.axes == {"GAN/step": None, "GAN/*": "GAN/step"}
    figures, picture = run.logged
    assert figures == ({"GAN/generator_loss": 0.5, "GAN/error": 0.25, "GAN/step": 50}, None)
    assert picture[0]["GAN/samples"].size == (4, 2) and picture[0]["GAN/step"] == 50
    logger.figures({"loss": 1.0}, 7)
    assert run.axes["loss"] == "step" and run.logged[-1] == ({"loss": 1.0, "step": 7}, None)
    logger.close()
    assert run.finished


def test_trackio_gets_figures_and_pictures_with_their_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = fake_package(monkeypatch, "trackio")
    monkeypatch.setenv("TRACKIO_PROJECT", "mine")
    logger = open_trackio(tmp_path / "toy-0-0", "abcd")
    logger(progress(tmp_path))
    [run] = runs
    assert run.given == {
        **{"project": "mine", "name": "toy-0-0-abcd", "resume": "allow", "embed": False}
    }
    assert run.logged[0] == ({"GAN/generator_loss": 0.5, "GAN/error": 0.25}, 50)
    assert run.logged[1][0]["GAN/samples"].size == (4, 2) and run.logged[1][1] == 50
    logger.close()
    assert run.finished


# --- which, and when -----------------------------------------------------------------------------


def test_an_unknown_logger_and_a_missing_package_are_one_line() -> None:
    with pytest.raises(ValueError, match="^there is no logger 'mlflow'; take tensorboard, wandb,"):
        require_logger("mlflow")
    with pytest.raises(ValueError, match="^to log to not_there, install it: pip install not_there"):
        import_package("not_there")


@pytest.mark.parametrize("name", LOGGERS)
def test_a_logger_is_asked_for_before_anything_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    with pytest.raises(ValueError, match=f"pip install {name}$"):
        LaterLogger(name, tmp_path / "run", lambda folder: "key")
    assert not (tmp_path / "run").exists()


def test_a_later_logger_opens_at_the_first_step_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = fake_package(monkeypatch, "trackio")
    unused = LaterLogger("trackio", tmp_path, lambda folder: "a")
    unused.close()
    assert runs == []
    used = LaterLogger("trackio", tmp_path, lambda folder: f"of {folder.name}")
    used(progress(tmp_path))
    used.picture("more", RED, 60)
    used.close()
    [run] = runs
    assert run.given["name"] == f"{tmp_path.name}-of {tmp_path.name}"
    assert [step for _, step in run.logged] == [50, 50, 60] and run.finished
    assert name_of(used) == name_of(Every(3, used)) == "trackio"


@pytest.mark.parametrize(
    ("make", "package"), [(TensorBoard, ""), (WandB, "wandb"), (Trackio, "trackio")]
)
def test_pictures_reach_every_logger_as_they_are(
    make: Callable[[Any], Logger], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Seen(FakeRun):
        def add_image(self, name: str, image: Any, step: int, dataformats: str) -> None:
            assert dataformats == "HWC" and np.asarray(image)[0, 0].tolist() == [255, 0, 0]
            self.log({name: RED}, step)

        def flush(self) -> None: ...

    if package:
        fake_package(monkeypatch, package)
    run = Seen()
    make(run).picture("red", RED, 3)
    assert run.logged[0][0]["red"].size == (4, 2)
