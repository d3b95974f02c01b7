"""What a generator is judged by: samples or probabilities in, figures out."""

from .inception_score import InceptionScore as InceptionScore
from .inception_score import inception_score as inception_score
from .mode_coverage import ModeCoverage as ModeCoverage
from .mode_coverage import class_coverage as class_coverage
from .mode_coverage import mode_coverage as mode_coverage
