"""A classifier of photographs: features of a pretrained network, and the few-label classifier.

Salimans et al. (2016), section 5, on photographs of any size.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from ..embedding import (
    AUTO,
    Embedded,
    ImageNetwork,
    as_encoded,
    embed_images,
    embed_readable,
    find_image_network,
)
from ..embedding.images import Array, Report
from ..estimator import SemiSupervisedGANClassifier
from . import model_file

DIGITS = 16
"""Of a hash that are kept of each file with a label."""


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of photographs of any size from few labels and many unlabelled ones.

    Args:
        extractor: the network whose features are learned from, see
            `convergan.embedding.image_networks`: ``auto``, ``efficientnet-lite0``, ``hf:NAME``,
            ``FILE.pt2``, ``FILE.py:FUNCTION``, ``pixels`` and others.
        classifier: of the features, not fitted; None for `SemiSupervisedGANClassifier` with the
            text ``""`` and -1 as labels that mean none.
        random_state: of that classifier where it is None: int, RandomState or None.
        device: where the network runs.
        workers: that read and decode; None for one a core.

    Attributes:
        classes_: (K,) in order.
        classifier_: fitted to the features.
        extractor_: the text that stands for the network, also where ``auto`` chose it.
        network_name_: which weights, and what is done to photographs first.
        learned_from_: beginnings of the hashes of files whose label was learned from.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> dark, light = (rng.integers(low, low + 100, (30, 9, 9)) for low in (0, 150))
        >>> photographs = [*dark.astype(np.uint8), *light.astype(np.uint8)]
        >>> labels = [*["dark"] * 3, *[""] * 27, *["light"] * 3, *[""] * 27]
        >>> model = ImageClassifier("pixels@8", random_state=0).fit(photographs, labels)
        >>> model.predict(photographs[::30]).tolist()
        ['dark', 'light']
    """

    def __init__(
        self,
        extractor: str = AUTO,
        classifier: SemiSupervisedGANClassifier | None = None,
        *,
        random_state: Any = None,
        device: str = "cpu",
        workers: int | None = None,
    ) -> None:
        self.extractor = extractor
        self.classifier = classifier
        self.random_state = random_state
        self.device = device
        self.workers = workers

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from photographs with and without labels.

        Args:
            X: n paths, bytes of files, arrays (H, W) or (H, W, 3) of uint8, or images of Pillow.
            y: (n,) labels; "" for none where they are text, else -1.

        Raises:
            DataError: if some photographs cannot be read.
            ValueError: as `SemiSupervisedGANClassifier.fit`.
        """
        network = find_image_network(self.extractor, device=self.device)
        found = embed_readable(as_encoded(X), network, workers=self.workers)
        return self.fit_features(found.rows, y, network, found.contents)

    def fit_features(
        self, rows: Array, y: Any, network: ImageNetwork, contents: Sequence[bytes] = ()
    ) -> Self:
        """Learn from features (n, D) that a network has made already; else as `fit`.

        Args:
            rows: of n photographs.
            y: (n,) labels.
            network: that made them.
            contents: (n,) hashes of the files, to know those with a label again.
        """
        classifier = self.classifier
        if classifier is None:
            marker: Any = "" if any(isinstance(label, str) for label in y) else -1
            classifier = SemiSupervisedGANClassifier(
                unlabeled_label=marker, random_state=self.random_state
            )
        self.extractor_, self.network_name_ = network.spec, network.name
        fitted = clone(classifier).set_params(alike_columns=network.alike)
        self.classifier_: SemiSupervisedGANClassifier = fitted.fit(rows, y)
        self.classes_ = self.classifier_.classes_
        known = (
            c for c, label in zip(contents, y, strict=False) if label != fitted.unlabeled_label
        )
        self.learned_from_ = sorted({content.hex()[:DIGITS] for content in known})
        return self

    def features(self, X: Any, report: Report | None = None) -> Embedded:
        """Return the features of photographs, and which of these cannot be read.

        Raises:
            ValueError: if the network is not the one of `fit`.
        """
        return embed_images(as_encoded(X), self.network(), report=report, workers=self.workers)

    def network(self) -> ImageNetwork:
        """Return the network of `fit`.

        Raises:
            ValueError: if it is another now.
        """
        check_is_fitted(self)
        network = find_image_network(self.extractor_, device=self.device)
        if network.name != self.network_name_:
            raise ValueError(
                f"the model was fitted to features of {self.network_name_}, and {self.extractor_} "
                f"now is {network.name}"
            )
        return network

    def predict(self, X: Any) -> Array:
        """Return the most probable class of every photograph."""
        best = self.predict_proba(X).argmax(axis=1)
        found: Array = self.classes_[best]
        return found

    def predict_proba(self, X: Any) -> Array:
        """Return (n, K) calibrated class probabilities."""
        rows = self._rows(X)
        return self.classifier_.predict_proba(rows)

    def predict_or_reject(self, X: Any, *, min_confidence: float, reject_label: Any) -> Array:
        """Return classes, and ``reject_label`` where none is probable enough."""
        rows = self._rows(X)
        return self.classifier_.predict_or_reject(
            rows, min_confidence=min_confidence, reject_label=reject_label
        )

    def ood_pvalue(self, X: Any) -> Array:
        """Return (n,) p-values of being unlike the photographs of `fit`.

        Raises:
            ValueError: as `SemiSupervisedGANClassifier.ood_pvalue`.
        """
        rows = self._rows(X)
        return self.classifier_.ood_pvalue(rows)

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy on photographs with a label; others are ignored."""
        rows = self._rows(X)
        return self.classifier_.score(rows, y)

    def save(self, file: str | Path) -> None:
        """Write the fitted classifier to one new file, without pickle and without the network."""
        check_is_fitted(self)
        model_file.save(self, Path(file))

    @classmethod
    def load(cls, file: str | Path) -> Self:
        """Read what `save` wrote; runs no code from the file.

        Raises:
            DataError: if it is damaged, or of another version.
        """
        return model_file.load(cls, Path(file))

    def _rows(self, X: Any) -> Array:
        return embed_readable(as_encoded(X), self.network(), workers=self.workers).rows
