"""What a cluster is asked for. Each is a process of its own, as Ray keeps threads of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convergan.sweeps.workers import Workers, require_room

RECIPE = """
import os
import time
from pathlib import Path

def note():
    began = time.time()
    time.sleep(1)
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    Path(f"seen-{os.getpid()}").write_text(f"{began} {time.time()} {seen}")
    raise ValueError("seen")
"""
BODY = """
from pathlib import Path
from convergan.sweeps.workers import Task, Workers

def main(gpus, cluster):
    here = Path.cwd()
    arguments = ("train", "mine.py:note", "--device", "cpu")
    tasks = [Task(arguments, here / n, here / ".stop", here, 1) for n in "ab"]
    workers = Workers(jobs=2, threads=1, gpus=gpus, cluster=cluster)
    assert [outcome.code for outcome in workers.perform(tasks)] == [2, 2]
"""
RAY = (
    BODY
    + """
main(1, "ray")
"""
)
DASK = (
    BODY
    + """
from distributed import LocalCluster

for declared in ({}, {"resources": {"GPU": 1}}):
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, **declared
    ) as cluster:
        main(1, cluster.scheduler_address)
"""
)


def seen(program: str, folder: Path) -> list[tuple[float, float, str]]:
    """Let a program run runs on clusters; return when each began and ended, and its GPUs."""
    (folder / "mine.py").write_text(RECIPE)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"RAY_OVERRIDE_RESOURCES": '{"CPU": 2, "GPU": 1}'},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = [file.read_text().split() for file in folder.glob("seen-*")]
    return sorted((float(began), float(ended), gpus) for began, ended, gpus in lines)


@pytest.mark.nightly
def test_runs_on_ray_have_a_gpu_each_and_wait_for_one(tmp_path: Path) -> None:
    first, second = seen(RAY, tmp_path)
    assert (first[2], second[2]) == ("0", "0")
    assert first[1] < second[0]


@pytest.mark.nightly
def test_runs_on_dask_wait_for_a_gpu_where_a_worker_declares_one(tmp_path: Path) -> None:
    *undeclared, first, second = seen(DASK, tmp_path)
    assert len(undeclared) == 2
    assert first[1] < second[0]


def test_a_run_that_fits_no_node_is_refused_naming_what_there_is() -> None:
    pytest.importorskip("ray")
    workers = Workers(jobs=1, threads=2, gpus=1, cluster="ray")
    require_room(workers, [{"CPU": 8.0}, {"CPU": 2.0, "GPU": 1.0}])
    with pytest.raises(ValueError, match="of 2 threads and 1 GPU fits no .*: 1 and 4, 8 and 0$"):
        require_room(workers, [{"CPU": 8.0}, {"CPU": 1.0, "GPU": 4.0}])
