"""Few-label classifiers of photographs in folders."""

from .classifier import ImageClassifier as ImageClassifier
