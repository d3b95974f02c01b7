"""Studies: which recipes are compared on which data, by which figures.

Salimans et al. (2016), table 3, and the usual suite against mode collapse.
"""

from dataclasses import dataclass

from ..core.names import look_up
from ..recipes.ablations import ABLATIONS, recipe_name
from ..recipes.collapse import TECHNIQUES
from .paper_tables import TABLES, MeanAndDeviation


@dataclass(frozen=True)
class Arm:
    """One row of a study: a recipe on a source of data.

    ``seeds`` is the default number of them, ``paper`` what the paper has for the first figure.
    """

    name: str
    recipe: str
    data: str
    seeds: int
    paper: MeanAndDeviation | None = None


@dataclass(frozen=True, kw_only=True)
class RecipeStudy:
    """Recipes to compare.

    Attributes:
        name: of the study.
        summary: one line.
        arms: its rows, on all data.
        default_data: the sources to run on unless others are asked for.
        figures: which of a recipe's figures the table has, and the format of each.
    """

    name: str
    summary: str
    arms: tuple[Arm, ...]
    default_data: tuple[str, ...]
    figures: dict[str, str]

    def arms_on(self, source: str) -> list[Arm]:
        """Return the arms on one source.

        Raises:
            ValueError: if there is none; the message names the sources there are.
        """
        look_up(f"data of the study {self.name}", source, {arm.data: arm for arm in self.arms})
        return [arm for arm in self.arms if arm.data == source]


def _collapse() -> RecipeStudy:
    techniques = ("", *(f"-{name}" for name in TECHNIQUES))
    arms = [
        Arm((technique[1:] or "plain").replace("-", " "), f"{pair}{technique}", data, seeds)
        for pair, data, seeds in (
            ("toy", "ring", 5),
            ("toy", "grid", 5),
            ("stacked", "stacked-mnist", 2),
        )
        for technique in techniques
    ]
    return RecipeStudy(
        name="collapse",
        summary="techniques against mode collapse: modes found, KL in nats, samples near a mode",
        arms=tuple(arms),
        default_data=("ring", "grid", "stacked-mnist"),
        figures={"found": ".1f", "kl": ".3f", "high_quality": ".1%"},
    )


PAPER = {
    "our methods": MeanAndDeviation(8.09, 0.07),
    "-VBN+BN": MeanAndDeviation(7.54, 0.07),
    "-L+HA": MeanAndDeviation(6.86, 0.06),
    "-LS": MeanAndDeviation(6.83, 0.06),
    "-L": MeanAndDeviation(4.36, 0.04),
    "-MBF": MeanAndDeviation(3.87, 0.03),
}
"""Inception score of 50,000 samples of CIFAR-10 by the Inception network, table 3."""


def _ablations() -> RecipeStudy:
    families = (
        ("ablation", "zalando-datasets/fashion_mnist"),
        ("ablation", "ylecun/mnist"),
        ("cifar10-ablation", "uoft-cs/cifar10"),
    )
    return RecipeStudy(
        name="ablations",
        summary="one technique changed at a time; score by a classifier of the data",
        arms=tuple(
            Arm(row, recipe_name(family, row), data, 3, PAPER[row] if "cifar" in family else None)
            for family, data in families
            for row in ABLATIONS
        ),
        default_data=("zalando-datasets/fashion_mnist",),
        figures={"inception_score": ".2f", "kl": ".3f", "nearest": ".2f"},
    )


STUDIES = {study.name: study for study in (_ablations(), _collapse())}


def require_table(name: str) -> None:
    """Look a table or a study up.

    Raises:
        ValueError: if there is none; the message names the nearest.

    Example:
        >>> require_table("minst-table")
        Traceback (most recent call last):
        ValueError: no table 'minst-table'; did you mean mnist-table, svhn-table or cifar10-table?
    """
    look_up("table", name, {**TABLES, **STUDIES})
