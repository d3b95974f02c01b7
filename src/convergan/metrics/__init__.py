"""What a generator is judged by: samples or probabilities in, figures out."""

from .bootstrap import bootstrap_interval as bootstrap_interval
from .classifier import ImageClassifier as ImageClassifier
from .classifier import classify as classify
from .classifier import load_classifier as load_classifier
from .classifier import read_classifier as read_classifier
from .different_bins import DifferentBins as DifferentBins
from .different_bins import different_bins as different_bins
from .frechet_distance import FeatureMoments as FeatureMoments
from .frechet_distance import frechet_distance as frechet_distance
from .frechet_distance import small_sample_note as small_sample_note
from .inception_score import inception_score as inception_score
from .inception_sums import InceptionScore as InceptionScore
from .inception_sums import InceptionSums as InceptionSums
from .kernel_distance import KernelDistance as KernelDistance
from .kernel_distance import kernel_distance as kernel_distance
from .kernel_distance import polynomial_discrepancy as polynomial_discrepancy
from .mode_coverage import ModeCoverage as ModeCoverage
from .mode_coverage import class_coverage as class_coverage
from .mode_coverage import mode_coverage as mode_coverage
from .nearest_rows import nearest_rows as nearest_rows
from .precision_recall import PrecisionRecall as PrecisionRecall
from .precision_recall import precision_recall as precision_recall
from .score_selection import score_contributions as score_contributions
from .score_selection import select_best as select_best
from .stacked_coverage import stacked_coverage as stacked_coverage
from .stacked_coverage import stacked_shares as stacked_shares
