"""A lock is held by one, waited for by others, and free once its holder is gone."""

import subprocess
import sys
import threading
from pathlib import Path

from convergan.core.locks import lock_file

HOLD = """
import sys, time
from pathlib import Path
from convergan.core.locks import lock_file
with lock_file(Path(sys.argv[1])) as is_ours:
    print(is_ours, flush=True)
    time.sleep(60)
"""


def test_only_one_holds_a_lock(tmp_path: Path) -> None:
    with lock_file(tmp_path / "lock") as first, lock_file(tmp_path / "lock") as second:
        assert first and not second
    with lock_file(tmp_path / "lock") as third:
        assert third


def test_who_waits_gets_it_once_it_is_free(tmp_path: Path) -> None:
    order = list[str]()

    def wait() -> None:
        with lock_file(tmp_path / "lock", wait=True) as is_ours:
            order.append(f"waited {is_ours}")

    with lock_file(tmp_path / "lock"):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.2)
        order.append("released")
    thread.join()
    assert order == ["released", "waited True"]


def test_a_lock_goes_with_a_killed_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    with lock_file(tmp_path / "lock") as is_ours:
        assert not is_ours
    process.kill()
    process.communicate()
    with lock_file(tmp_path / "lock") as is_ours:
        assert is_ours
