"""The paper's tables of few-label classification: which runs they take, and its own figures.

Salimans et al. (2016), tables 1 to 3. Each figure is over ten runs, every run with a seed and
labelled rows of its own; an ensemble is ten such runs, and its deviation is over several ensembles.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple


class MeanAndDeviation(NamedTuple):
    """A figure over several runs, such as their errors.

    Attributes:
        mean: of the runs.
        std: sample standard deviation, or None for a single figure.
    """

    mean: float
    std: float | None


@dataclass(frozen=True)
class PaperColumn:
    """What the paper has for one number of labels.

    Attributes:
        labels: labelled rows over all classes.
        single: error of a run.
        ensemble: error of ten runs' averaged probabilities, or None where the paper has none.
    """

    labels: int
    single: MeanAndDeviation
    ensemble: MeanAndDeviation | None = None


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table to reproduce.

    Attributes:
        recipe: name of the recipe that reproduces it.
        data: name on the Hugging Face hub.
        unit: ``errors`` for a count of test rows, or ``%`` of them.
        columns: one for each number of labels.
    """

    recipe: str
    data: str
    unit: Literal["errors", "%"]
    columns: tuple[PaperColumn, ...]

    @property
    def labels(self) -> tuple[int, ...]:
        """The paper's numbers of labels."""
        return tuple(column.labels for column in self.columns)


TABLES: dict[str, PaperTable] = {
    "mnist-table": PaperTable(
        recipe="mnist-graph",
        data="ylecun/mnist",
        unit="errors",
        columns=(
            PaperColumn(20, MeanAndDeviation(1677, 452), MeanAndDeviation(1134, 445)),
            PaperColumn(50, MeanAndDeviation(221, 136), MeanAndDeviation(142, 96)),
            PaperColumn(100, MeanAndDeviation(93, 6.5), MeanAndDeviation(86, 5.6)),
            PaperColumn(200, MeanAndDeviation(90, 4.2), MeanAndDeviation(81, 4.3)),
        ),
    ),
    "svhn-table": PaperTable(
        recipe="svhn",
        data="ufldl-stanford/svhn:cropped_digits",
        unit="%",
        columns=(
            PaperColumn(500, MeanAndDeviation(18.44, 4.8)),
            PaperColumn(1000, MeanAndDeviation(8.11, 1.3), MeanAndDeviation(5.88, 1.0)),
            PaperColumn(2000, MeanAndDeviation(6.16, 0.58)),
        ),
    ),
    "cifar10-table": PaperTable(
        recipe="cifar10",
        data="uoft-cs/cifar10",
        unit="%",
        columns=(
            PaperColumn(1000, MeanAndDeviation(21.83, 2.01), MeanAndDeviation(19.22, 0.54)),
            PaperColumn(2000, MeanAndDeviation(19.61, 2.09), MeanAndDeviation(17.25, 0.66)),
            PaperColumn(4000, MeanAndDeviation(18.63, 2.32), MeanAndDeviation(15.59, 0.47)),
            PaperColumn(8000, MeanAndDeviation(17.72, 1.82), MeanAndDeviation(14.87, 0.89)),
        ),
    ),
}
