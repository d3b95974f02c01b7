"""One run in one folder, from the first step to the table, through any interruption.

The folder holds ``config.json`` (what is run, and its identity), ``labels.csv`` (the rows whose
labels are used), ``metrics.jsonl``, ``checkpoints/``, ``samples/``, ``result.json`` once trained,
and ``baselines.json`` with ``twin/``, the same kind of folder for the supervised twin. Calling
`run` again on a folder goes on where it stopped, or does nothing.
"""

import platform
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from .baselines import BASELINES, Baseline, run_baseline
from ..core.chance import derive
from ..collective import ALONE, Ranks
from ..data import Dataset, LabeledSubset, draw_labeled_subset
from .folder import began_by, claim, held
from ..core.files import read_json
from ..core.pictures import sample_picture
from ..recipes import Recipe, describe_training, find_recipe
from ..core.signals import obeyed
from .trainer import Trainer
from ..training import CheckpointError, checkpoint, draw_samples, supervised_step
from ..core.files import canonical_sha256, replace_file, write_csv, write_json
from ..core.version import __version__

GAN = "GAN"
TWIN = "supervised twin"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command line chooses.

    Attributes:
        recipe: its name.
        data: the source, see `convergan.data.sources`.
        labels: labelled rows over all classes; 0 for none.
        seed: decides labels, weights, order and noise.
        steps: number of the last step.
        device: ``cpu`` or ``cuda``.
        precision: ``float32``, or ``bfloat16`` for matrix products.

    Raises:
        ValueError: if a value is out of range, or the device is not there.
    """

    recipe: str
    data: str
    labels: int
    seed: int
    steps: int
    device: str
    precision: str = "float32"

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision must be float32 or bfloat16, got {self.precision!r}")
        if self.device not in ("cpu", "cuda"):
            raise ValueError(f"device must be auto, cpu or cuda, got {self.device!r}")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device cuda was asked for, but there is none; use cpu or auto")


class Progress(NamedTuple):
    """What a run reports while it goes on.

    Attributes:
        method: at work, for example ``semi-supervised GAN``.
        step: finished steps of it.
        steps: how many there will be; 1 for a method without steps.
        metrics: its newest figures.
        notices: what the user should know, usually nothing.
    """

    method: str
    step: int
    steps: int
    metrics: dict[str, Any]
    notices: tuple[str, ...] = ()


def choose_device(name: str) -> str:
    """Turn ``auto`` into ``cuda`` where there is one, else ``cpu``; keep any other name."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def default_labels(recipe: Recipe, dataset: Dataset) -> int:
    """Return the recipe's number of labels, or every label where there are fewer.

    Also every label where most rows have none, as then they have been chosen.
    """
    known = int((dataset.train.labels >= 0).sum())
    every = known < max(recipe.labels, len(dataset.train.labels) / 2)
    return known if recipe.labels and every else recipe.labels


