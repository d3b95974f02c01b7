"""The figures for one's own loop: metrics of torchmetrics, over the sums that are used here.

They are what the functions of `convergan.metrics` give for all rows at once, whatever the batches:
moments and sums are in float64 and whole numbers, whatever the precision of the network. They go
into a `torchmetrics.MetricCollection`, log in Lightning, and join the processes of a group when
they are computed. Keyword arguments that are not listed are those of `torchmetrics.Metric`.

A batch of a distance has one side, so its `forward` adds the batch and returns NaN.

Needs torchmetrics: ``pip install 'convergan[torchmetrics]'``.

Paper and released code: section 4 has the inception score; here in any number of batches.
"""

from .frechet_distance import FrechetDistance as FrechetDistance
from .held_features import DifferentBins as DifferentBins
from .held_features import KernelDistance as KernelDistance
from .held_features import PrecisionRecall as PrecisionRecall
from .inception_score import InceptionScore as InceptionScore
from .metric import MeanAndDeviation as MeanAndDeviation
