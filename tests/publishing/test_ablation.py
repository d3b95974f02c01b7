"""Which run stands beside another as the same without the game."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from convergan.core.files import read_json, write_json
from convergan.data import DataError
from convergan.publishing.ablation import name_without_game, read_ablation


def test_the_run_without_the_game_gives_its_row(run: Path, run_without_game: Path) -> None:
    row = read_ablation(run_without_game, run)
    result = read_json(run_without_game / "result.json")
    assert (row.name, row.note) == ("the same without the game", "2 steps")
    assert row.test_error == result["test_error"] and row.seconds == result["seconds"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": {"seed": 1}}, "seed 1, not 0"),
        ({"settings": {"labels": 30, "steps": 3}}, "experiment: labels 30, not 20; steps 3, not 2"),
        ({"data_sha256": "00"}, ": other data"),
        ({"code": {"mine.py": "00"}}, ": other code"),
        ({"recipe": {"batch_size": 7}}, ": another recipe in more than the game"),
        ({"settings": {"recipe": "digits"}}, "recipe 'digits', not 'digits-without-game'"),
    ],
)
def test_another_experiment_is_refused(
    run: Path, run_without_game: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    other = Path(shutil.copytree(run_without_game, tmp_path / "other"))
    config = read_json(other / "config.json")
    for part, value in changes.items():
        config[part] = config[part] | value if part in ("settings", "recipe") else value
    write_json(other / "config.json", config)
    with pytest.raises(ValueError, match="is another experiment: ") as refused:
        read_ablation(other, run)
    assert said in str(refused.value)


def test_a_run_that_has_not_ended_is_refused(
    run: Path, run_without_game: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(run_without_game, tmp_path / "other"))
    (other / "result.json").unlink()
    with pytest.raises(ValueError, match="has no test error: finish it"):
        read_ablation(other, run)
    with pytest.raises(DataError, match="is not the folder of a run"):
        read_ablation(tmp_path, run)


def test_parts_that_are_left_out_are_named_in_their_order() -> None:
    assert name_without_game("d-without-consistency") == "d-without-consistency-without-game"
    assert name_without_game("digits-without-game") == "digits-without-game"