def run(
    recipe: Recipe,
    dataset: Dataset,
    settings: Settings,
    folder: Path,
    *,
    baselines: bool = True,
    keep: int = 3,
    skip: int = 0,
    roll_back: int = 0,
    ranks: Ranks = ALONE,
) -> Iterator[Progress]:
    """Train, measure and record; go on from the newest checkpoint if there is one.

    Args:
        recipe: what to train.
        dataset: its rows.
        settings: the user's choices; with the recipe and the rows they are the run's identity.
        folder: created if missing.
        baselines: fit the baselines too, on the same labels.
        keep: checkpoints to keep.
        skip: steps in a row that are left out where a loss or gradient is not finite.
        roll_back: times that the run may go back to a checkpoint where more are not finite.
        ranks: the processes that train as one; all call this, rank 0 writes.

    Yields:
        `Progress` after every step and every baseline.

    Raises:
        ValueError: if the folder is in use or another run's, the labels cannot be drawn, or images
            are streamed to a recipe that needs them all at once.
        CheckpointError: if there are checkpoints and none can be used.
        NonFiniteError: if a loss or gradient is not finite; the newest checkpoint is named.
        Interrupted: after SIGINT or SIGTERM, once a checkpoint is written.
    """
    subset = choose_labels(recipe, dataset, settings)
    _require_held(recipe, dataset, settings)
    seen = recipe.see(dataset)
    identity = _identity(recipe, dataset, settings)
    facts = {name: canonical_sha256(part) for name, part in identity.items()}
    facts |= {"--skip-non-finite": str(skip), "--roll-back": str(roll_back)}
    facts["--baselines"] = str(baselines)
    ranks.require_same(facts, "start all with the same command, code and data")
    with held(folder / "config.json") if ranks.leads else nullcontext():
        trainer = partial(
            Trainer,
            dataset=seen,
            pictures=dataset.train.images,
            subset=subset,
            steps=settings.steps,
            seed=settings.seed,
            device=torch.device(settings.device),
            autocast=torch.bfloat16 if settings.precision == "bfloat16" else None,
            identity=canonical_sha256(identity),
            keep=keep,
            skip=skip,
            roll_back=roll_back,
            ranks=ranks,
        )
        if ranks.leads:
            _claim(folder, identity, dataset, seen.row_shape)
            _write_labels(folder / "labels.csv", dataset, subset)
            if dataset.left_out:
                left_out = [("left out",), *((file,) for file in dataset.left_out)]
                write_csv(folder / "left_out.csv", left_out)
        if ranks.leads and (aged := _begun_by_another_version(folder)):
            yield Progress(GAN, 0, settings.steps, {}, (aged,))
        with obeyed() as wishes:
            for event in trainer(recipe=recipe, folder=folder).run(wishes):
                yield Progress(GAN, event.step, settings.steps, event.metrics, event.notices)
            if not (baselines and recipe.classifies and len(dataset.test.labels)):
                return
            twin = replace(
                recipe,
                step=supervised_step,
                takes=("labeled",),
                historical_weight=0.0,
                neighbors=None,
                judge=None,
            )
            for event in trainer(recipe=twin, folder=folder / "twin").run(wishes):
                yield Progress(TWIN, event.step, settings.steps, event.metrics, event.notices)
        if ranks.leads:
            yield from _baselines(seen, subset, folder / "baselines.json")


def choose_labels(recipe: Recipe, dataset: Dataset, settings: Settings) -> LabeledSubset:
    """Draw the labelled rows, or take every label where as many are asked for as there are.

    Raises:
        ValueError: if recipe, rows and number of labels do not go together.
    """
    if bool(recipe.labels) != bool(settings.labels):
        needs = "needs labels" if recipe.labels else "uses no labels"
        raise ValueError(f"recipe {settings.recipe} {needs}, got --labels {settings.labels}")
    labels = dataset.train.labels
    if len(labels) < recipe.batch_size:
        raise ValueError(
            f"recipe {settings.recipe} takes {recipe.batch_size} rows a step, "
            f"the data have {len(labels)}"
        )
    known = (labels >= 0).nonzero().flatten()
    if settings.labels in (0, len(known)):
        rows = known[: settings.labels]
        return LabeledSubset(rows, labels[rows])
    return draw_labeled_subset(labels, settings.labels, dataset.classes, settings.seed)


def _require_held(recipe: Recipe, dataset: Dataset, settings: Settings) -> None:
    """Refuse to stream what would then be held in memory all the same."""
    at_once = recipe.descriptor is not None or recipe.neighbors is not None
    if at_once and not isinstance(dataset.train.images, torch.Tensor):
        raise ValueError(
            f"recipe {settings.recipe} looks at all rows at once, for their descriptors or "
            "neighbors, so they cannot be streamed; leave out --stream, which changes nothing else"
        )


def _baselines(dataset: Dataset, subset: LabeledSubset, file: Path) -> Iterator[Progress]:
    done = [Baseline(**row) for row in read_json(file)] if file.exists() else []
    labels = torch.full_like(dataset.train.labels, -1)
    labels[subset.rows] = subset.labels
    for name in BASELINES:
        if any(row.name == name for row in done):
            continue
        yield Progress(name, 0, 1, {})
        done.append(run_baseline(name, dataset.train.images, labels, dataset.test))
        write_json(file, [asdict(row) for row in done])
        yield Progress(name, 1, 1, asdict(done[-1]))


def table(folder: Path) -> list[Baseline]:
    """Return the rows of a run's table: the trained model first, then what it is compared with."""
    rows = []
    for name, place in ((GAN, folder), (TWIN, folder / "twin")):
        if (place / "result.json").exists():
            result = read_json(place / "result.json")
            note = f"{result['steps']:,} steps"
            rows.append(Baseline(name, result["test_error"], result["seconds"], note))
    if (folder / "baselines.json").exists():
        rows += [Baseline(**row) for row in read_json(folder / "baselines.json")]
    return rows


