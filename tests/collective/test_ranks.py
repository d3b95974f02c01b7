"""The command in several processes, as a launcher starts them: what goes wrong, and who says so."""

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from convergan.collective import PeerLeftError, PeerLostError, join
from convergan.collective.ranks import DistributedRanks
from tests.collective.commands import RECIPES, SECONDS, Launched, free_port
from tests.collective.processes import in_processes
from tests.commands import Command

pytestmark = pytest.mark.slow


def test_more_processes_than_rows_end_with_one_line(tmp_path: Path) -> None:
    codes, lines = Launched(3, "mine.py:tiny", "--steps", "2", folder=tmp_path).codes_and_lines()
    assert codes == [2, 2, 2]
    assert lines == [
        "0: convergan: a batch of 2 rows cannot be shared by 3 processes; start at most 2"
    ]


def test_processes_with_other_recipes_end_with_one_line(tmp_path: Path) -> None:
    codes, lines = Launched(2, "mine.py:apart", "--steps", "2", folder=tmp_path).codes_and_lines()
    assert codes == [2, 2]
    assert lines == [
        "0: convergan: recipe is not the same in process 0 and 1: start all with the same command, "
        "code and data"
    ]
    assert not (tmp_path / "run").exists()


def test_what_one_process_alone_refuses_ends_all_with_its_code_and_line(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    codes, lines = Launched(2, "mine.py:tiny", "--steps", "2", folder=tmp_path).codes_and_lines()
    assert codes == [2, 2]  # though only rank 0 looks into the folder
    assert lines == ["0: convergan: run is not empty and not a run; choose another --out"]


def test_a_missing_launcher_is_said_in_one_line(tmp_path: Path) -> None:
    nobody = {"WORLD_SIZE": "2", "RANK": "1", "CONVERGAN_PEER_SECONDS": "2"}
    command = ("train", "toy", "--device", "cpu")
    for more, code, line in (
        ({}, 2, "WORLD_SIZE is set but MASTER_ADDR is not: start with torchrun"),
        (
            {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())},
            75,
            "no rendezvous with the others at 127.0.0.1",
        ),
    ):
        done = Command(*command, folder=tmp_path, environment={**nobody, **more}).result()
        assert done.returncode == code
        assert line in done.stderr
        assert "Traceback" not in done.stderr


def test_data_that_one_process_alone_cannot_read_end_all_with_its_line(tmp_path: Path) -> None:
    command = Launched(2, "mine.py:gone", "--steps", "20", folder=tmp_path)
    codes, lines = command.codes_and_lines()
    assert codes == [65, 65]
    assert lines == [
        "0: convergan: step 5: 7.png cannot be read any more; the last good checkpoint is "
        "run/checkpoints/step-000000004"
    ]


def test_checkpoints_that_the_disk_refuses_end_all_once_the_third_is_refused(
    tmp_path: Path,
) -> None:
    command = Launched(2, "mine.py:full", "--steps", "20", folder=tmp_path)
    codes, lines = command.codes_and_lines()
    assert codes == [74, 74]
    assert [line.split(" could")[0] for line in lines] == [
        "0: the checkpoint of step 6",
        "0: the checkpoint of step 8",
        "0: convergan: the checkpoint of step 10",
    ]
    assert all("the last good checkpoint is run/checkpoints/step-000000004" in n for n in lines)


@pytest.mark.parametrize("victim", [0, 2])
def test_when_a_process_is_killed_the_others_name_it_and_leave(victim: int, tmp_path: Path) -> None:
    command = Launched(3, "mine.py:long", folder=tmp_path)
    wait_for(tmp_path / "run" / "checkpoints", command)
    killed = command.processes[victim]
    killed.send_signal(signal.SIGKILL)
    started = time.monotonic()
    codes, lines = command.codes_and_lines()
    seconds = time.monotonic() - started
    print(f"rank {victim} of 3 killed: the others left within {seconds:.1f} s")
    assert [codes[rank] for rank in range(3) if rank != victim] == [75, 75]
    assert seconds < SECONDS
    if victim:  # rank 0 prints, and it holds the rendezvous
        assert len(lines) == 1
        assert f"lost process 2 of 3, {killed.pid} on " in lines[0]
    else:
        assert any("lost process that of the rendezvous" in line for line in lines), lines


def wait_for(file: Path, command: Launched) -> None:
    until = time.monotonic() + 120
    while not file.exists():
        assert time.monotonic() < until
        assert all(process.poll() is None for process in command.processes)
        time.sleep(0.1)


def test_a_process_that_hangs_is_named_after_the_time_out(tmp_path: Path) -> None:
    first, hung, last = in_processes(partial(hang, folder=tmp_path), 3, tmp_path, seconds=3)
    assert "named" in first and "named" in last and "named" not in hung


def hang(ranks: DistributedRanks, found: dict[str, Tensor], *, folder: Path) -> None:
    ranks.report_progress(step=7, phase="a long thought")
    ranks.barrier()
    if ranks.rank == 1:
        until = time.monotonic() + 120
        while len(list(folder.glob("gone-*"))) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        return
    with pytest.raises(
        (PeerLostError, PeerLeftError),
        match=r"lost process 1 of 3, \d+ on .*, last seen .* s ago",
    ) as raised:
        ranks.all_reduce(torch.zeros(1))
    ranks.leave(75, str(raised.value))
    (folder / f"gone-{ranks.rank}").touch()
    found["named"] = torch.tensor(1)


def test_who_has_finished_is_not_among_the_lost(tmp_path: Path) -> None:
    first, _, _ = in_processes(partial(lose_at_the_end, folder=tmp_path), 3, tmp_path, seconds=60)
    assert "named" in first


def lose_at_the_end(ranks: DistributedRanks, found: dict[str, Tensor], *, folder: Path) -> None:
    """Rank 1 finishes, rank 2 is lost, rank 0 is in an exchange that they will not answer."""
    ranks.barrier()
    if ranks.rank == 1:
        ranks.finish()
        return
    if ranks.rank == 2:
        ranks._disconnect()
        until = time.monotonic() + 60
        while not (folder / "gone").exists() and time.monotonic() < until:
            time.sleep(0.1)
        return
    with pytest.raises(PeerLostError, match=r"lost process 2 of 3, \d+ on [^;]*; start") as raised:
        ranks.all_reduce(torch.zeros(1))
    (folder / "gone").touch()
    found["named"] = torch.tensor(1)
    assert not raised.value.rank_0


def test_rank_0_holds_the_rendezvous_until_the_others_have_left(tmp_path: Path) -> None:
    in_processes(partial(finish_in_turn, folder=tmp_path), 2, tmp_path)


def finish_in_turn(ranks: DistributedRanks, found: dict[str, Tensor], *, folder: Path) -> None:
    if not ranks.leads:
        time.sleep(1)
        (folder / "late").touch()
    ranks.finish()
    assert (folder / "late").exists()
    found["done"] = torch.tensor(1)


def test_one_process_joins_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join("cpu").size == 1


def test_torchrun_trains_as_one_process_does(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(RECIPES)
    train = ["-m", "convergan", "train", "mine.py:tiny", "--steps", "20", "--device", "cpu"]
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    for name, start in (("one", []), ("two", launch)):
        done = subprocess.run(
            [sys.executable, *start, *train, "--threads", "1", "--out", name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [f"report: {name}/report.html"]
    files = [
        sorted(f.relative_to(tmp_path / name) for f in (tmp_path / name).rglob("*"))
        for name in ("one", "two")
    ]
    assert files[0] == files[1]
