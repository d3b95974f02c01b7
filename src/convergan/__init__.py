"""GAN training that converges: the techniques of Salimans et al. (2016), and beyond.

`convergan.layers`, `convergan.objectives` and `convergan.networks` are the paper, a technique a
file; `convergan.training` steps, saves and resumes; `convergan.recipes` are finished experiments.
Importing the package loads nothing; each part is loaded when it is first named.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .core.version import __version__ as __version__

if TYPE_CHECKING:
    from .embedding import ImageFeatures as ImageFeatures
    from .embedding import TextFeatures as TextFeatures
    from .estimator import SemiSupervisedGANClassifier as SemiSupervisedGANClassifier
    from .photos import ImageClassifier as ImageClassifier

PARTS = ("data", "estimator", "layers", "metrics", "networks", "objectives", "recipes", "training")
CLASSES = {
    "ImageClassifier": ".photos",
    "ImageFeatures": ".embedding",
    "SemiSupervisedGANClassifier": ".estimator",
    "TextFeatures": ".embedding",
}
"""Classes for users, and where each is."""


def __getattr__(name: str) -> Any:
    """Load a part of the package, or a class, when it is first used."""
    if name in PARTS:
        return import_module(f".{name}", __name__)
    if name in CLASSES:
        return getattr(import_module(CLASSES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
