"""One technique a file: layers own parameters, free functions beside them are the mathematics."""

from .batch_statistics_norm import BatchStatisticsNorm as BatchStatisticsNorm
from .cross_batch_norm import CrossBatchNorm as CrossBatchNorm
from .cross_batch_norm import cross_batch_norm as cross_batch_norm
from .dropout import Dropout as Dropout
from .dropout import dropout as dropout
from .gaussian_noise import GaussianNoise as GaussianNoise
from .gaussian_noise import add_gaussian_noise as add_gaussian_noise
from .minibatch_discrimination import CrossHalfDiscrimination as CrossHalfDiscrimination
from .minibatch_discrimination import MinibatchDiscrimination as MinibatchDiscrimination
from .minibatch_discrimination import cross_similarities as cross_similarities
from .minibatch_discrimination import minibatch_similarities as minibatch_similarities
from .minibatch_stddev import MinibatchStddev as MinibatchStddev
from .minibatch_stddev import minibatch_stddev as minibatch_stddev
from .reference_batch import hold_reference as hold_reference
from .virtual_batch_norm import VirtualBatchNorm as VirtualBatchNorm
from .virtual_batch_norm import virtual_batch_norm as virtual_batch_norm
from .weight_norm import StartsFromBatch as StartsFromBatch
from .weight_norm import freeze_gain as freeze_gain
from .weight_norm import initialise_from_batch as initialise_from_batch
from .weight_norm import weight_norm as weight_norm
