"""GAN training that converges: the techniques of Salimans et al. (2016), and beyond.

`convergan.layers`, `convergan.objectives` and `convergan.networks` are the paper, a technique a
file; `convergan.training` steps, saves and resumes; `convergan.recipes` are finished experiments.
Importing the package loads nothing; each part is loaded when it is first named.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .core.version import __version__ as __version__

if TYPE_CHECKING:
    from .estimator import SemiSupervisedGANClassifier as SemiSupervisedGANClassifier

PARTS = ("data", "estimator", "layers", "metrics", "networks", "objectives", "recipes", "training")


def __getattr__(name: str) -> Any:
    """Load a part of the package, or the classifier, when it is first used."""
    if name in PARTS:
        return import_module(f".{name}", __name__)
    if name == "SemiSupervisedGANClassifier":
        return import_module(".estimator", __name__).SemiSupervisedGANClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
