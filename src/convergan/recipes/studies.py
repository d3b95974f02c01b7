"""Studies: which recipes are compared on which data, by which figures.

Salimans et al. (2016), table 3, and the usual suite against mode collapse.
"""

from dataclasses import dataclass

from .collapse import TECHNIQUES
from .names import look_up
from .tables import Figure


@dataclass(frozen=True)
class Arm:
    """One row of a study.

    Attributes:
        name: of the row.
        recipe: its name.
        data: source.
        seeds: default number of them.
        paper: what the paper has for the first figure, or None.
    """

    name: str
    recipe: str
    data: str
    seeds: int
    paper: Figure | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    """Recipes to compare.

    Attributes:
        name: of the study.
        summary: one line.
        arms: its rows.
        figures: which of a recipe's figures the table has, and the format of each.
    """

    name: str
    summary: str
    arms: tuple[Arm, ...]
    figures: dict[str, str]

    @property
    def data(self) -> tuple[str, ...]:
        """Its sources, in order."""
        return tuple(dict.fromkeys(arm.data for arm in self.arms))

    def arms_on(self, source: str) -> list[Arm]:
        """Return the arms on one source.

        Raises:
            ValueError: if there is none; the message names the sources there are.
        """
        look_up(f"data of the study {self.name}", source, dict.fromkeys(self.data))
        return [arm for arm in self.arms if arm.data == source]


def _collapse() -> Study:
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
    return Study(
        name="collapse",
        summary="techniques against mode collapse: modes found, KL in nats, samples near a mode",
        arms=tuple(arms),
        figures={"found": ".1f", "kl": ".3f", "high_quality": ".1%"},
    )


STUDIES = {study.name: study for study in (_collapse(),)}
