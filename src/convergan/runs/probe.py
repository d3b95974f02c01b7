"""Two probes of a finished run: which moments its classifier uses, and how sharp its minimum is.

See `convergan.metrics.gaussian_clones` and `convergan.metrics.sharpness`. Everything goes into
``probe.json``, which the report shows; runs with other batch sizes are folders below ``probe/``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from ..core.chance import derive
from ..core.files import read_json, write_json
from ..core.progress import Progress
from ..data import DataError, Dataset, Rows, to_unit_range
from ..metrics import Moments, gaussian_clones, sharpness
from ..networks import Discriminator
from ..objectives import supervised_loss
from ..recipes import Recipe
from ..training import checkpoint, evaluate
from .reading import GAN, TWIN, read_config, restore, what_ran
from .run import run
from .settings import Settings, choose_labels

FILE = "probe.json"
EPSILONS = (1e-3, 5e-4)
"""Sizes of the box for sharpness, as in the paper."""
DIMENSIONS = 100
"""Of the subspace in which sharpness is measured, as in the paper."""
FEW = 5
"""Checkpoints below which a curve along training is none."""


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What is probed.

    Attributes:
        folder: of the run.
        config: what the run says of itself.
        settings: of the run.
        recipe: of the run.
        dataset: its rows, as the players see them.
    """

    folder: Path
    config: dict[str, Any]
    settings: Settings
    recipe: Recipe
    dataset: Dataset

    def networks(self, place: Path) -> Iterator[tuple[int, Discriminator, dict[str, Tensor]]]:
        """Yield step, classifier, in evaluation mode, and averaged weights of each checkpoint."""
        for folder in sorted((place / "checkpoints").glob("step-*")):
            found = checkpoint.read(folder, config_sha256=self.config["sha256"])
            shape, classes = self.config["row_shape"], len(self.dataset.classes)
            network = self.recipe.make_discriminator(shape, classes, derive(0, "unused"))
            averages = restore(network, "discriminator", found, self.config)
            yield found.step, network.eval(), averages


def probe(
    folder: Path,
    dataset: Dataset,
    *,
    batch_sizes: Sequence[int] = (),
    seed: int = 0,
    allow_changed_code: bool = False,
) -> Iterator[Progress]:
    """Probe a finished run, and the supervised twin where there is one.

    Args:
        folder: of the run.
        dataset: the run's.
        batch_sizes: train the recipe anew with each of them and as many rows in all, that is with
            fewer steps the larger the batch; nothing else is changed.
        seed: decides clones and subspaces.
        allow_changed_code: go on though the user's code is other than that of the run.

    Yields:
        `Progress` of the probes, and of the runs with other batch sizes.

    Raises:
        ValueError: if ``folder`` is no finished run of a classifier, or a batch size is not
            positive.
        DataError: if the data are others than the run's or have no test rows.
        CheckpointError: if a checkpoint cannot be used.
    """
    if wrong := [size for size in batch_sizes if size < 1]:
        raise ValueError(f"batch sizes must be at least 1, got {wrong[0]}")
    probed = _what_is_probed(folder, dataset, allow_changed_code)
    places = {GAN: folder, TWIN: folder / "twin"}
    places = {method: place for method, place in places.items() if place.is_dir()}
    total = 2 * len(places) + len(batch_sizes)
    found: dict[str, Any] = {"seed": seed, "moments": {}, "sharpness": [], "batch_sizes": []}
    clones = _clone(probed.dataset.test, seed)
    for done, (method, place) in enumerate(places.items()):
        yield Progress(f"moments, {method}", done, total, {})
        found["moments"][method] = _errors_on_clones(probed, place, clones)
    for done, (method, place) in enumerate(places.items(), start=len(places)):
        yield Progress(f"sharpness, {method}", done, total, {})
        found["sharpness"] += [{"method": method, **row} for row in _sharpness(probed, place, seed)]
    for size in batch_sizes:
        place = folder / "probe" / f"batch-{size}"
        yield from _train_with_batch(probed, dataset, size, place, allow_changed_code)
        result = read_json(place / "result.json")
        other = replace(probed, folder=place, config=read_config(place))
        figures = {"batch_size": size, "steps": result["steps"]}
        figures |= {name: result[name] for name in ("test_error", "test_error_last")}
        found["batch_sizes"].append({**figures, "sharpness": _sharpness(other, place, seed)})
    write_json(folder / FILE, found)
    yield Progress("probe", total, total, {}, _notices(found["moments"][GAN]))


