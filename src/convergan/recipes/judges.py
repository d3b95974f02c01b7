"""What a recipe may judge its samples by: samples and the data set in, figures by name out."""

from torch import Tensor

from ..data import MIXTURES, TOY_STD, Dataset
from ..metrics import ModeCoverage, mode_coverage


def mixture_modes(samples: Tensor, dataset: Dataset) -> dict[str, float]:
    """Count the Gaussians of ``ring`` or ``grid`` that samples find.

    Args:
        samples: (N, 2).
        dataset: named after its mixture.

    Raises:
        ValueError: if ``dataset`` is another.
    """
    if dataset.source not in MIXTURES:
        known = " or ".join(MIXTURES)
        raise ValueError(f"modes are counted on {known}, got --data {dataset.source}")
    return _figures(mode_coverage(samples, MIXTURES[dataset.source], std=TOY_STD))


def _figures(coverage: ModeCoverage) -> dict[str, float]:
    return {n: float(v) for n, v in coverage._asdict().items() if v is not None}
