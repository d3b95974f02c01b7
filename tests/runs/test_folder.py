"""Whose a folder is, and who writes there now."""

import subprocess
import sys
from pathlib import Path

import pytest

from convergan.core.version import __version__
from convergan.runs.folder import claim_identity, is_locked, locked

IDENTITY = {"settings": {"seed": 0}, "recipe": {}, "data_sha256": "00"}
HOLD = """
import sys, time
from pathlib import Path
from convergan.runs.folder import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_held_by_one_at_a_time_and_free_once_the_block_ends(tmp_path: Path) -> None:
    config = tmp_path / "run" / "config.json"
    with locked(config):
        claim_identity(config, IDENTITY, {})
        before = config.read_bytes()
        assert is_locked(config.parent)
        with pytest.raises(ValueError, match=r"run is in use by process \d+ on .+; wait for it"):
            locked(config).__enter__()
        assert is_locked(config.parent) and config.read_bytes() == before
    assert not is_locked(config.parent)
    with locked(config):
        assert is_locked(config.parent)


def test_a_folder_that_was_never_held_is_free_and_stays_untouched(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert not is_locked(tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_lock_goes_with_a_killed_process(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "config.json"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    assert is_locked(tmp_path)
    with pytest.raises(ValueError, match=f"in use by process {process.pid} on"):
        locked(tmp_path / "config.json").__enter__()
    process.kill()
    process.communicate()
    with locked(tmp_path / "config.json"):
        pass


def test_a_lock_alone_does_not_make_a_folder_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / ".holder").touch()
    (tmp_path / ".tmp-config.json-00ff").touch()
    with locked(tmp_path / "config.json"):
        claim_identity(tmp_path / "config.json", IDENTITY, {})


def test_a_folder_of_something_else_gets_no_lock(tmp_path: Path) -> None:
    (tmp_path / "chapter.txt").touch()
    with pytest.raises(ValueError, match="is not empty and not a sweep; choose another --out"):
        locked(tmp_path / "sweep.json").__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["chapter.txt"]


def test_a_description_that_is_no_json_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"settings": {')
    with locked(config), pytest.raises(ValueError, match=r"config\.json is not readable JSON"):
        claim_identity(config, IDENTITY, {})
    assert config.read_text() == '{"settings": {'


def test_what_differs_is_told_down_to_the_arguments_and_the_version(tmp_path: Path) -> None:
    config = tmp_path / "run" / "config.json"
    adam = {"function": "torch.optim.Adam", "arguments": {"lr": 0.1, "fused": True}}
    there = {"optimizer": adam, "start": None}
    other = {"function": "torch.optim.SGD", "arguments": {"lr": 0.1}}
    here = {"optimizer": other, "start": {"rows": 100}}
    with locked(config):
        claim_identity(config, IDENTITY | {"recipe": there}, {"versions": {"convergan": "0.8.0"}})
        with pytest.raises(ValueError) as refused:
            claim_identity(config, IDENTITY | {"recipe": here}, {})
    [line] = str(refused.value).splitlines()
    assert "optimizer fused True there, nothing here;" in line
    assert "optimizer function 'torch.optim.Adam' there, 'torch.optim.SGD' here;" in line
    assert "start None there, {'rows': 100} here;" in line and " lr " not in line
    assert f"it is of convergan 0.8.0, this is {__version__}, see CHANGELOG.md;" in line


def test_the_same_data_from_another_place_are_the_same_run(tmp_path: Path) -> None:
    description = tmp_path / "config.json"
    settings = {"data": "a.npz", "recipe": "mine.py:mine", "seed": 0}
    here = {"settings": settings, "recipe": {}, "data_sha256": "1f"}
    sha256 = claim_identity(description, here, {})
    elsewhere = {"data": "/elsewhere/a.npz", "recipe": "../mine.py:mine"}
    moved = {**here, "settings": settings | elsewhere}
    assert claim_identity(description, moved, {}) == sha256
    with pytest.raises(ValueError, match="data 'a.npz' there, 'b.npz' here"):
        other = {"settings": settings | {"data": "b.npz"}, "data_sha256": "2e"}
        claim_identity(description, {**here, **other}, {})
    with pytest.raises(ValueError, match="another run: other data"):
        claim_identity(description, {**here, "data_sha256": "2e"}, {})
