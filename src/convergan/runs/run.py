"""One run in one folder, from the first step to the table, through any interruption.

The folder holds ``config.json`` (what is run, and its identity), ``labels.csv`` (the rows whose
labels are used), ``metrics.jsonl``, ``checkpoints/``, ``samples/``, ``result.json`` once trained,
and ``baselines.json`` with ``twin/``, the same kind of folder for the supervised twin. Calling
`run` again on a folder goes on where it stopped, or does nothing.
"""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from ..collective import ALONE, Ranks
from ..core.files import canonical_sha256, write_csv, write_json
from ..core.progress import Progress
from ..core.signals import handle_signals
from ..core.version import __version__
from ..data import Dataset, LabeledSubset
from ..recipes import Recipe, code_of, describe_training, require_fields
from ..training import supervised_step
from ..training.callbacks import Callback
from .baselines import BASELINES, GRAPH, Baseline, run_baseline, spread_over_graph
from .code import Code, compare_code, note_changed_code, trained_with
from .folder import abandon, by_content, claim_identity, locked, made_by_version
from .job import Job
from .reading import GAN, TWIN, read_config
from .settings import Settings, choose_labels
from .trainer import Trainer


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
    allow_changed_code: bool = False,
    ranks: Ranks = ALONE,
    callbacks: Sequence[Callback] = (),
) -> Iterator[Progress]:
    """Train, measure and record; go on from the newest checkpoint if there is one.

    Args:
        recipe: what to train.
        dataset: its rows.
        settings: the user's choices; with the recipe and the rows they are the run's identity, all
            but what the data are called.
        folder: created if missing.
        baselines: fit the baselines too, on the same labels.
        keep: checkpoints to keep.
        skip: steps in a row that are left out where a loss or gradient is not finite.
        roll_back: times that the run may go back to a checkpoint where more are not finite.
        allow_changed_code: go on where the user's code is other than the run was trained with, see
            `convergan.runs.code`.
        ranks: the processes that train as one; all call this, rank 0 writes.
        callbacks: called, in rank 0, with every line of the log and the newest samples, such as the
            loggers of `convergan.training.loggers`; each gets a step once, through all stops.

    Yields:
        `Progress` after every step and every baseline.

    Raises:
        ValueError: if the folder is in use, another run's or of other code, the labels cannot be
            drawn, images are streamed to a recipe that needs them all at once, or recipe and data
            do not go together, see `convergan.recipes.first_look`.
        CheckpointError: if there are checkpoints and none can be used.
        NonFiniteError: if a loss or gradient is not finite; the newest checkpoint is named.
        CallbackError: if a callback fails, naming it.
        Interrupted: after SIGINT or SIGTERM, once a checkpoint is written.
    """
    require_fields(recipe)
    subset = choose_labels(recipe, dataset, settings)
    _require_in_memory(recipe, dataset, settings)
    seen = recipe.as_players_see(dataset)
    identity = _identity(recipe, dataset, settings)
    content = by_content(identity)
    facts = {name: canonical_sha256(part) for name, part in content.items()}
    facts |= {"--skip-non-finite": str(skip), "--roll-back": str(roll_back)}
    facts["--baselines"] = str(baselines)
    ranks.require_same(facts, "start all with the same command, code and data")
    with locked(folder / "config.json") if ranks.leads else nullcontext():
        is_new = ranks.leads and not (folder / "config.json").exists()
        sha256, code = canonical_sha256(content), code_of(settings.recipe)
        twin = baselines and recipe.classifies and len(dataset.test.labels) > 0
        trained: tuple[Code, ...] = (code,) if code else ()
        if ranks.leads:
            sha256 = _claim(folder, identity, dataset, seen.row_shape)
            _write_labels(folder / "labels.csv", dataset, subset)
            if dataset.left_out:
                left_out = [("left out",), *((file,) for file in dataset.left_out)]
                write_csv(folder / "left_out.csv", left_out)
            notices = [_made_by_another_version(folder)]
            notices += [_go_on_with(folder, code, allow=allow_changed_code, twin=twin)]
            trained = trained_with(read_config(folder))
            if any(notices):
                yield Progress(GAN, 0, settings.steps, {}, tuple(filter(None, notices)))
        job = Job(
            method=GAN,
            recipe=recipe,
            dataset=seen,
            pictures=dataset.train.images,
            subset=subset,
            steps=settings.steps,
            seed=settings.seed,
            device=torch.device(settings.device),
            autocast=torch.bfloat16 if settings.precision == "bfloat16" else None,
            folder=folder,
            identity=sha256,
            keep=keep,
            skip=skip,
            roll_back=roll_back,
            code=trained,
            callbacks=tuple(callbacks),
            ranks=ranks,
        )
        with handle_signals() as requests:
            steps = Trainer(job, requests).run()
            try:
                started = [*islice(steps, 1)]
            except ValueError:
                if is_new:
                    abandon(folder)  # to the command that is put right
                raise
            yield from started
            yield from steps
            if not twin:
                return
            yield from Trainer(_twin(job), requests).run()
        if ranks.leads:
            fits = _baselines(recipe, dataset, seen, subset)
            yield from _fit_baselines(fits, folder / "baselines.json")


