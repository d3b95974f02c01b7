"""What must never be lost of a run: its checkpoints and its log, which go together."""

import shutil
from collections.abc import Mapping
from typing import Any

from ..core.files import write_json
from ..data import Batches
from ..training import CheckpointError, State, checkpoint
from .job import Job
from .log import RunLog
from .roll_back import LeftOut

FAILED_SAVES = 3
"""Checkpoints in a row that the disk may refuse; the last one ends the run."""


class Recorder:
    """Saves and resumes one job, and writes its log.

    Args:
        job: whose folder it is.

    Attributes:
        metrics: the newest figures of the log.
        left_out: steps that the run has left out.
    """

    def __init__(self, job: Job) -> None:
        self.metrics: dict[str, Any] = {}
        self.left_out = LeftOut()
        self._job = job
        self._checkpoints = job.folder / "checkpoints"
        self._log = RunLog(job.folder / "metrics.jsonl")
        self._failed_saves = 0

    def log(self, line: Mapping[str, Any]) -> tuple[str, ...]:
        """Write a line, in rank 0; return what the user should know."""
        return self._log.add(line) if self._job.ranks.leads else ()

    def newest(self) -> str:
        """Say where the newest checkpoint is."""
        folders = sorted(self._checkpoints.glob("step-*"))
        return f"the last good checkpoint is {folders[-1]}" if folders else "no checkpoint yet"

    def save(self, state: State, seconds: float, *, must: bool) -> tuple[str, ...]:
        """See that all processes have the same state, and let rank 0 write it.

        Args:
            state: to save.
            seconds: that the run has taken so far.
            must: raise where the disk refuses; otherwise return a notice, as often as
                `FAILED_SAVES` allows.

        Raises:
            ValueError: in all processes, if their states differ.
            OSError: if the disk refuses and may not.
        """
        ranks = self._job.ranks
        ranks.report_progress(step=state.step, phase="checkpoint")
        self._require_one_state(state)
        notices = self._write(state, seconds, must=must) if ranks.leads else ()
        ranks.barrier()
        return notices

    def _require_one_state(self, state: State) -> None:
        ranks = self._job.ranks
        if ranks.size > 1:  # hashing every tensor takes time, and alone there is nothing to compare
            hint = f"at step {state.step} they train apart; {self.newest()}"
            ranks.require_same(state.digests(), hint)

    def _write(self, state: State, seconds: float, *, must: bool) -> tuple[str, ...]:
        extra = {"seconds": round(seconds, 3), **self.left_out.plain()}
        try:
            checkpoint.save(
                self._checkpoints,
                state.tensors(),
                step=state.step,
                config_sha256=self._job.identity,
                extra=extra | self._log.sync(),
                keep=self._job.keep + self._job.roll_back,
            )
        except OSError as error:
            self._failed_saves += 1
            reason = (
                f"the checkpoint of step {state.step} could not be written to "
                f"{self._checkpoints} ({error}); it needs {_megabytes(_bytes_of(state))}, "
                f"{_megabytes(shutil.disk_usage(self._job.folder).free)} are free; {self.newest()}"
            )
            if must or self._failed_saves >= FAILED_SAVES:
                raise OSError(reason) from error
            return (reason,)
        self._failed_saves = 0
        return ()

    def resume(self, state: State) -> tuple[float, tuple[str, ...]]:
        """Let rank 0 load the newest checkpoint and broadcast it; the others need not see files.

        Returns:
            Seconds that the run has taken so far, and what the user should know.

        Raises:
            CheckpointError: if there are checkpoints and none can be used.
            ValueError: in all processes, if their states differ afterwards.
        """
        ranks, seconds, notices = self._job.ranks, 0.0, tuple[str, ...]()
        if ranks.leads:
            (self._job.folder / "samples").mkdir(parents=True, exist_ok=True)
            seconds, notices = self._load(state)
        if ranks.size > 1:
            tensors = sorted(state.tensors().items())
            state.load({name: ranks.broadcast_tensor(tensor) for name, tensor in tensors})
            self.left_out = LeftOut.from_plain(ranks.broadcast(self.left_out.plain()))
            self._require_one_state(state)
        return seconds, notices

    def _load(self, state: State) -> tuple[float, tuple[str, ...]]:
        checkpoint.clear_leftovers(self._checkpoints)
        expected = state.tensors()

        def fits(found: checkpoint.Checkpoint) -> None:
            tensors = checkpoint.under_present_names(found.tensors, expected)
            checkpoint.require_same_layout(tensors, expected)
            self._log.require_beginning(found.extra)

        found, refused = checkpoint.read_latest(
            self._checkpoints, config_sha256=self._job.identity, require=fits
        )
        notices = tuple(f"refused: {reason}" for reason in refused)
        if found is None:
            if refused:
                raise CheckpointError(
                    f"no checkpoint in {self._checkpoints} can be used: {'; '.join(refused)}; "
                    "remove the folder to start anew"
                )
            self._log.clear()
            return 0.0, notices
        for line in self._log.cut_back(found.extra):
            if not line.keys() & {"skipped", "rolled_back_to"}:
                self.metrics |= line
        state.load(checkpoint.under_present_names(found.tensors, expected))
        self.left_out = LeftOut.from_plain(found.extra)
        return found.extra["seconds"], (*notices, f"going on from step {found.step}")

    def go_back(self, state: State, left_out: LeftOut) -> tuple[str, ...]:
        """Return to the checkpoint before the last steps that are left out, or to the start.

        A kill at any point of this loses nothing: from any checkpoint that is left, the run comes
        to the same step again and does the same.

        Args:
            state: changed in place.
            left_out: with the steps that are left out from now on as the last of those rolled back.

        Returns:
            What the user should know.
        """
        if self._job.ranks.leads:  # those of the way that is given up
            checkpoint.remove_later(self._checkpoints, left_out.rolled_back[-1].first - 1)
        self.metrics, self.left_out = {}, LeftOut()
        state.load(self._job.start().tensors())  # where there is no checkpoint
        _, notices = self.resume(state)
        self.left_out = self.left_out._replace(rolled_back=left_out.rolled_back)
        return notices

    def report_non_finite(self, step: int, reason: str, batches: Batches) -> None:
        """Write which step of which rows could not be taken, and why."""
        kinds = ("labeled", "unlabeled", "matching")
        found = zip(kinds, (rows.tolist() for rows in batches.rows(step)), strict=True)
        report = {"step": step, "reason": reason, "rows": dict(found), "before": self.metrics}
        write_json(self._job.folder / "non_finite.json", report)


def _bytes_of(state: State) -> int:
    return sum(tensor.nbytes for tensor in state.tensors().values())


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
