"""Train one recipe in one folder: log, measure, draw samples, save, and go on after a stop."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from torch import Tensor

from ..collective import Sharing, share_batches
from ..core.files import write_json
from ..core.progress import Progress
from ..core.signals import Interrupted, StopRequests, decode_counts
from ..data import Batch, Batches, DataError
from ..recipes.first_look import require_players_fit
from ..training import NonFiniteError, State, train
from ..training.loop import LEFT_OUT
from .evaluator import Evaluator
from .job import Job
from .neighbor_cache import find_neighbors
from .recorder import Recorder
from .roll_back import LeftOut, roll_back
from .tracking import Tracking

LOG_EVERY = 50


class Trainer:
    """A job on its way from the first step to ``result.json``.

    Args:
        job: what to train.
        requests: what signals ask for meanwhile.
    """

    def __init__(self, job: Job, requests: StopRequests) -> None:
        self.job = job
        self._requests = requests
        self._recorder = Recorder(job)
        self._evaluator = Evaluator(job)
        self._tracking = Tracking(job.folder, job.callbacks if job.ranks.leads else ())
        self._started = 0.0

    def run(self) -> Iterator[Progress]:
        """Train from the newest checkpoint, or from the start, and write ``result.json``.

        Does nothing where ``result.json`` exists. Raises as `convergan.runs.run.run`.
        """
        job = self.job
        if job.ranks.broadcast((job.folder / "result.json").exists()):
            return
        # Before the first step, as a judge may refuse the data.
        real = self._evaluator.judge_real_rows()
        state = job.start()
        require_players_fit(job.recipe, state, job.dataset, seed=job.seed)
        sharing = share_batches(
            job.ranks,
            job.recipe.batch_size,
            unit=state.discriminator.network.rows_together,
            requests=self._requests.counts,
        )
        seconds, notices = self._recorder.resume(state)
        yield self._progress(state, notices)
        self._started = time.perf_counter() - seconds
        batches = self._batches(sharing)
        while True:
            try:
                yield from self._take_steps(state, batches, sharing)
                break
            except NonFiniteError as error:
                notices = self._go_back(state, error, batches)
            yield self._progress(state, notices)
        self._finish(state, real)

    def _progress(self, state: State, notices: tuple[str, ...]) -> Progress:
        metrics = self._recorder.metrics
        return Progress(self.job.method, state.step, self.job.steps, metrics, notices)

    def _seconds(self) -> float:
        return time.perf_counter() - self._started

    def _batches(self, sharing: Sharing) -> Batches:
        job = self.job
        return Batches(
            job.dataset.train.images,
            job.subset.rows,
            job.subset.labels,
            batch_size=job.recipe.batch_size,
            seed=job.seed,
            device=job.device,
            spread=self._spread_labels(),
            kinds=job.recipe.takes,
            sharing=sharing,
        )

    def _spread_labels(self) -> Tensor | None:
        recipe = self.job.recipe
        if recipe.neighbors is None:
            return None
        rows, labels = self.job.subset
        neighbors = find_neighbors(recipe.neighbors, self.job.pictures[:])
        spread = recipe.label_spreading(neighbors, rows, labels, len(self.job.dataset.classes))
        return self.job.ranks.broadcast_tensor(spread)

    # --- steps -----------------------------------------------------------------------------------

    def _take_steps(self, state: State, batches: Batches, sharing: Sharing) -> Iterator[Progress]:
        job, recorder = self.job, self._recorder
        steps = train(
            state,
            job.recipe.step,
            partial(self._batch, batches, state),
            steps=job.steps,
            schedule=job.recipe.schedule,
            seed=job.seed,
            device=job.device,
            autocast=job.autocast,
            may_skip=lambda: recorder.left_out.skipped_in_a_row < job.skip,
            left_out=lambda step: recorder.left_out.holds(step),
            sharing=sharing,
        )
        noted = state.step
        try:
            for taken in steps:
                notices = self._note(state, taken)
                noted = taken.step
                # A step that is left out exchanges no gradients, and so no requests.
                stop, save = decode_counts(sharing.take_requests() or (0, 0, 0))
                last = taken.step == job.steps
                if last or stop or save or taken.step % job.recipe.checkpoint_every == 0:
                    notices += recorder.save(state, self._seconds(), must=last or bool(stop))
                    self._requests.save = False
                if stop and not last:
                    raise Interrupted(
                        stop,
                        f"after step {taken.step}; a checkpoint is written, "
                        "and the same command goes on from it",
                    )
                yield self._progress(state, notices)
        except DataError as error:  # a file that could be read before
            raise DataError(f"step {noted + 1}: {error}; {recorder.newest()}") from None

    def _batch(self, batches: Batches, state: State, step: int) -> Batch:
        """Return the batch of a step; where any process cannot have its share, save before it.

        Raises:
            DataError: in all processes.
        """
        batch, problem = None, ""
        try:
            batch = batches(step)
        except DataError as error:
            problem = str(error)
        if self.job.dataset.train.may_fail:
            problem = self.job.ranks.first_message(problem)
        if batch is None or problem:
            self._recorder.save(state, self._seconds(), must=True)
            raise DataError(problem)
        return batch

    # --- what is written after a step ------------------------------------------------------------

    def _note(self, state: State, taken: Progress) -> tuple[str, ...]:
        """Write what is to be written after a step; return what the user should know."""
        recorder, seconds = self._recorder, round(self._seconds(), 3)
        notices = self._note_left_out(taken, seconds)
        evaluating = taken.step % self.job.recipe.evaluate_every == 0 or taken.step == taken.steps
        if not evaluating and taken.step % LOG_EVERY:
            return notices
        line: dict[str, Any] = {"step": taken.step, "seconds": seconds}
        line |= {name: float(loss) for name, loss in taken.metrics.items()}
        if evaluating:
            figures, more = self._evaluator.measure(state)
            line |= figures
            notices += more
        recorder.metrics |= line
        notices += recorder.log(line)
        picture = self._evaluator.picture_of(taken.step) if evaluating else None
        told = {name: value for name, value in line.items() if name != "step"}
        progress = taken._replace(method=self.job.method, metrics=told, picture=picture)
        return notices + self._tracking.tell(progress)

    def _note_left_out(self, taken: Progress, seconds: float) -> tuple[str, ...]:
        recorder = self._recorder
        if taken.skipped == LEFT_OUT:
            return self._note_rolled_back(taken.step, seconds)
        recorder.left_out = recorder.left_out.after(skipped=taken.skipped is not None)
        if taken.skipped is None:
            return ()
        line = {"step": taken.step, "seconds": seconds, "skipped": taken.skipped}
        return (f"step {taken.step} was left out: {taken.skipped}", *recorder.log(line))

    def _note_rolled_back(self, step: int, seconds: float) -> tuple[str, ...]:
        notices = tuple[str, ...]()
        for first, last, reason in self._recorder.left_out.rolled_back:
            if last == step:
                line = {"step": step, "seconds": seconds, "rolled_back_to": first - 1}
                notices += self._recorder.log(line | {"reason": reason})
        return notices

    def _go_back(self, state: State, error: NonFiniteError, batches: Batches) -> tuple[str, ...]:
        """Go back to a checkpoint before a step that is not finite, and leave out the steps since.

        Raises:
            NonFiniteError: if that has been done too often.
        """
        job, recorder, left_out = self.job, self._recorder, self._recorder.left_out
        step, before = state.step + 1, left_out.rolled_back
        if job.ranks.leads:
            recorder.report_non_finite(step, str(error), batches)
        if len(before) >= job.roll_back:
            counts = [
                f"steps left out right before it: {left_out.skipped_in_a_row}" * bool(job.skip),
                f"rolled back before it: {len(before)}" * bool(job.roll_back),
                recorder.newest(),
            ]
            raise NonFiniteError(
                f"step {step}: {error}; {'; '.join(filter(None, counts))}"
            ) from None
        made = roll_back(before, step, every=job.recipe.checkpoint_every, reason=str(error))
        notices = recorder.go_back(state, LeftOut(rolled_back=(*before, made)))
        told = f"step {step}: {error}; rolled back, and leaving out steps {made.first} to {step}"
        return (told, *notices, *self._tracking.gave_up(made.first, step))

    def _finish(self, state: State, real: dict[str, float]) -> None:
        job, metrics, left_out = self.job, self._recorder.metrics, self._recorder.left_out
        result: dict[str, Any] = {
            "steps": state.step,
            "seconds": round(self._seconds(), 3),
            "state_sha256": state.sha256(),
            "test_error": metrics.get("test_error"),
            "test_error_last": metrics.get("test_error_last"),
        }
        if job.code:
            result["code"] = list(map(dict, job.code))
        if left_out.skipped:
            result["skipped_steps"] = left_out.skipped
        if left_out.rolled_back:
            result["rolled_back"] = [made._asdict() for made in left_out.rolled_back]
        if job.recipe.judge:
            result |= {"judged": {name: metrics[name] for name in real}, "real": real}
        result |= self._evaluator.predict(state)
        if job.ranks.leads:
            write_json(job.folder / "result.json", result)
        job.ranks.barrier()
