"""Scalars and sample grids to TensorBoard, Weights & Biases and trackio.

A logger is a callback of `convergan.training.train` and of `convergan.runs.run.run`, and can be
called by itself. Each holds what its package gave: a writer or a run.
"""

import importlib
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..core.pictures import sample_picture
from ..core.progress import Progress


class Logger(ABC):
    """What takes figures and pictures, by step.

    Attributes:
        name: for messages.
    """

    name: str = "logger"

    def __call__(self, progress: Progress) -> None:
        """Log the figures of a step, as ``METHOD/NAME``, and its picture if it has one."""
        found = {f"{progress.method}/{n}": v for n, v in progress.metrics.items()}
        found = {n: float(v) for n, v in found.items() if isinstance(v, int | float | Tensor)}
        self.figures(found, progress.step)
        if progress.picture is not None:
            with Image.open(progress.picture) as image:
                self.picture(f"{progress.method}/samples", image.convert("RGB"), progress.step)

    def samples(self, rows: Tensor, step: int, name: str = "samples") -> None:
        """Log a grid of images (N, C, H, W) in [0, 1], or points of the plane (N, 2)."""
        with Image.open(io.BytesIO(sample_picture(rows.detach().cpu()))) as image:
            self.picture(name, image.convert("RGB"), step)

    @abstractmethod
    def figures(self, values: Mapping[str, float], step: int) -> None:
        """Log figures by name."""

    @abstractmethod
    def picture(self, name: str, image: Image.Image, step: int) -> None:
        """Log a picture, RGB."""

    @abstractmethod
    def close(self) -> None:
        """Write what waits and end; nothing is logged afterwards."""


class TensorBoard(Logger):
    """Logs to a ``torch.utils.tensorboard.SummaryWriter``."""

    name = "tensorboard"

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def figures(self, values: Mapping[str, float], step: int) -> None:
        """Log figures by name."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()  # by itself it waits two minutes, and a kill would lose them

    def picture(self, name: str, image: Image.Image, step: int) -> None:
        """Log a picture, RGB."""
        self._writer.add_image(name, np.asarray(image), step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Close the writer."""
        self._writer.close()


class WandB(Logger):
    """Logs to a run of Weights & Biases, ``wandb.init(...)``.

    Figures of a method stand over ``METHOD/step``, as wandb's own step must never go back and each
    method counts its own steps.
    """

    name = "wandb"

    def __init__(self, run: Any) -> None:
        self._run = run
        self._image = import_package("wandb").Image
        self._methods: set[str] = set()

    def figures(self, values: Mapping[str, float], step: int) -> None:
        """Log figures by name."""
        self._log(dict(values), step)

    def picture(self, name: str, image: Image.Image, step: int) -> None:
        """Log a picture, RGB."""
        self._log({name: self._image(image)}, step)

    def _log(self, values: dict[str, Any], step: int) -> None:
        methods = {name.rpartition("/")[0] for name in values}
        for method in sorted(methods - self._methods):
            axis = _axis(method)
            self._run.define_metric(axis)
            for name in values:
                self._run.define_metric(f"{method}/*" if method else name, step_metric=axis)
            self._methods.add(method)
        self._run.log(values | {_axis(method): step for method in methods})

    def close(self) -> None:
        """End the run."""
        self._run.finish()


def _axis(method: str) -> str:
    return f"{method}/step" if method else "step"


class Trackio(Logger):
    """Logs to a run of trackio, ``trackio.init(...)``."""

    name = "trackio"

    def __init__(self, run: Any) -> None:
        self._run = run
        self._image = import_package("trackio").Image

    def figures(self, values: Mapping[str, float], step: int) -> None:
        """Log figures by name."""
        self._run.log(dict(values), step=step)

    def picture(self, name: str, image: Image.Image, step: int) -> None:
        """Log a picture, RGB."""
        self._run.log({name: self._image(image)}, step=step)

    def close(self) -> None:
        """End the run."""
        self._run.finish()


PROJECT = "convergan"
"""What runs belong to, unless ``WANDB_PROJECT`` or ``TRACKIO_PROJECT`` says otherwise."""


def open_tensorboard(folder: Path, key: str) -> TensorBoard:
    """Log to event files in ``folder/tensorboard``."""
    import_package("tensorboard")
    module = importlib.import_module("torch.utils.tensorboard")
    return TensorBoard(module.SummaryWriter(str(folder / "tensorboard")))


def open_wandb(folder: Path, key: str) -> WandB:
    """Log to a run named as ``folder``; the same key is the same run."""
    project = os.environ.get("WANDB_PROJECT", PROJECT)
    made = import_package("wandb").init(
        project=project, name=folder.name, id=key, resume="allow", dir=str(folder)
    )
    return WandB(made)


def open_trackio(folder: Path, key: str) -> Trackio:
    """Log to a run named as ``folder`` and the key; the same key is the same run."""
    project = os.environ.get("TRACKIO_PROJECT", PROJECT)
    made = import_package("trackio").init(
        project=project, name=f"{folder.name}-{key}", resume="allow", embed=False
    )
    return Trackio(made)


Open = Callable[[Path, str], Logger]
LOGGERS: Mapping[str, Open] = {
    "tensorboard": open_tensorboard,
    "wandb": open_wandb,
    "trackio": open_trackio,
}
"""What opens a logger, by its name, which is that of its package as well."""


def import_package(name: str) -> Any:
    """Import the package of a logger.

    Raises:
        ValueError: if it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != name:
            raise
        raise ValueError(f"to log to {name}, install it: pip install {name}") from None


def require_logger(name: str) -> None:
    """Require a logger of that name, and its package.

    Raises:
        ValueError: if there is none.
    """
    if name not in LOGGERS:
        raise ValueError(f"there is no logger {name!r}; take {', '.join(LOGGERS)}")
    import_package(name)


class LaterLogger(Logger):
    """A logger of a run's folder, which is opened once there is something to log.

    Args:
        name: of `LOGGERS`.
        folder: of the run, which may not be there yet.
        key: from the folder to the run's key there, asked when it is opened.

    Raises:
        ValueError: as `require_logger`.
    """

    def __init__(self, name: str, folder: Path, key: Callable[[Path], str]) -> None:
        require_logger(name)
        self.name = name
        self._folder = folder
        self._key = key
        self._logger: Logger | None = None

    def _open(self) -> Logger:
        if self._logger is None:
            self._logger = LOGGERS[self.name](self._folder, self._key(self._folder))
        return self._logger

    def figures(self, values: Mapping[str, float], step: int) -> None:
        """Log figures by name."""
        self._open().figures(values, step)

    def picture(self, name: str, image: Image.Image, step: int) -> None:
        """Log a picture, RGB."""
        self._open().picture(name, image, step)

    def close(self) -> None:
        """Close it if it was opened."""
        if self._logger is not None:
            self._logger.close()
