"""Kill a run at random moments with SIGKILL, go on until it is done, and compare final hashes.

``python -m bench.kill_and_resume --kills 20`` trains the digits recipe once without interruption
and once with; prints where each kill fell and whether the hashes of both final states agree.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from convergan.sweep import logged_step


def command(folder: Path, steps: int) -> list[str]:
    return [
        *(sys.executable, "-m", "convergan", "train", "digits", "--no-baselines", "--threads", "1"),
        *("--steps", str(steps), "--out", str(folder)),
    ]


def start(folder: Path, steps: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command(folder, steps), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def saved_step(folder: Path) -> int:
    names = [path.name for path in (folder / "checkpoints").glob("step-*")]
    return max((int(name.removeprefix("step-")) for name in names), default=0)


def final_hash(folder: Path) -> str:
    return str(json.loads((folder / "result.json").read_text())["state_sha256"])


def train_with_kills(folder: Path, steps: int, kills: int, chance: random.Random) -> list[int]:
    """Train to the end through ``kills`` kills; return the last logged step before each.

    A kill falls at random, once the process has logged between 50 and 800 steps of its own.
    """
    fallen: list[int] = []
    while True:
        process = start(folder, steps)
        first, wanted = saved_step(folder), 50 * chance.randint(1, 16)
        while process.poll() is None and len(fallen) < kills:
            if logged_step(folder) >= first + wanted:
                time.sleep(chance.random() / 2)
                process.kill()
                fallen.append(logged_step(folder))
                break
            time.sleep(0.02)
        process.wait()
        if process.returncode == 0:
            return fallen
        if process.returncode != -signal.SIGKILL:
            raise SystemExit(f"the run ended with {process.returncode}, not by a kill")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        calm, shaken = Path(place) / "calm", Path(place) / "shaken"
        start(calm, arguments.steps).wait()
        started = time.perf_counter()
        fallen = train_with_kills(
            shaken, arguments.steps, arguments.kills, random.Random(arguments.seed)
        )
        print(f"{len(fallen)} kills, last logged step before each: {fallen}")
        print(f"uninterrupted {final_hash(calm)}")
        print(f"killed        {final_hash(shaken)}")
        print(f"{time.perf_counter() - started:.0f} seconds")
        if final_hash(calm) != final_hash(shaken):
            raise SystemExit("the states differ")
        print("the states are equal, bit for bit")


if __name__ == "__main__":
    main()