def draw_run_samples(folder: Path, count: int, draw: int, file: Path) -> Path:
    """Draw samples from the newest checkpoint of a run into a file.

    Args:
        folder: of the run.
        count: rows to draw.
        draw: number of the draw; each gives other samples.
        file: ``.png`` for a grid, ``.npz`` for an array ``samples`` of float32.

    Returns:
        The file.

    Raises:
        ValueError: if ``folder`` is no run, or the file's ending is another.
        CheckpointError: if no checkpoint can be used, or it is of another generator.
    """
    if file.suffix not in (".png", ".npz"):
        raise ValueError(f"samples go to a .png or .npz file, got {file}")
    settings, recipe = _what_ran(read_config(folder))
    if recipe.descriptor is not None and file.suffix == ".png":
        raise ValueError(
            f"recipe {settings.recipe} generates descriptors, which are no pictures: name a .npz "
            "file; the run's samples/ show the training images nearest to them"
        )
    rows = draw_run_rows(folder, count, draw)
    if file.suffix == ".png":
        replace_file(file, sample_picture(rows))
    else:
        np.savez_compressed(file, samples=rows.numpy())
    return file


def draw_run_rows(folder: Path, count: int, draw: int, *, ranks: Ranks = ALONE) -> torch.Tensor:
    """Draw samples from the newest checkpoint of a run, (count, *row shape) on the CPU.

    Arguments and exceptions as for `draw_run_samples`; ``ranks`` are processes who share the work
    and all get the result, that of one alone.
    """
    config = read_config(folder)
    settings, recipe = _what_ran(config)
    found, refused = checkpoint.read_latest(folder / "checkpoints", config_sha256=config["sha256"])
    if found is None:
        raise CheckpointError(f"no usable checkpoint in {folder}: {'; '.join(refused) or 'none'}")
    facts = {"run": config["sha256"], "newest checkpoint": str(found.step)}
    ranks.require_same(facts, f"{folder} must be the same for all, and nobody train in it")
    network = recipe.generator(config["row_shape"], derive(0, "unused"))
    try:
        network.load_state_dict(_below("generator.network.", found.tensors))
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder} has the weights of another generator than that of {settings.recipe} here: "
            f"it is of convergan {config['versions']['convergan']}, this is {__version__}, see "
            "CHANGELOG.md"
        ) from error
    averages = _below("generator.average.value.", found.tensors)
    return draw_samples(
        network.to(settings.device),
        {name: tensor.to(settings.device) for name, tensor in averages.items()},
        count,
        batch_size=recipe.batch_size,
        chance=derive(settings.seed, "samples", draw, device=settings.device),
        ranks=ranks,
    ).cpu()


def _what_ran(config: dict[str, Any]) -> tuple[Settings, Recipe]:
    settings = Settings(**config["settings"] | {"device": choose_device("auto")})
    return settings, find_recipe(settings.recipe)


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def read_config(folder: Path) -> dict[str, Any]:
    """Return what a run folder says of itself.

    Raises:
        ValueError: if it is no run folder.
    """
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} is not the folder of a run: it has no config.json")
    config: dict[str, Any] = read_json(folder / "config.json")
    return config


def _identity(recipe: Recipe, dataset: Dataset, settings: Settings) -> dict[str, Any]:
    """Return what a run is: two with the same of it end alike."""
    return {
        "settings": asdict(settings),
        "recipe": describe_training(recipe),
        "data_sha256": dataset.sha256(),
    }


def _claim(
    folder: Path, identity: dict[str, Any], dataset: Dataset, row_shape: tuple[int, ...]
) -> None:
    """Make ``folder`` this run's, or see that it is."""
    more = {
        "classes": list(dataset.classes),
        "row_shape": list(row_shape),
        "versions": {
            "convergan": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    claim(folder / "config.json", identity, more)


def _begun_by_another_version(folder: Path) -> str:
    """Return what the user should know before such a run goes on, or nothing."""
    began = began_by(read_config(folder))
    if began == __version__ or (folder / "result.json").exists():
        return ""
    return (
        f"this run was begun by convergan {began} and goes on with {__version__}; "
        "CHANGELOG.md says whether steps are still taken as they were"
    )


def _write_labels(file: Path, dataset: Dataset, subset: LabeledSubset) -> None:
    if file.exists():
        return
    lines: list[tuple[Any, ...]] = [("row", "label", "class", "file")]
    names = dataset.train.names
    for row, label in zip(subset.rows.tolist(), subset.labels.tolist(), strict=True):
        lines.append((row, label, dataset.classes[label], names[row] if names else ""))
    write_csv(file, lines)
