"""What each player minimises: tensors in, one scalar out. One technique a file."""

from .adversarial import minimax_discriminator_loss as minimax_discriminator_loss
from .adversarial import non_saturating_generator_loss as non_saturating_generator_loss
from .adversarial import saturating_generator_loss as saturating_generator_loss
from .consistency import consistency_loss as consistency_loss
from .feature_matching import absolute_feature_matching as absolute_feature_matching
from .feature_matching import squared_feature_matching as squared_feature_matching
from .historical_averaging import HistoricalAverage as HistoricalAverage
from .historical_averaging import historical_averaging_penalty as historical_averaging_penalty
from .interpolation_consistency import interpolate as interpolate
from .label_smoothing import binary_entropy as binary_entropy
from .label_smoothing import smoothed_discriminator_loss as smoothed_discriminator_loss
from .label_smoothing import smoothed_generator_loss as smoothed_generator_loss
from .semi_supervised import realness as realness
from .semi_supervised import supervised_loss as supervised_loss
from .semi_supervised import unsupervised_loss as unsupervised_loss
from .virtual_adversarial import virtual_adversarial_loss as virtual_adversarial_loss
