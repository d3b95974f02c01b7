"""What a run folder holds: its description, its table, and samples of its newest checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..collective import ALONE, Ranks
from ..core.chance import derive
from ..core.devices import choose_device
from ..core.files import NUMBER, NUMBER_OR_NONE, Fields, Kind, read_fields, replace_file
from ..core.pictures import sample_picture
from ..core.version import __version__
from ..data import DataError
from ..recipes import Recipe, code_of, find_recipe
from ..training import CheckpointError, checkpoint, draw_samples
from ..training.checkpoint import Checkpoint
from .baselines import Baseline
from .code import changed_since, compare_code
from .folder import made_by_version, read_description
from .settings import Settings

GAN = "GAN"
TWIN = "supervised twin"
SETTINGS: Mapping[str, Kind] = {
    **dict.fromkeys(("recipe", "data", "device"), str),
    **dict.fromkeys(("labels", "seed", "steps"), int),
}
"""Of a run, those that every version wrote."""


def table(folder: Path) -> list[Baseline]:
    """Return the rows of a run's table: the trained model first, then what it is compared with.

    Args:
        folder: of the run.

    Raises:
        DamagedFileError: if a file of results is damaged.
    """
    rows = []
    for name, place in ((GAN, folder), (TWIN, folder / "twin")):
        if result := read_result(place):
            note = f"{result['steps']:,} steps"
            rows.append(Baseline(name, result["test_error"], result["seconds"], note))
    return [*rows, *Baseline.read_all(folder / "baselines.json")]


def read_result(folder: Path) -> dict[str, Any] | None:
    """Return what training came to, None while it is unfinished.

    Args:
        folder: of a run, or of its supervised twin.

    Raises:
        DamagedFileError: if the file of it is damaged.
    """
    file = folder / "result.json"
    if not file.exists():
        return None
    found = read_fields(file)
    found.require({"steps": int, "seconds": NUMBER, "test_error": NUMBER_OR_NONE})
    return found


def values(folder: Path) -> dict[str, Any]:
    """Return what came out of a run, for programs: settings, result, other methods.

    The result is None while the run is unfinished.

    Args:
        folder: of the run.

    Raises:
        DamagedFileError: if a file of it is damaged.
    """
    return {
        "folder": str(folder),
        "settings": read_fields(folder / "config.json")["settings"],
        "result": read_result(folder),
        "methods": [asdict(row) for row in table(folder)],
    }


def draw_run_samples(
    folder: Path, count: int, draw: int, file: Path, *, allow_changed_code: bool = False
) -> Path:
    """Draw samples from the newest checkpoint of a run into a file, and return that.

    Args:
        folder: of the run.
        count: rows to draw.
        draw: number of the draw; each gives other samples.
        file: ``.png`` for a grid, ``.npz`` for an array ``samples`` of float32.
        allow_changed_code: draw them though the user's code is other than that of the run.

    Raises:
        ValueError: if ``folder`` is no run, its code has changed, or the file's ending is another.
        CheckpointError: if no checkpoint can be used, or it is of another generator.
    """
    if file.suffix not in (".png", ".npz"):
        raise ValueError(f"samples go to a .png or .npz file, got {file}")
    settings, recipe = what_ran(folder, allow_changed_code=allow_changed_code)
    if recipe.descriptor is not None and file.suffix == ".png":
        raise ValueError(
            f"recipe {settings.recipe} generates descriptors, which are no pictures: name a .npz "
            "file; the run's samples/ show the training images nearest to them"
        )
    rows = draw_run_rows(folder, count, draw, allow_changed_code=allow_changed_code)
    if file.suffix == ".png":
        replace_file(file, sample_picture(rows))
    else:
        np.savez_compressed(file, samples=rows.numpy())
    return file


def draw_run_rows(
    folder: Path,
    count: int,
    draw: int,
    *,
    allow_changed_code: bool = False,
    ranks: Ranks = ALONE,
) -> torch.Tensor:
    """Draw samples from the newest checkpoint of a run, (count, *row shape) on the CPU.

    Arguments and exceptions as for `draw_run_samples`; ``ranks`` are processes who share the work
    and all get the result, that of one alone.
    """
    config = read_config(folder)
    settings, recipe = what_ran(folder, allow_changed_code=allow_changed_code)
    found = checkpoint.read_newest(folder / "checkpoints", config_sha256=config["sha256"])
    facts = {"run": config["sha256"], "newest checkpoint": str(found.step)}
    ranks.require_same(facts, f"{folder} must be the same for all, and nobody train in it")
    network = recipe.make_generator(config["row_shape"], derive(0, "unused"))
    averages = restore(network, "generator", found, config)
    return draw_samples(
        network.to(settings.device),
        {name: tensor.to(settings.device) for name, tensor in averages.items()},
        count,
        batch_size=recipe.batch_size,
        chance=derive(settings.seed, "samples", draw, device=settings.device),
        ranks=ranks,
    ).cpu()


def restore(
    network: nn.Module, player: str, found: Checkpoint, config: dict[str, Any]
) -> dict[str, torch.Tensor]:
    """Give a network that was just built the weights that a checkpoint has of it.

    Args:
        network: as the run's recipe builds it; changed in place.
        player: ``discriminator`` or ``generator``.
        found: a checkpoint of the run.
        config: what the run says of itself.

    Returns:
        The averaged weights by name; none where the run keeps no average of them.

    Raises:
        CheckpointError: if they are those of another network.
    """

    def those_of(what: str) -> dict[str, torch.Tensor]:
        tensors = _below(f"{player}.{what}.", found.tensors)
        return checkpoint.under_present_names(tensors, network.state_dict())

    try:
        network.load_state_dict(those_of("network"))
    except RuntimeError as error:
        recipe = config["settings"]["recipe"]
        why = (
            f"it is of convergan {made_by_version(config)}, this is {__version__}, see CHANGELOG.md"
        )
        if changed := changed_since(config, code_of(recipe)):
            why = f"{changed} since; put back what it says of the networks"
        raise CheckpointError(
            f"{found.folder} has the weights of another {player} than that of {recipe} here: {why}"
        ) from error
    return those_of("average.value")


def what_ran(folder: Path, *, allow_changed_code: bool = False) -> tuple[Settings, Recipe]:
    """Return settings and recipe of a run; the device is the one that is best here.

    Raises:
        ValueError: if the user's code is other than that of the run, unless that is allowed.
    """
    config = read_config(folder)
    settings = Settings(**config["settings"] | {"device": choose_device("auto")})
    recipe = find_recipe(settings.recipe)
    compare_code(folder, config, code_of(settings.recipe), allow=allow_changed_code)
    return settings, recipe


def note_of_code(folder: Path) -> tuple[str, ...]:
    """Return what a user should know of the code of a run that is read, in a line each."""
    config = read_config(folder)
    code = code_of(config["settings"]["recipe"])
    return tuple(filter(None, [compare_code(folder, config, code, allow=True)]))


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def read_config(folder: Path) -> Fields:
    """Return what a run folder says of itself.

    Args:
        folder: of a run.

    Raises:
        DataError: if it is no run folder.
        DamagedFileError: if its description is damaged, or of a later version.
    """
    if not (folder / "config.json").is_file():
        raise DataError(f"{folder} is not the folder of a run: it has no config.json")
    found = read_description(folder / "config.json")
    found["settings"].require(SETTINGS)
    return found
