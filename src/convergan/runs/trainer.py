"""Train one recipe in one folder: log, measure, draw samples, save, and go on after a stop."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..core.chance import derive
from ..collective import ALONE, Ranks, Sharing, share_batches
from ..data import Batch, Batches, DataError, Dataset, Images, LabeledSubset, to_unit_range
from ..core.pictures import sample_picture
from .neighbor_cache import find_neighbors
from ..recipes import Recipe
from .log import RunLog
from ..core.signals import Interrupted, StopRequests, decode_counts
from ..training import CheckpointError, NonFiniteError, Record, State, checkpoint, count_errors, draw_samples, evaluate, predict_probabilities, train
from ..core.files import replace_file, write_array, write_csv, write_json
from ..training.loop import LEFT_OUT
from .roll_back import RollBack, roll_back

LOG_EVERY = 50
SAMPLES = 100
FAILED_SAVES = 3
"""Checkpoints in a row that the disk may refuse; the last one ends the run."""


class Event(NamedTuple):
    """What a trainer reports after a step.

    Attributes:
        step: finished steps.
        metrics: the newest line of the log.
        notices: what the user should know, usually nothing.
    """

    step: int
    metrics: dict[str, Any]
    notices: tuple[str, ...] = ()


@dataclass
class Trainer:
    """A recipe on its way from the first step to ``result.json``.

    Attributes:
        recipe: what to train.
        dataset: its rows, as the players see them.
        pictures: the training rows themselves.
        subset: the rows whose labels are used.
        steps: number of the last step.
        seed: of the run.
        device: where to train.
        autocast: dtype of matrix products, or None for that of the weights.
        folder: where everything is written.
        identity: hash that checkpoints must carry.
        keep: checkpoints to keep.
        skip: steps in a row that are left out where a loss or gradient is not finite; 0 to stop at
            the first.
        roll_back: times that the run may go back to a checkpoint rather than stop at a step that is
            not finite and not skipped, see `convergan.runs.roll_back`.
        ranks: the processes that train as one, of which rank 0 writes.
    """

    recipe: Recipe
    dataset: Dataset
    pictures: Images
    subset: LabeledSubset
    steps: int
    seed: int
    device: torch.device
    autocast: torch.dtype | None
    folder: Path
    identity: str
    keep: int
    skip: int = 0
    roll_back: int = 0
    ranks: Ranks = ALONE
    _metrics: dict[str, Any] = field(default_factory=dict)
    _failed_saves: int = 0
    _skipped: int = 0
    _skipped_in_a_row: int = 0
    _rolled_back: list[RollBack] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Find the log."""
        self._log = RunLog(self.folder / "metrics.jsonl")

    def run(self, requests: StopRequests) -> Iterator[Event]:
        """Train from the newest checkpoint, or from the start, and write ``result.json``.

        Does nothing where ``result.json`` exists. Raises as `convergan.runs.run.run`.
        """
        if self.ranks.broadcast((self.folder / "result.json").exists()):
            return
        real = self._judge_reals()  # a judge that refuses the data does so before the first step
        state = self.start()
        sharing = share_batches(
            self.ranks,
            self.recipe.batch_size,
            unit=state.discriminator.network.rows_together,
            requests=requests.counts,
        )
        seconds, notices = self._go_on(state)
        yield Event(state.step, self._metrics, notices)
        started = time.perf_counter() - seconds
        batches = Batches(
            self.dataset.train.images,
            self.subset.rows,
            self.subset.labels,
            batch_size=self.recipe.batch_size,
            seed=self.seed,
            device=self.device,
            spread=self._spread_labels(),
            kinds=self.recipe.takes,
            sharing=sharing,
        )
        while True:
            try:
                yield from self._take_steps(state, batches, requests, sharing, started)
                break
            except NonFiniteError as error:
                notices = self._go_back(state, error, batches)
            yield Event(state.step, self._metrics, notices)
        self._finish(state, time.perf_counter() - started, real)

    def _take_steps(
        self,
        state: State,
        batches: Batches,
        requests: StopRequests,
        sharing: Sharing,
        started: float,
    ) -> Iterator[Event]:
        records = train(
            state,
            self.recipe.step,
            partial(self._batch, batches, state, started),
            steps=self.steps,
            schedule=self.recipe.schedule,
            seed=self.seed,
            device=self.device,
            autocast=self.autocast,
            may_skip=lambda: self._skipped_in_a_row < self.skip,
            left_out=lambda step: any(r.first <= step <= r.last for r in self._rolled_back),
            sharing=sharing,
        )
        noted = state.step
        try:
            for record in records:
                seconds = time.perf_counter() - started
                notices = self._note(state, record, seconds)
                noted = record.step
                # A step that is left out exchanges no gradients, and so no requests.
                stop, save = decode_counts(sharing.take_requests() or (0, 0, 0))
                last = record.step == self.steps
                if last or stop or save or self._due(record.step):
                    notices += self._save(state, seconds, must=last or bool(stop))
                    requests.save = False
                if stop and not last:
                    raise Interrupted(
                        stop,
                        f"after step {record.step}; a checkpoint is written, "
                        "and the same command goes on from it",
                    )
                yield Event(record.step, self._metrics, notices)
        except DataError as error:  # a file that could be read before
            raise DataError(f"step {noted + 1}: {error}; {self._newest()}") from None

    def start(self) -> State:
        """Build both networks and stand before the first step."""
        return self.recipe.start(
            self.dataset.train.images,
            len(self.dataset.classes),
            seed=self.seed,
            device=self.device,
        )

    def _batch(self, batches: Batches, state: State, started: float, step: int) -> Batch:
        """Return the batch of a step; where any process cannot have its share, save before it.

        Raises:
            DataError: in all processes.
        """
        batch, problem = None, ""
        try:
            batch = batches(step)
        except DataError as error:
            problem = str(error)
        if self.dataset.train.may_fail:
            problem = self.ranks.first_message(problem)
        if batch is None or problem:
            self._save(state, time.perf_counter() - started, must=True)
            raise DataError(problem)
        return batch

    def _spread_labels(self) -> Tensor | None:
        if self.recipe.neighbors is None:
            return None
        rows, labels = self.subset
        neighbors = find_neighbors(self.recipe.neighbors, self.pictures[:])
        spread = self.recipe.label_spreading(neighbors, rows, labels, len(self.dataset.classes))
        return self.ranks.broadcast_tensor(spread)

    def _due(self, step: int) -> bool:
        return step % self.recipe.checkpoint_every == 0

    def _note(self, state: State, record: Record, seconds: float) -> tuple[str, ...]:
        """Write what is to be written after a step; return what the user should know."""
        notices = self._count_skipped(record, seconds)
        evaluating = state.step % self.recipe.evaluate_every == 0 or state.step == self.steps
        if not evaluating and state.step % LOG_EVERY:
            return notices
        line: dict[str, Any] = {"step": state.step, "seconds": round(seconds, 3)}
        line |= {name: loss.item() for name, loss in record.losses.items()}
        if evaluating:
            self.ranks.report_progress(step=state.step, phase="evaluation")
            samples = self._samples(state).cpu()
            if self.ranks.leads and self.recipe.judge:
                line |= self.recipe.judge(samples, self.dataset)
            line |= self._test(state)
            if self.ranks.leads:
                notices += self._write_picture(state.step, samples)
            self.ranks.barrier()
        self._metrics |= line
        return notices + self._log_line(line)

    def _log_line(self, line: dict[str, Any]) -> tuple[str, ...]:
        return self._log.add(line) if self.ranks.leads else ()

    def _count_skipped(self, record: Record, seconds: float) -> tuple[str, ...]:
        """Log a step that was left out."""
        if record.skipped == LEFT_OUT:
            return self._tell_rolled_back(record.step, seconds)
        if record.skipped is None:
            self._skipped_in_a_row = 0
            return ()
        self._skipped += 1
        self._skipped_in_a_row += 1
        line = {"step": record.step, "seconds": round(seconds, 3), "skipped": record.skipped}
        return (f"step {record.step} was left out: {record.skipped}", *self._log_line(line))

    def _tell_rolled_back(self, step: int, seconds: float) -> tuple[str, ...]:
        """Log what was left out up to here."""
        notices = tuple[str, ...]()
        for first, last, reason in self._rolled_back:
            if last == step:
                line = {"step": step, "seconds": round(seconds, 3), "rolled_back_to": first - 1}
                notices += self._log_line(line | {"reason": reason})
        return notices

    def _write_picture(self, step: int, samples: Tensor) -> tuple[str, ...]:
        file = self.folder / "samples" / f"step-{step:09d}.png"
        try:
            replace_file(file, self._picture(samples))
        except OSError as error:
            return (f"{file} could not be written: {error}",)
        return ()

    def _test(self, state: State) -> dict[str, float]:
        if not (self.recipe.classifies and len(self.dataset.test.labels)):
            return {}
        player = state.discriminator
        tested, last = (
            evaluate(
                player.network,
                parameters,
                self.dataset.test,
                device=self.device,
                batch_size=self.recipe.test_batch,
                ranks=self.ranks,
            ).error
            for parameters in (player.averaged_parameters(), {})
        )
        return {"test_error": tested, "test_error_last": last}

    def _judge_reals(self) -> dict[str, float]:
        """Judge as many rows as samples: of the test split if it has them, else of training."""
        if self.recipe.judge is None or not self.ranks.leads:
            return {}
        test, train, count = self.dataset.test, self.dataset.train, self.recipe.judged_samples
        rows = (test if len(test.labels) >= count else train).images[:count]
        return self.recipe.judge(to_unit_range(rows), self.dataset)

    def _picture(self, samples: Tensor) -> bytes:
        """Show samples; of descriptors, the training images that come nearest to each."""
        if samples.dim() == 4:
            samples = samples[:SAMPLES]
        if self.recipe.descriptor is not None:
            nearest = torch.cdist(samples, self.dataset.train.images[:]).argmin(dim=1)
            samples = to_unit_range(self.pictures[nearest])
        return sample_picture(samples)

    def _samples(self, state: State) -> Tensor:
        player = state.generator
        return draw_samples(
            player.network,
            player.averaged_parameters(),
            self.recipe.judged_samples if self.recipe.judge else SAMPLES,
            batch_size=self.recipe.batch_size,
            chance=derive(self.seed, "samples", 0, device=self.device),
            ranks=self.ranks,
        )

    # --- what must never be lost -----------------------------------------------------------------

    @property
    def _checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def _save(self, state: State, seconds: float, *, must: bool) -> tuple[str, ...]:
        """See that all processes have the same state, and let rank 0 write it.

        Where the disk refuses, return a notice, or raise if it must be.
        """
        self.ranks.report_progress(step=state.step, phase="checkpoint")
        self._require_one_state(state)
        notices = self._write(state, seconds, must=must) if self.ranks.leads else ()
        self.ranks.barrier()
        return notices

    def _require_one_state(self, state: State) -> None:
        if self.ranks.size > 1:
            self.ranks.require_same(
                state.digests(), f"at step {state.step} they train apart; {self._newest()}"
            )

    def _write(self, state: State, seconds: float, *, must: bool) -> tuple[str, ...]:
        try:
            checkpoint.save(
                self._checkpoints,
                state.tensors(),
                step=state.step,
                config_sha256=self.identity,
                extra={
                    "seconds": round(seconds, 3),
                    "skipped": [self._skipped, self._skipped_in_a_row],
                    "rolled_back": self._rolled_back,
                    **self._log.mark(),
                },
                keep=self.keep + self.roll_back,
            )
        except OSError as error:
            self._failed_saves += 1
            reason = (
                f"the checkpoint of step {state.step} could not be written to "
                f"{self._checkpoints} ({error}); it needs {_megabytes(_bytes_of(state))}, "
                f"{_megabytes(shutil.disk_usage(self.folder).free)} are free; {self._newest()}"
            )
            if must or self._failed_saves >= FAILED_SAVES:
                raise OSError(reason) from error
            return (reason,)
        self._failed_saves = 0
        return ()

    def _go_on(self, state: State) -> tuple[float, tuple[str, ...]]:
        """Let rank 0 resume and tell the others, so that they need not see its files."""
        seconds, notices = 0.0, tuple[str, ...]()
        if self.ranks.leads:
            (self.folder / "samples").mkdir(parents=True, exist_ok=True)
            seconds, notices = self._resume(state)
        if self.ranks.size > 1:
            tensors = sorted(state.tensors().items())
            state.load({name: self.ranks.broadcast_tensor(tensor) for name, tensor in tensors})
            counts = (self._skipped, self._skipped_in_a_row, self._rolled_back)
            self._skipped, self._skipped_in_a_row, rolled_back = self.ranks.broadcast(counts)
            self._rolled_back = [RollBack(*made) for made in rolled_back]
            self._require_one_state(state)
        return seconds, notices

    def _resume(self, state: State) -> tuple[float, tuple[str, ...]]:
        """Load the newest checkpoint that fits, and cut the log back to it."""
        checkpoint.clear_leftovers(self._checkpoints)
        expected = state.tensors()

        def fits(found: checkpoint.Checkpoint) -> None:
            checkpoint.require_same_layout(found.tensors, expected)
            self._log.require(found.extra)

        found, refused = checkpoint.read_latest(
            self._checkpoints, config_sha256=self.identity, require=fits
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
        for line in self._log.cut(found.extra):
            if not line.keys() & {"skipped", "rolled_back_to"}:
                self._metrics |= line
        state.load(found.tensors)
        self._skipped, self._skipped_in_a_row = found.extra.get("skipped", (0, 0))
        self._rolled_back = [RollBack(*made) for made in found.extra.get("rolled_back", ())]
        return found.extra["seconds"], (*notices, f"going on from step {found.step}")

    def _go_back(self, state: State, error: NonFiniteError, batches: Batches) -> tuple[str, ...]:
        """Go back to a checkpoint before a step that is not finite, and leave out the steps since.

        A kill at any point of this loses nothing: from any checkpoint that is left, the run comes
        to the same step again and does the same.

        Raises:
            NonFiniteError: if that has been done too often.
        """
        step = state.step + 1
        if self.ranks.leads:
            self._report_non_finite(step, error, batches)
        if len(self._rolled_back) >= self.roll_back:
            before = f"steps left out right before it: {self._skipped_in_a_row}; " * bool(self.skip)
            before += f"rolled back before it: {len(self._rolled_back)}; " * bool(self.roll_back)
            raise NonFiniteError(f"step {step}: {error}; {before}{self._newest()}") from None
        every = self.recipe.checkpoint_every
        made = roll_back(self._rolled_back, step, every=every, reason=str(error))
        rolled_back = [*self._rolled_back, made]
        if self.ranks.leads:  # those of the way that is given up
            checkpoint.remove_later(self._checkpoints, made.first - 1)
        self._metrics, self._skipped, self._skipped_in_a_row = {}, 0, 0
        state.load(self.start().tensors())  # where there is no checkpoint
        _, notices = self._go_on(state)
        self._rolled_back = rolled_back
        told = f"step {step}: {error}; rolled back, and leaving out steps {made.first} to {step}"
        return (told, *notices)

    def _report_non_finite(self, step: int, error: NonFiniteError, batches: Batches) -> None:
        """Write which step of which rows could not be taken, and why."""
        labeled, unlabeled, matching = (rows.tolist() for rows in batches.rows(step))
        rows = {"labeled": labeled, "unlabeled": unlabeled, "matching": matching}
        report = {"step": step, "reason": str(error), "rows": rows, "before": self._metrics}
        write_json(self.folder / "non_finite.json", report)

    def _newest(self) -> str:
        folders = sorted(self._checkpoints.glob("step-*"))
        return f"the last good checkpoint is {folders[-1]}" if folders else "no checkpoint yet"

    def _finish(self, state: State, seconds: float, real: dict[str, float]) -> None:
        """Write ``result.json`` and, of a classifier, what it predicts."""
        result: dict[str, Any] = {
            "steps": state.step,
            "seconds": round(seconds, 3),
            "state_sha256": state.sha256(),
            **({"skipped_steps": self._skipped} if self._skipped else {}),
            **(
                {"rolled_back": [r._asdict() for r in self._rolled_back]}
                if self._rolled_back
                else {}
            ),
            "test_error": self._metrics.get("test_error"),
            "test_error_last": self._metrics.get("test_error_last"),
        }
        if self.recipe.judge:
            result |= {"judged": {name: self._metrics[name] for name in real}, "real": real}
        test = self.dataset.test
        if self.recipe.classifies and len(test.labels):
            probabilities = self._predict(state, test.images, torch.arange(len(test.labels)))
            measured = count_errors(
                probabilities.argmax(dim=1), test.labels, len(self.dataset.classes)
            )
            result |= {"test_error": measured.error, "confusion": measured.confusion.tolist()}
            if self.ranks.leads:
                write_array(self.folder / "test_probabilities.npy", probabilities.float())
        if self.recipe.classifies and bool((self.dataset.train.labels < 0).any()):
            self._predict_unlabeled(state)
        if self.ranks.leads:
            write_json(self.folder / "result.json", result)
        self.ranks.barrier()

    def _predict(self, state: State, images: Images, rows: Tensor) -> Tensor:
        """Return the averaged weights' class probabilities of some rows, (N, K)."""
        player = state.discriminator
        return predict_probabilities(
            player.network,
            player.averaged_parameters(),
            images,
            rows=rows,
            device=self.device,
            batch_size=self.recipe.test_batch,
            ranks=self.ranks,
        )

    def _predict_unlabeled(self, state: State) -> None:
        """Write the class of every row that came without one: what such data are trained for."""
        train = self.dataset.train
        rows = (train.labels < 0).nonzero().flatten()
        probabilities = self._predict(state, train.images, rows)
        lines: list[tuple[Any, ...]] = [("row", "file", "class", "probability")]
        for row, p in zip(rows.tolist(), probabilities, strict=True):
            file = train.names[row] if train.names else ""
            name = self.dataset.classes[int(p.argmax())]
            lines.append((row, file, name, f"{p.max().item():.6f}"))
        if self.ranks.leads:
            write_csv(self.folder / "predictions.csv", lines)


def _bytes_of(state: State) -> int:
    return sum(tensor.nbytes for tensor in state.tensors().values())


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
