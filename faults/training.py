"""A run in a child, what it says when it stops, and the hash of all that it came to."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from convergan.cli.exits import explain
from convergan.collective import join
from convergan.core.files import read_json
from convergan.core.progress import Progress
from convergan.data import Dataset
from convergan.runs.run import run
from convergan.training import checkpoint

from .modes import Mode, modes

Watch = Callable[[Progress], None]


def train(
    mode: Mode,
    folder: Path,
    *,
    watch: Watch | None = None,
    keep: int = 3,
    skip: int = 0,
    roll_back: int = 0,
    told: Path | None = None,
    dataset: Dataset | None = None,
) -> int:
    """Train to the end, or to where it stops, as the command line does, perhaps with others.

    Args:
        mode: what to train.
        folder: of the run.
        watch: is shown each event.
        keep: checkpoints to keep.
        skip: steps that may be left out.
        roll_back: times that the run may go back.
        told: beside which what the run says is written down; None for ``folder``.
        dataset: its rows; None for those of the mode.

    Returns:
        The exit code.
    """
    rows = mode.dataset if dataset is None else dataset
    ranks = join(mode.settings.device)
    try:
        for event in run(
            mode.recipe,
            rows,
            mode.settings,
            folder,
            baselines=False,
            keep=keep,
            skip=skip,
            roll_back=roll_back,
            ranks=ranks,
        ):
            for notice in event.notices:
                say(told or folder, notice)
            if watch:
                watch(event)
    except Exception as error:
        code, line = explain(error)
        ranks.leave(code, line)
        say(told or folder, line)
        return code
    ranks.finish()
    return 0


def load_all() -> None:
    """Take a step of every mode, so that children find loaded what is loaded at its first use."""
    with tempfile.TemporaryDirectory() as place:
        for number, mode in enumerate(modes()):
            train(mode.of_length(1), Path(place) / str(number))


def say(folder: Path, line: str) -> None:
    """Write down what a run says, each line in a file of its own, as files may be limited."""
    number = len(list(folder.parent.glob(f"{folder.name}.said-*")))
    folder.with_name(f"{folder.name}.said-{number:06d}").write_text(line, encoding="utf-8")


def words_of(folder: Path, rank: int) -> Path:
    """Return beside what one of several processes of a run writes down what it says."""
    return folder.with_name(f"{folder.name}-rank-{rank}")


def said(folder: Path) -> list[str]:
    """Return what a run has said."""
    files = sorted(folder.parent.glob(f"{folder.name}.said-*"))
    return [file.read_text(encoding="utf-8") for file in files]


def final_hash(folder: Path) -> str:
    """Return the hash of the final state of a finished run."""
    return str(read_json(folder / "result.json")["state_sha256"])


def outcome(folder: Path) -> str:
    """Hash the final state and the log but for its times; say so where there is none."""
    if not (folder / "result.json").exists():
        return "no result"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    untimed = [{k: v for k, v in line.items() if k != "seconds"} for line in lines]
    what = json.dumps([final_hash(folder), untimed], sort_keys=True)
    return hashlib.sha256(what.encode()).hexdigest()


def newest(folder: Path) -> int:
    """Return the step of the newest checkpoint that verifies, 0 for none."""
    if not (folder / "config.json").exists():
        return 0
    found, _ = checkpoint.read_latest(
        folder / "checkpoints", config_sha256=read_json(folder / "config.json")["sha256"]
    )
    return found.step if found else 0


def reference(mode: Mode) -> str:
    """Return the outcome of a run that nothing disturbs."""
    same = [place for place, other in enumerate(modes()) if other == mode]
    return _of_length(same[0]) if same else _undisturbed(mode)


@cache
def _of_length(place: int) -> str:
    return _undisturbed(modes()[place])


def _undisturbed(mode: Mode) -> str:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "calm"
        code = train(mode, folder)
        assert code == 0, said(folder)
        return outcome(folder)


def finished_as(mode: Mode, folder: Path, code: int | None, calm: str) -> str:
    """Return what is wrong with a run that went on to its end; nothing if all is right."""
    if code != 0:
        return f"the run ended with {code}: {' / '.join(said(folder)[-2:])}"
    if outcome(folder) != calm:
        return f"{mode.name} ended in another state than the run that nothing disturbed"
    return ""
