"""The run of the same recipe without the game, beside a run that is pushed."""

from pathlib import Path
from typing import Any

from ..core.files import read_json
from ..recipes.without import WITHOUT
from ..runs.baselines import Baseline
from ..runs.reading import read_config
from .paths import last_name

WITHOUT_GAME = "the same without the game"
SAME = ("labels", "seed", "steps", "precision")
"""Settings that both runs must have alike."""


def read_ablation(folder: Path, run: Path) -> Baseline:
    """Return the row of a run without the game for the table of the run with it.

    Args:
        folder: of the run without the game.
        run: folder of the run with it.

    Raises:
        ValueError: if they differ in more than the game, or the former has no test error.
        DataError: if one is no run.
    """
    here, there = read_config(run), read_config(folder)
    wanted = name_without_game(here["settings"]["recipe"])
    differences = [
        f"{what} {found!r}, not {expected!r}"
        for what, expected, found in _compared(here, there, wanted)
        if found != expected
    ]
    if differences:
        raise ValueError(f"--ablation {folder} is another experiment: {'; '.join(differences)}")
    result = read_json(folder / "result.json") if (folder / "result.json").exists() else {}
    if result.get("test_error") is None:
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


def _compared(
    here: dict[str, Any], there: dict[str, Any], recipe: str
) -> list[tuple[str, Any, Any]]:
    """Return what must be alike: its name, what it is here, what it is there."""
    settings = [(name, here["settings"].get(name), there["settings"].get(name)) for name in SAME]
    return [
        ("recipe", recipe, last_name(there["settings"]["recipe"])),
        *settings,
        ("hash of data", here.get("data_sha256"), there.get("data_sha256")),
        ("hash of code", here.get("code"), there.get("code")),
    ]
