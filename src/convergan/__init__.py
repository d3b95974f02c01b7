"""GAN training that converges: the techniques of Salimans et al. (2016), and beyond.

`convergan.layers`, `convergan.objectives` and `convergan.networks` are the paper, a technique a
file; `convergan.training` steps, saves and resumes; `convergan.recipes` are finished experiments.
Importing the package loads nothing; each part is loaded when it is first named.
"""

from importlib import import_module
from types import ModuleType

from .version import __version__ as __version__

PARTS = ("data", "layers", "networks", "objectives", "recipes", "training")


def __getattr__(name: str) -> ModuleType:
    """Load a part of the package when it is first used."""
    if name in PARTS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
