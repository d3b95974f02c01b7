import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from convergan.core.cache import in_turn


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
