"""The run of the same recipe without the game, beside a run that is pushed."""

from pathlib import Path
from typing import Any

from ..recipes.without import WITHOUT
from ..runs.baselines import Baseline
from ..runs.reading import read_config, read_result
from .paths import last_name

WITHOUT_GAME = "the same without the game"
SAME = ("labels", "seed", "steps", "precision")
"""Settings that both runs must have alike."""
OF_THE_GAME = ("step", "summary")
"""Parts of a recipe's description that it is without the game in."""


def read_ablation(folder: Path, run: Path) -> Baseline:
    """Return the row of a run without the game for the table of the run with it.

    Args:
        folder: of the run without the game.
        run: folder of the run with it.

    Raises:
        ValueError: if they differ in more than the game, or the former has no test error.
        DataError: if one is no run.
    """
    differences = _differences(read_config(run), read_config(folder))
    if differences:
        raise ValueError(f"--ablation {folder} is another experiment: {'; '.join(differences)}")
    result = read_result(folder)
    if result is None or result.get("test_error") is None:
        raise ValueError(f"--ablation {folder} has no test error: finish it, or leave it out")
    note = f"{result['steps']:,} steps"
    return Baseline(WITHOUT_GAME, result["test_error"], result["seconds"], note)


def name_without_game(recipe: str) -> str:
    """Return the name of a recipe with its game taken out.

    Args:
        recipe: its name.

    Example:
        >>> name_without_game("digits"), name_without_game("/mine.py:digits-without-graph")
        ('digits-without-game', 'mine.py:digits-without-game-without-graph')
    """
    whole, *parts = last_name(recipe).split(WITHOUT)
    return WITHOUT.join([whole, *sorted({*parts, "game"})])


def _differences(here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """Say in what a run differs from what it should be: this one without the game."""
    wanted = {name: here["settings"].get(name) for name in SAME}
    wanted["recipe"] = name_without_game(here["settings"]["recipe"])
    found = {name: there["settings"].get(name) for name in SAME}
    found["recipe"] = last_name(there["settings"]["recipe"])
    differences = [
        f"{name} {found[name]!r}, not {value!r}"
        for name, value in wanted.items()
        if found[name] != value
    ]
    for what in ("data_sha256", "code"):
        if here.get(what) != there.get(what):
            differences.append(f"other {what.partition('_')[0]}")
    if _beside_the_game(here) != _beside_the_game(there):
        differences.append("another recipe in more than the game")
    return differences


def _beside_the_game(config: dict[str, Any]) -> dict[str, Any]:
    """Return what a recipe and the same without its game have alike."""
    return {part: value for part, value in config["recipe"].items() if part not in OF_THE_GAME}
