"""GAN training that converges: the techniques of Salimans et al. (2016), and beyond.

`convergan.layers`, `convergan.objectives` and `convergan.networks` are the paper, a technique a
file; `convergan.training` steps, saves and resumes; `convergan.recipes` are finished experiments.
Importing the package loads nothing; each part is loaded when it is first named.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .core.extras import what_to_install
from .core.version import __version__ as __version__

if TYPE_CHECKING:
    from . import data as data
    from . import estimator as estimator
    from . import layers as layers
    from . import metrics as metrics
    from . import networks as networks
    from . import objectives as objectives
    from . import recipes as recipes
    from . import training as training
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
__all__ = [
    "ImageClassifier",
    "ImageFeatures",
    "SemiSupervisedGANClassifier",
    "TextFeatures",
    "__version__",
    "data",
    "estimator",
    "layers",
    "metrics",
    "networks",
    "objectives",
    "recipes",
    "training",
]


def __getattr__(name: str) -> Any:
    """Load a part of the package, or a class, when it is first used."""
    if name not in (*PARTS, *CLASSES):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(CLASSES.get(name, f".{name}"), __name__)
    except ModuleNotFoundError as missing:
        if (needed := what_to_install(missing.name)) is None:
            raise
        message = f"{__name__}.{name} needs {needed}"
        raise ModuleNotFoundError(message, name=missing.name) from None
    return getattr(module, name) if name in CLASSES else module


def __dir__() -> list[str]:
    """Return the names of parts and classes, none of which is loaded by that."""
    return sorted(__all__)
