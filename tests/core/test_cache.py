import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from convergan.core.cache import cache_folder, in_turn, make_hub_cache_writable


def test_of_several_that_begin_together_the_first_looks_and_the_others_wait(tmp_path: Path) -> None:
    file, made = tmp_path / "cache" / "found.json", list[int]()

    def look(number: int) -> None:
        with in_turn(file):
            if not file.exists():
                time.sleep(0.2)
                made.append(number)
                file.touch()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(look, range(4)))
    assert len(made) == 1


def test_a_user_without_a_home_has_a_cache_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.delenv("CONVERGAN_CACHE", raising=False)
    cache_folder().mkdir(parents=True, exist_ok=True)
    (cache_folder() / "there").touch()
    assert (cache_folder() / "there").exists()


@pytest.mark.parametrize("writable", [True, False])
def test_the_hub_library_writes_where_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writable: bool
) -> None:
    home = tmp_path / "hub"
    if not writable:
        home.write_bytes(b"a file, in which no folder can be made")
    monkeypatch.setenv("HF_HOME", str(home))
    for name in ("HF_DATASETS_CACHE", "HF_MODULES_CACHE"):
        monkeypatch.setenv(name, "")
    make_hub_cache_writable()
    place = os.environ["HF_DATASETS_CACHE"]
    assert bool(place) != writable
    if not writable:
        Path(place, "found").mkdir(parents=True)
