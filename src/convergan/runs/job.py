"""What is trained in one folder: a recipe, its rows, and the choices of the run."""

from dataclasses import dataclass
from pathlib import Path

import torch

from ..collective import ALONE, Ranks
from ..data import Dataset, Images, LabeledSubset
from ..recipes import Recipe
from ..training import State
from ..training.callbacks import Callback
from .code import Code


@dataclass(frozen=True, kw_only=True)
class Job:
    """One network pair to train. A run has two: the GAN, and its supervised twin.

    Attributes:
        method: what it is called in reports.
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
        code: hashes of the user's code that it was trained with, by file; the newest last, none of
            a recipe of this package.
        callbacks: called with every line of the log, in rank 0.
        ranks: the processes that train as one, of which rank 0 writes.
    """

    method: str
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
    code: tuple[Code, ...] = ()
    callbacks: tuple[Callback, ...] = ()
    ranks: Ranks = ALONE

    def start(self) -> State:
        """Build both networks and stand before the first step."""
        return self.recipe.start(
            self.dataset.train.images,
            len(self.dataset.classes),
            seed=self.seed,
            device=self.device,
        )
