"""A scikit-learn classifier for few labels: splits, calibration, ranking of rows to label."""

from .calibration import HeldOut as HeldOut
from .calibration import RiskTable as RiskTable
from .calibration import brier_score as brier_score
from .calibration import calibration_error as calibration_error
from .calibration import conformal_pvalues as conformal_pvalues
from .calibration import fit_temperature as fit_temperature
from .calibration import mcnemar as mcnemar
from .calibration import risk_table as risk_table
from .classifier import SemiSupervisedGANClassifier as SemiSupervisedGANClassifier
from .deployment import DeployedClassifier as DeployedClassifier
from .labels import EncodedLabels as EncodedLabels
from .labels import encode_labels as encode_labels
from .labels import labeled_part as labeled_part
from .labels import labeled_rows as labeled_rows
from .labels import mask_labels as mask_labels
from .learning_curve import LearningCurve as LearningCurve
from .learning_curve import label_learning_curve as label_learning_curve
from .pool import OpinionReport as OpinionReport
from .ranking import rank_for_labeling as rank_for_labeling
from .shares import ClassShares as ClassShares
from .splitting import SemiSupervisedKFold as SemiSupervisedKFold
from .splitting import add_unlabeled_copies as add_unlabeled_copies
from .splitting import labeled_scorer as labeled_scorer
