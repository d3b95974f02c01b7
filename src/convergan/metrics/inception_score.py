"""The inception score: how sure a classifier is of each sample, and how varied its answers are.

Salimans et al. (2016), section 4: with ``p(y|x)`` the classes that a classifier sees in sample
``x``, and ``p(y)`` their mean over the samples,

``IS = exp(mean_x KL(p(y|x) || p(y)))``,

from 1, where all predictions are the same, to the number of classes, where they are certain and
the classes even; never above the number of samples. It grows with the number of samples. Scores by
other classifiers, of other numbers of samples or in other splits do not compare.

Paper and released code: the paper has one mean over 50,000 samples. The released script cuts the
rows in their order into ten parts, split i from row ``i N // S`` to ``(i + 1) N // S``, takes
``p(y)`` within each, and gives the mean and the population deviation of the ten scores; so does
this. Rows sorted by class spoil the score, so mix them first. The script computes in float32 and
gives NaN once a probability is 0; here ``0 log 0 = 0`` in float64. Its classifier leaves out the
last bias and has 1,008 outputs; here any classifier will do.
"""

import torch

from .inception_sums import InceptionScore, InceptionSums
from .predictions import chunk_rows, require_predictions
from .tensor_like import TensorLike


@torch.no_grad()
def inception_score(
    probabilities: TensorLike | None = None,
    *,
    logits: TensorLike | None = None,
    splits: int = 10,
    correction: int = 0,
    shuffle: torch.Generator | None = None,
    classifier: str = "",
) -> InceptionScore:
    """Score samples by the predictions of a classifier; give either probabilities or logits.

    Args:
        probabilities: (N, K), not negative, rows with sum 1 within 1e-4.
        logits: (N, K), finite; their softmax is taken in float64.
        splits: S, from 1 to N.
        correction: 0 for the population deviation over the splits, 1 for that of a sample.
        shuffle: draws another order of the rows; None for that in which they are given.
        classifier: what made the rows, for the printed definition: weights, how images are resized,
            whether the last bias is in.

    Returns:
        Mean and deviation with their definition; ``float`` of it is the mean.

    Raises:
        ValueError: if both or neither are given, if they are no such matrix, if there are fewer
            rows than splits, or if ``correction`` leaves no split.

    Example:
        >>> sure = torch.eye(4).repeat(25, 1)
        >>> print(inception_score(probabilities=sure, splits=5))  # doctest: +ELLIPSIS
        inception score 4.000 +- 0.000: exp(mean KL(p(y|x) || p(y))), mean and ...
    """
    rows = require_predictions(probabilities, logits)
    sums = InceptionSums(len(rows), splits, rows.shape[1], device=rows.device)
    if shuffle is None:
        sums.update(0, probabilities=probabilities, logits=logits)
        return sums.score(correction, classifier)
    order = torch.randperm(len(rows), generator=shuffle, device=shuffle.device).to(rows.device)
    first = 0
    for chosen in torch.split(order, chunk_rows(rows.shape[1])):
        given = rows[chosen]
        if logits is None:
            sums.update(first, probabilities=given)
        else:
            sums.update(first, logits=given)
        first += len(chosen)
    return sums.score(correction, classifier)._replace(order="shuffled")
