"""What a generator is judged by: samples or probabilities in, figures out."""

from .classifier import ImageClassifier as ImageClassifier
from .classifier import classify as classify
from .classifier import load_classifier as load_classifier
from .classifier import read_classifier as read_classifier
from .inception_score import InceptionScore as InceptionScore
from .inception_score import inception_score as inception_score
from .mode_coverage import ModeCoverage as ModeCoverage
from .mode_coverage import class_coverage as class_coverage
from .mode_coverage import mode_coverage as mode_coverage
from .stacked_coverage import stacked_coverage as stacked_coverage
from .stacked_coverage import stacked_shares as stacked_shares