def _notices(curve: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    if len(curve) >= FEW:
        return ()
    return (
        f"{len(curve)} checkpoints are there, so this shows the end of training alone; "
        "train with --keep 1000 to see errors along it",
    )


def _what_is_probed(folder: Path, dataset: Dataset, allow_changed_code: bool) -> Probed:
    config = read_config(folder)
    settings, recipe = what_ran(folder, allow_changed_code=allow_changed_code)
    if not recipe.classifies:
        raise ValueError(
            f"{folder} is a run of {settings.recipe}, which classifies no rows; "
            "the probes are of classifiers"
        )
    if not (folder / "result.json").exists():
        raise ValueError(f"{folder} is not finished: the command that trained it goes on")
    read_json(folder / "result.json")  # which the report needs
    if dataset.sha256() != config["data_sha256"]:
        raise DataError(
            f"{settings.data} are other data now than those that {folder} was trained on"
        )
    if not len(dataset.test.labels):
        raise DataError(f"{settings.data} has no test rows, on which a probe measures errors")
    return Probed(
        folder=folder,
        config=config,
        settings=settings,
        recipe=recipe,
        dataset=recipe.as_players_see(dataset),
    )


def _clone(test: Rows, seed: int) -> dict[str, Rows]:
    """Return the test rows and their clones, by what is kept of each class."""
    rows = to_unit_range(test.images[:])
    kept: dict[str, Moments] = {"mean": 1, "mean and covariance": 2}
    clones = {
        name: replace(
            test,
            images=gaussian_clones(rows, test.labels, moments, derive(seed, "clones", moments)),
            names=(),
        )
        for name, moments in kept.items()
    }
    return {**clones, "data": test}


def _errors_on_clones(
    probed: Probed, place: Path, clones: Mapping[str, Rows]
) -> list[dict[str, float]]:
    """Return the test errors of each checkpoint's averaged weights, by kind of rows."""
    lines = []
    for step, network, averages in probed.networks(place):
        errors = {
            name: evaluate(
                network,
                averages,
                rows,
                device=torch.device("cpu"),
                batch_size=probed.recipe.test_batch,
            ).error
            for name, rows in clones.items()
        }
        lines.append({"step": step, **errors})
    return lines


def _sharpness(probed: Probed, place: Path, seed: int) -> list[dict[str, Any]]:
    """Return the sharpness of the newest weights, on labelled rows and on test rows."""
    *_, (_, network, averages) = probed.networks(place)
    subset = choose_labels(probed.recipe, probed.dataset, probed.settings)
    train, test = probed.dataset.train, probed.dataset.test
    kinds = {
        "labelled rows": (train.images[subset.rows], subset.labels),
        "test rows": (test.images[:], test.labels),
    }
    parameters = {name: averages.get(name, p.detach()) for name, p in network.named_parameters()}
    flat = torch.cat([tensor.flatten() for tensor in parameters.values()])

    def loss(rows: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
        parts = torch.split(weights, [tensor.numel() for tensor in parameters.values()])
        named = zip(parameters.items(), parts, strict=True)
        shaped = {name: part.view_as(tensor) for (name, tensor), part in named}
        return supervised_loss(functional_call(network, shaped, (rows,)).logits, classes)

    return [
        {
            "rows": kind,
            "epsilon": epsilon,
            "sharpness": sharpness(
                partial(loss, to_unit_range(rows), classes),
                flat,
                epsilon=epsilon,
                dimensions=min(DIMENSIONS, len(flat)),
                chance=derive(seed, "sharpness"),
            ),
        }
        for kind, (rows, classes) in kinds.items()
        for epsilon in EPSILONS
    ]


def _train_with_batch(
    probed: Probed, dataset: Dataset, size: int, place: Path, allow_changed_code: bool
) -> Iterator[Progress]:
    recipe = replace(probed.recipe, batch_size=size)
    steps = max(1, round(probed.settings.steps * probed.recipe.batch_size / size))
    settings = replace(probed.settings, steps=steps)
    yield from run(
        recipe,
        dataset,
        settings,
        place,
        baselines=False,
        keep=1,
        allow_changed_code=allow_changed_code,
    )
