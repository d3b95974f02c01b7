"""What the user chooses of a run, and which rows keep their labels."""

from dataclasses import dataclass

from ..core.devices import require_device
from ..data import DataError, Dataset, LabeledSubset, draw_labeled_subset
from ..recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command line chooses.

    Attributes:
        data: the source, see `convergan.data.sources`.
        labels: labelled rows over all classes; 0 for none.
        seed: decides labels, weights, order and noise.
        steps: number of the last step.
        device: ``cpu`` or ``cuda``.
        precision: ``float32``, or ``bfloat16`` for matrix products.

    Raises:
        ValueError: if a value is out of range, or the device is not there.
    """

    recipe: str
    data: str
    labels: int
    seed: int
    steps: int
    device: str
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision must be float32 or bfloat16, got {self.precision!r}")
        require_device(self.device)


def default_labels(recipe: Recipe, dataset: Dataset) -> int:
    """Return the recipe's number of labels, or every label where there are fewer.

    Also every label where most rows have none, as then they have been chosen.
    """
    known = int((dataset.train.labels >= 0).sum())
    every = known < max(recipe.labels, len(dataset.train.labels) / 2)
    return known if recipe.labels and every else recipe.labels


def choose_labels(recipe: Recipe, dataset: Dataset, settings: Settings) -> LabeledSubset:
    """Draw the labelled rows, or take every label where as many are asked for as there are.

    Raises:
        ValueError: if recipe, rows and number of labels do not go together.
        DataError: if a recipe that needs labels gets data that have none.
    """
    if recipe.labels and not bool((dataset.train.labels >= 0).any()):
        raise DataError(
            f"recipe {settings.recipe} needs labels, and none of {len(dataset.train.labels):,} "
            f"training rows of {dataset.source} has one: images are labelled by a folder for each "
            "class (<class>/*, what lies loose beside these stays unlabelled) or by labels.csv "
            "with the columns file,label"
        )
    if bool(recipe.labels) != bool(settings.labels):
        needs = "needs labels" if recipe.labels else "uses no labels"
        raise ValueError(f"recipe {settings.recipe} {needs}, got --labels {settings.labels}")
    labels = dataset.train.labels
    if len(labels) < recipe.batch_size:
        raise ValueError(
            f"recipe {settings.recipe} takes {recipe.batch_size} rows a step, "
            f"the data have {len(labels)}"
        )
    known = (labels >= 0).nonzero().flatten()
    if settings.labels in (0, len(known)):
        rows = known[: settings.labels]
        return LabeledSubset(rows, labels[rows])
    return draw_labeled_subset(labels, settings.labels, dataset.classes, settings.seed)
