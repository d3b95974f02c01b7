"""What a network pair is worth: test errors, figures of samples, pictures, predictions."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.chance import derive
from ..core.files import replace_file, write_array, write_csv
from ..core.pictures import sample_picture
from ..data import Images, to_unit_range
from ..training import State, count_errors, draw_samples, evaluate, predict_probabilities
from .job import Job

SAMPLES = 100


class Evaluator:
    """Measures the state of one job.

    Args:
        job: whose rows and recipe say what is measured; pictures and predictions go to its folder.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    def judge_real_rows(self) -> dict[str, float]:
        """Judge as many rows as samples: of the test split if it has them, else of training."""
        recipe, dataset = self._job.recipe, self._job.dataset
        if recipe.judge is None or not self._job.ranks.leads:
            return {}
        test, train, count = dataset.test, dataset.train, recipe.judged_samples
        rows = (test if len(test.labels) >= count else train).images[:count]
        return recipe.judge(to_unit_range(rows), dataset)

    def measure(self, state: State) -> tuple[dict[str, float], tuple[str, ...]]:
        """Judge samples, test both weights and draw a picture.

        Returns:
            The figures by name, and what the user should know.
        """
        ranks, recipe = self._job.ranks, self._job.recipe
        ranks.report_progress(step=state.step, phase="evaluation")
        figures, notices = dict[str, float](), tuple[str, ...]()
        samples = self._draw_samples(state).cpu()
        if ranks.leads and recipe.judge:
            figures |= recipe.judge(samples, self._job.dataset)
        figures |= self._test(state)
        if ranks.leads:
            notices = self._write_picture(state.step, samples)
        ranks.barrier()
        return figures, notices

    def _draw_samples(self, state: State) -> Tensor:
        job, player = self._job, state.generator
        return draw_samples(
            player.network,
            player.averaged_parameters(),
            job.recipe.judged_samples if job.recipe.judge else SAMPLES,
            batch_size=job.recipe.batch_size,
            chance=derive(job.seed, "samples", 0, device=job.device),
            ranks=job.ranks,
        )

    def _test(self, state: State) -> dict[str, float]:
        job, player = self._job, state.discriminator
        if not (job.recipe.classifies and len(job.dataset.test.labels)):
            return {}
        averaged, last = (
            evaluate(
                player.network,
                parameters,
                job.dataset.test,
                device=job.device,
                batch_size=job.recipe.test_batch,
                ranks=job.ranks,
            ).error
            for parameters in (player.averaged_parameters(), {})
        )
        return {"test_error": averaged, "test_error_last": last}

    def _write_picture(self, step: int, samples: Tensor) -> tuple[str, ...]:
        file = self._file_of(step)
        try:
            replace_file(file, self._picture(samples))
        except OSError as error:
            return (f"{file} could not be written: {error}",)
        return ()

    def _file_of(self, step: int) -> Path:
        return self._job.folder / "samples" / f"step-{step:09d}.png"

    def picture_of(self, step: int) -> Path | None:
        """Return the picture of a step, if it could be written."""
        file = self._file_of(step)
        return file if file.exists() else None

    def _picture(self, samples: Tensor) -> bytes:
        """Show samples; of descriptors, the training images that come nearest to each."""
        if samples.dim() == 4:
            samples = samples[:SAMPLES]
        if self._job.recipe.descriptor is not None:
            nearest = torch.cdist(samples, self._job.dataset.train.images[:]).argmin(dim=1)
            samples = to_unit_range(self._job.pictures[nearest])
        return sample_picture(samples)

    def predict(self, state: State) -> dict[str, Any]:
        """Write what the averaged weights predict of test rows and of rows without a class.

        Returns:
            Test error and confusion matrix, where there are test rows.
        """
        dataset, found = self._job.dataset, dict[str, Any]()
        if not self._job.recipe.classifies:
            return found
        if rows := len(dataset.test.labels):
            probabilities = self._probabilities(state, dataset.test.images, torch.arange(rows))
            measured = count_errors(
                probabilities.argmax(dim=1), dataset.test.labels, len(dataset.classes)
            )
            found = {"test_error": measured.error, "confusion": measured.confusion.tolist()}
            if self._job.ranks.leads:
                write_array(self._job.folder / "test_probabilities.npy", probabilities.float())
        if bool((dataset.train.labels < 0).any()):
            self._predict_unlabeled(state)
        return found

    def _predict_unlabeled(self, state: State) -> None:
        """Write the class of every row that came without one: what such data are trained for."""
        train = self._job.dataset.train
        rows = (train.labels < 0).nonzero().flatten()
        probabilities = self._probabilities(state, train.images, rows)
        lines: list[tuple[Any, ...]] = [("row", "file", "class", "probability")]
        for row, p in zip(rows.tolist(), probabilities, strict=True):
            file = train.names[row] if train.names else ""
            name = self._job.dataset.classes[int(p.argmax())]
            lines.append((row, file, name, f"{p.max().item():.6f}"))
        if self._job.ranks.leads:
            write_csv(self._job.folder / "predictions.csv", lines)

    def _probabilities(self, state: State, images: Images, rows: Tensor) -> Tensor:
        job, player = self._job, state.discriminator
        return predict_probabilities(
            player.network,
            player.averaged_parameters(),
            images,
            rows=rows,
            device=job.device,
            batch_size=job.recipe.test_batch,
            ranks=job.ranks,
        )