def _twin(job: Job) -> Job:
    """Return the supervised baseline: the same network, trained on the labels alone."""
    recipe = replace(
        job.recipe,
        step=supervised_step,
        takes=("labeled",),
        historical_weight=0.0,
        neighbors=None,
        judge=None,
    )
    return replace(job, method=TWIN, recipe=recipe, folder=job.folder / "twin")


def _require_in_memory(recipe: Recipe, dataset: Dataset, settings: Settings) -> None:
    """Refuse to stream what would then be held in memory all the same."""
    at_once = recipe.descriptor is not None or recipe.neighbors is not None
    if at_once and not isinstance(dataset.train.images, torch.Tensor):
        raise ValueError(
            f"recipe {settings.recipe} looks at all rows at once, for their descriptors or "
            "neighbors, so they cannot be streamed; leave out --stream, which changes nothing else"
        )


def _baselines(
    recipe: Recipe, dataset: Dataset, seen: Dataset, subset: LabeledSubset
) -> dict[str, Callable[[], Baseline]]:
    """Return what fits each baseline; the recipe's graph first, see `_fit_baselines`."""
    fits: dict[str, Callable[[], Baseline]] = {}
    if recipe.neighbors is not None:
        fits[GRAPH] = partial(spread_over_graph, recipe, dataset, subset)
    labels = torch.full_like(seen.train.labels, -1)
    labels[subset.rows] = subset.labels
    for name in BASELINES:
        fits[name] = partial(run_baseline, name, seen.train.images, labels, seen.test)
    return fits


def _fit_baselines(fits: Mapping[str, Callable[[], Baseline]], file: Path) -> Iterator[Progress]:
    done = Baseline.read_all(file)
    names = {row.name for row in done}
    of_before = {GRAPH} if done and GRAPH not in names else set()  # up to 0.10.0 there was none
    for name, fit in fits.items():
        if name in names | of_before:
            continue
        yield Progress(name, 0, 1, {})
        done.append(fit())
        write_json(file, [asdict(row) for row in done])
        yield Progress(name, 1, 1, asdict(done[-1]))


def _identity(recipe: Recipe, dataset: Dataset, settings: Settings) -> dict[str, Any]:
    """Return what a run is: two with the same of it end alike."""
    code = code_of(settings.recipe)
    return {
        "settings": asdict(settings),
        "recipe": describe_training(recipe),
        "data_sha256": dataset.sha256(),
        **({"code": code} if code else {}),
    }


def _claim(
    folder: Path, identity: dict[str, Any], dataset: Dataset, row_shape: tuple[int, ...]
) -> str:
    """Make ``folder`` this run's, or see that it is; return the hash that it goes by."""
    more = {
        "classes": list(dataset.classes),
        "row_shape": list(row_shape),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
    }
    return claim_identity(folder / "config.json", identity, more)


def _go_on_with(folder: Path, code: Code, *, allow: bool, twin: bool) -> str:
    """See that the code is that of the run, or note that it is not where something is trained yet.

    Args:
        folder: of the run.
        code: that is there now.
        allow: go on with other code.
        twin: whether the supervised twin is trained as well.

    Returns:
        What the user should know, or nothing.
    """
    told = compare_code(folder, read_config(folder), code, allow=allow)
    places = (folder, folder / "twin") if twin else (folder,)
    if told and not all((place / "result.json").exists() for place in places):
        note_changed_code(folder / "config.json", code)
    return told


def _made_by_another_version(folder: Path) -> str:
    """Return what the user should know before such a run goes on, or nothing."""
    version = made_by_version(read_config(folder))
    if version == __version__ or (folder / "result.json").exists():
        return ""
    return (
        f"this run was begun by convergan {version} and goes on with {__version__}; "
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
