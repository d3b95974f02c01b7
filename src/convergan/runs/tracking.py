"""Callbacks of a run: each gets a step once, through stops and replays.

A run that was killed goes on from its last checkpoint and takes the steps since again, to the same
bits. A tracker elsewhere cannot take back what it got, as the run's own log can, so those steps are
not told again. Which they are is in ``callbacks.json``.
"""

import secrets
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..core.files import read_json, write_json
from ..core.progress import Progress
from ..training.callbacks import Callback, call_back, name_of

FILE = "callbacks.json"


class Tracking:
    """The callbacks of one job.

    Args:
        folder: of the job.
        callbacks: to call; where two have one name, the second is called ``NAME 2``.
    """

    def __init__(self, folder: Path, callbacks: Sequence[Callback]) -> None:
        self._file = folder / FILE
        self._named: dict[str, Callback] = {}
        seen: Counter[str] = Counter()
        for callback in callbacks:
            name = name_of(callback)
            seen[name] += 1
            self._named[name if seen[name] == 1 else f"{name} {seen[name]}"] = callback

    def __bool__(self) -> bool:
        return bool(self._named)

    def tell(self, progress: Progress) -> tuple[str, ...]:
        """Call each callback that has not had this step; return what the user should know.

        The number is written first, so that a kill in between costs a line and never brings one
        twice.

        Raises:
            CallbackError: if one fails.
        """
        if not self._named:
            return ()
        told = _read(self._file)
        waiting = [name for name in self._named if told.get(name, 0) < progress.step]
        if not waiting:
            return ()
        notices: tuple[str, ...] = ()
        try:
            write_json(self._file, told | dict.fromkeys(waiting, progress.step))
        except OSError as error:
            more = "after a stop, steps may be logged twice"
            notices = (f"{self._file} could not be written ({error}); {more}",)
        call_back([self._named[name] for name in waiting], progress)
        return notices

    def gave_up(self, first: int, last: int) -> tuple[str, ...]:
        """Say that what callbacks got of steps that the run goes back before will not be told."""
        if not self._named:
            return ()
        names = ", ".join(self._named)
        return (f"what {names} got of steps {first} to {last} is of the way that is given up",)


def _read(file: Path) -> dict[str, int]:
    if not file.exists():
        return {}
    found: dict[str, int] = read_json(file)
    return found


def key_of(folder: Path) -> str:
    """Return the key by which trackers know the run of a folder, the same after a stop."""
    file = folder / "tracked_as.json"
    if not file.exists():
        write_json(file, secrets.token_hex(4))
    found: str = read_json(file)
    return found
