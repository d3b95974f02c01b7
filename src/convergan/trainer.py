"""Train one recipe in one folder: log, measure, draw samples, save, and go on after a stop."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .chance import derive
from .collective import ALONE, Ranks, Sharing, share_out
from .data import Batches, Dataset, LabeledSubset, to_unit_range
from .images import sample_picture
from .neighbor_cache import find_neighbors
from .recipes import Recipe
from .signals import Interrupted, Wishes, read_counts
from .training import (
    CheckpointError,
    NonFiniteError,
    State,
    checkpoint,
    count_errors,
    draw_samples,
    evaluate,
    predict_probabilities,
    train,
)
from .training.checkpoint import replace_file, write_array, write_csv, write_json

LOG_EVERY = 50
SAMPLES = 100


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
        ranks: the processes that train as one, of which rank 0 writes.
    """

    recipe: Recipe
    dataset: Dataset
    pictures: Tensor
    subset: LabeledSubset
    steps: int
    seed: int
    device: torch.device
    autocast: torch.dtype | None
    folder: Path
    identity: str
    keep: int
    ranks: Ranks = ALONE
    _metrics: dict[str, Any] = field(default_factory=dict)

    def run(self, wishes: Wishes) -> Iterator[Event]:
        """Train from the newest checkpoint, or from the start, and write ``result.json``.

        Does nothing where ``result.json`` exists. Raises as `convergan.run.run`.
        """
        if self.ranks.tell((self.folder / "result.json").exists()):
            return
        real = self._judge_reals()  # a judge that refuses the data does so before the first step
        state = self.start()
        sharing = share_out(
            self.ranks,
            self.recipe.batch_size,
            unit=state.discriminator.network.rows_together,
            ask=wishes.counts,
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
            sharing=sharing,
        )
        records = train(
            state,
            self.recipe.step,
            batches,
            steps=self.steps,
            schedule=self.recipe.schedule,
            seed=self.seed,
            device=self.device,
            autocast=self.autocast,
            sharing=sharing,
        )
        try:
            for record in records:
                self._log(state, record.losses, time.perf_counter() - started)
                stop, save = self._wanted(wishes, sharing)
                last = record.step == self.steps
                if last or stop or save or self._due(record.step):
                    self._save(state, time.perf_counter() - started)
                    wishes.save = False
                if stop and not last:
                    raise Interrupted(
                        stop,
                        f"after step {record.step}; a checkpoint is written, "
                        "and the same command goes on from it",
                    )
                yield Event(record.step, self._metrics)
        except NonFiniteError as error:
            raise NonFiniteError(f"step {state.step + 1}: {error}; {self._newest()}") from None
        self._finish(state, time.perf_counter() - started, real)

    def start(self) -> State:
        """Build both networks and stand before the first step."""
        return self.recipe.start(
            self.dataset.train.images,
            len(self.dataset.classes),
            seed=self.seed,
            device=self.device,
        )

    def _spread_labels(self) -> Tensor | None:
        if self.recipe.neighbors is None:
            return None
        rows, labels = self.subset
        neighbors = find_neighbors(self.recipe.neighbors, self.pictures)
        spread = self.recipe.label_spreading(neighbors, rows, labels, len(self.dataset.classes))
        return self.ranks.tell_tensor(spread)

    def _wanted(self, wishes: Wishes, sharing: Sharing | None) -> tuple[int | None, bool]:
        """Return the signal to stop at, and whether to save: what all processes have agreed on."""
        return (wishes.stop, wishes.save) if sharing is None else read_counts(sharing.listen())

    def _due(self, step: int) -> bool:
        return step % self.recipe.checkpoint_every == 0

    def _log(self, state: State, losses: dict[str, Tensor], seconds: float) -> None:
        evaluating = state.step % self.recipe.evaluate_every == 0 or state.step == self.steps
        if not evaluating and state.step % LOG_EVERY:
            return
        line: dict[str, Any] = {"step": state.step, "seconds": round(seconds, 3)}
        line |= {name: loss.item() for name, loss in losses.items()}
        if evaluating:
            self.ranks.mark(step=state.step, phase="evaluation")
            samples = self._samples(state).cpu()
            if self.ranks.leads and self.recipe.judge:
                line |= self.recipe.judge(samples, self.dataset)
            line |= self._test(state)
            if self.ranks.leads:
                name = f"step-{state.step:09d}.png"
                replace_file(self.folder / "samples" / name, self._picture(samples))
            self.ranks.wait()
        if self.ranks.leads:
            with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
        self._metrics |= line

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
            nearest = torch.cdist(samples, self.dataset.train.images).argmin(dim=1)
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

    def _save(self, state: State, seconds: float) -> None:
        """See that all processes have the same state, and let rank 0 write it."""
        self.ranks.mark(step=state.step, phase="checkpoint")
        self._require_one_state(state)
        if self.ranks.leads:
            self._write(state, seconds)
        self.ranks.wait()

    def _require_one_state(self, state: State) -> None:
        if self.ranks.size > 1:
            self.ranks.require_same(
                state.digests(), f"at step {state.step} they train apart; {self._newest()}"
            )

    def _write(self, state: State, seconds: float) -> None:
        log = self.folder / "metrics.jsonl"
        log.touch()
        with log.open("rb") as file:
            written = file.read()
            os.fsync(file.fileno())
        try:
            checkpoint.save(
                self._checkpoints,
                state.tensors(),
                step=state.step,
                config_sha256=self.identity,
                extra={
                    "seconds": round(seconds, 3),
                    "log_bytes": len(written),
                    "log_sha256": hashlib.sha256(written).hexdigest(),
                },
                keep=self.keep,
            )
        except OSError as error:
            raise OSError(
                f"the checkpoint of step {state.step} could not be written to "
                f"{self._checkpoints} ({error}); {self._newest()}"
            ) from error

    def _go_on(self, state: State) -> tuple[float, tuple[str, ...]]:
        """Let rank 0 resume and tell the others, so that they need not see its files."""
        seconds, notices = 0.0, tuple[str, ...]()
        if self.ranks.leads:
            (self.folder / "samples").mkdir(parents=True, exist_ok=True)
            seconds, notices = self._resume(state)
        if self.ranks.size > 1:
            tensors = sorted(state.tensors().items())
            state.load({name: self.ranks.tell_tensor(tensor) for name, tensor in tensors})
            self._require_one_state(state)
        return seconds, notices

    def _resume(self, state: State) -> tuple[float, tuple[str, ...]]:
        """Load the newest checkpoint that verifies and cut the log back to it."""
        checkpoint.clear_leftovers(self._checkpoints)
        found, refused = checkpoint.read_latest(self._checkpoints, config_sha256=self.identity)
        notices = tuple(f"refused: {reason}" for reason in refused)
        if found is None:
            if refused:
                raise CheckpointError(
                    f"no checkpoint in {self._checkpoints} can be used: {'; '.join(refused)}; "
                    "remove the folder to start anew"
                )
            (self.folder / "metrics.jsonl").unlink(missing_ok=True)
            return 0.0, notices
        checkpoint.require_same_layout(found.tensors, state.tensors())
        self._cut_log(found.extra)
        state.load(found.tensors)
        return found.extra["seconds"], (*notices, f"going on from step {found.step}")

    def _cut_log(self, extra: dict[str, Any]) -> None:
        log = self.folder / "metrics.jsonl"
        kept = log.read_bytes()[: extra["log_bytes"]] if log.exists() else b""
        if hashlib.sha256(kept).hexdigest() != extra["log_sha256"]:
            raise CheckpointError(f"{log} is not the log that the checkpoint was written with")
        replace_file(log, kept)
        for line in kept.splitlines():
            self._metrics |= json.loads(line)

    def _newest(self) -> str:
        folders = sorted(self._checkpoints.glob("step-*"))
        return f"the last good checkpoint is {folders[-1]}" if folders else "no checkpoint yet"

    def _finish(self, state: State, seconds: float, real: dict[str, float]) -> None:
        """Write ``result.json`` and, of a classifier, what it predicts."""
        result: dict[str, Any] = {
            "steps": state.step,
            "seconds": round(seconds, 3),
            "state_sha256": state.sha256(),
            "test_error": self._metrics.get("test_error"),
            "test_error_last": self._metrics.get("test_error_last"),
        }
        if self.recipe.judge:
            result |= {"judged": {name: self._metrics[name] for name in real}, "real": real}
        test = self.dataset.test
        if self.recipe.classifies and len(test.labels):
            probabilities = self._predict(state, test.images)
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
        self.ranks.wait()

    def _predict(self, state: State, images: Tensor) -> Tensor:
        """Return the averaged weights' class probabilities, (N, K)."""
        player = state.discriminator
        return predict_probabilities(
            player.network,
            player.averaged_parameters(),
            images,
            device=self.device,
            batch_size=self.recipe.test_batch,
            ranks=self.ranks,
        )

    def _predict_unlabeled(self, state: State) -> None:
        """Write the class of every row that came without one: what such data are trained for."""
        train = self.dataset.train
        rows = (train.labels < 0).nonzero().flatten()
        probabilities = self._predict(state, train.images[rows])
        lines: list[tuple[Any, ...]] = [("row", "file", "class", "probability")]
        for row, p in zip(rows.tolist(), probabilities, strict=True):
            file = train.names[row] if train.names else ""
            name = self.dataset.classes[int(p.argmax())]
            lines.append((row, file, name, f"{p.max().item():.6f}"))
        if self.ranks.leads:
            write_csv(self.folder / "predictions.csv", lines)
