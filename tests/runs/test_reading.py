"""What a run folder holds, read back; and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convergan.core.chance import derive
from convergan.recipes import find_recipe
from convergan.runs.baselines import Baseline
from convergan.runs.reading import draw_run_rows, draw_run_samples, read_config, table, values
from convergan.runs.recorder import Recorder
from convergan.training import CheckpointError
from tests.runs.trainers import toy_job

SETTINGS = {"recipe": "toy", "data": "ring", "labels": 0, "seed": 3, "steps": 9, "device": "cpu"}


def write_config(folder: Path, recipe: str = "toy", **more: Any) -> None:
    config = {"settings": SETTINGS | {"recipe": recipe}, "sha256": "0", "row_shape": [2], **more}
    (folder / "config.json").write_text(json.dumps({"schema": 2, **config}))


def write_checkpoint(folder: Path) -> None:
    """Save the start of a job whose average differs from its weights."""
    job = toy_job(folder)
    state, recorder = job.start(), Recorder(job)
    assert state.generator.average is not None
    for value in state.generator.average.values.values():
        value.mul_(0.5)
    recorder.resume(state)
    recorder.save(state, 0.0, must=True)


def test_a_program_is_told_of_an_unfinished_run_that_it_has_no_result(tmp_path: Path) -> None:
    write_config(tmp_path)
    assert values(tmp_path) == {
        "folder": str(tmp_path),
        "settings": SETTINGS,
        "result": None,
        "methods": [],
    }


# --- the description -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "is not the folder of a run: it has no config.json"),
        ("{", "config.json is not readable JSON"),
        ("[]", "config.json does not describe a run"),
        ('{"seed": 0}', "config.json does not describe a run"),
        (
            '{"settings": {}, "schema": 99, "versions": {"convergan": "77.0"}}',
            "is of convergan 77.0 and has schema 99; .*: install the later version",
        ),
    ],
)
def test_a_folder_that_does_not_describe_a_run_is_refused(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_config(tmp_path)


def test_a_folder_named_as_the_description_describes_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ValueError, match="it has no config.json"):
        read_config(tmp_path)


# --- the table -----------------------------------------------------------------------------------


def write_result(folder: Path, error: float | None, steps: int) -> None:
    folder.mkdir(exist_ok=True)
    result = {"test_error": error, "seconds": 2.5, "steps": steps}
    (folder / "result.json").write_text(json.dumps(result))


def test_a_table_has_what_is_finished_the_trained_model_first(tmp_path: Path) -> None:
    knn = {"name": "knn", "test_error": 0.5, "seconds": 0.1, "note": ""}
    gan = Baseline("GAN", 0.25, 2.5, "12,000 steps")
    twin = Baseline("supervised twin", None, 2.5, "9 steps")
    assert table(tmp_path) == []
    (tmp_path / "baselines.json").write_text(json.dumps([knn]))
    assert table(tmp_path) == [Baseline("knn", 0.5, 0.1, "")]
    write_result(tmp_path / "twin", None, 9)
    assert table(tmp_path) == [twin, Baseline("knn", 0.5, 0.1, "")]
    write_result(tmp_path, 0.25, 12000)
    assert table(tmp_path) == [gan, twin, Baseline("knn", 0.5, 0.1, "")]


# --- samples -------------------------------------------------------------------------------------


def test_samples_are_drawn_with_the_averaged_weights_and_differ_from_draw_to_draw(
    tmp_path: Path,
) -> None:
    write_config(tmp_path)
    write_checkpoint(tmp_path)
    rows = draw_run_rows(tmp_path, 5, 1)
    generator = find_recipe("toy").generator((2,), derive(0, "unused"))
    network = toy_job(tmp_path).start().generator.network
    generator.load_state_dict({n: 0.5 * t for n, t in network.state_dict().items()})
    latent = generator.draw_latent(100, derive(3, "samples", 1))
    torch.testing.assert_close(rows, generator(latent)[:5].detach())
    assert torch.equal(rows, draw_run_rows(tmp_path, 5, 1))
    assert not torch.equal(rows, draw_run_rows(tmp_path, 5, 2))

    file = draw_run_samples(tmp_path, 5, 1, tmp_path / "five.npz")
    assert file == tmp_path / "five.npz"
    with np.load(file) as archive:
        assert archive.files == ["samples"] and archive["samples"].dtype == np.float32
        np.testing.assert_array_equal(archive["samples"], rows.numpy())
    picture = draw_run_samples(tmp_path, 5, 1, tmp_path / "five.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["samples", "samples.jpg", "samples.PNG", "samples.npy"])
def test_another_ending_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="samples go to a .png or .npz file, got .*samples"):
        draw_run_samples(tmp_path, 5, 1, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_descriptors_are_no_pictures(tmp_path: Path) -> None:
    write_config(tmp_path, "mnist-fast")
    with pytest.raises(ValueError, match="recipe mnist-fast generates descriptors, .*name a .npz"):
        draw_run_samples(tmp_path, 5, 1, tmp_path / "five.png")


def test_a_run_without_a_checkpoint_has_no_samples(tmp_path: Path) -> None:
    write_config(tmp_path)
    with pytest.raises(CheckpointError, match="no usable checkpoint in .*: none$"):
        draw_run_samples(tmp_path, 5, 1, tmp_path / "five.png")


def test_the_checkpoint_of_another_run_is_refused_with_its_name(tmp_path: Path) -> None:
    write_config(tmp_path, sha256="1")
    write_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="no usable checkpoint in .*step-000000000 was writ"):
        draw_run_samples(tmp_path, 5, 1, tmp_path / "five.npz")


def test_the_weights_of_another_generator_are_refused_with_the_version(tmp_path: Path) -> None:
    write_config(tmp_path, row_shape=[3], versions={"convergan": "0.1"})
    write_checkpoint(tmp_path)
    with pytest.raises(
        CheckpointError, match="another generator than that of toy here: it is of convergan 0.1, "
    ):
        draw_run_samples(tmp_path, 5, 1, tmp_path / "five.npz")
    assert not (tmp_path / "five.npz").exists()


def test_weights_that_an_edit_of_the_recipe_made_another_generators_name_that_file(
    tmp_path: Path,
) -> None:
    write_config(tmp_path, f"{recipe_file(tmp_path)}:mine", row_shape=[3], code={"mine.py": "old"})
    write_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match=r"generator than that of .*: mine.py changed since"):
        draw_run_samples(tmp_path, 5, 1, tmp_path / "five.npz", allow_changed_code=True)


def recipe_file(folder: Path) -> Path:
    """Write a recipe of the user's beside the run."""
    file = folder / "mine.py"
    file.write_text(
        "from convergan.recipes import find_recipe\n\n\ndef mine():\n"
        "    return find_recipe('toy')\n"
    )
    return file
