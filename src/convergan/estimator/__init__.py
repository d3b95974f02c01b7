"""A few-label classifier in the scikit-learn way, and what it takes to trust it."""

from .classifier import SemiSupervisedGANClassifier as SemiSupervisedGANClassifier
from .guard import GuardReport as GuardReport
