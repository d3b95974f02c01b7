"""GAN training that converges: the techniques of Salimans et al. (2016), and beyond.

`convergan.layers`, `convergan.objectives` and `convergan.networks` are the paper, a technique a
file; `convergan.training` steps, saves and resumes; `convergan.recipes` are finished experiments.
"""

from . import layers as layers
from . import networks as networks
from . import objectives as objectives
from .version import __version__ as __version__
