"""Photographs and texts to features as steps of scikit-learn's pipelines.

They learn nothing in `fit`, so splits and clones cost nothing but what is not in the cache yet.
"""

from typing import Any, Self

from sklearn.base import BaseEstimator, TransformerMixin

from .encoded_images import as_encoded
from .image_networks import AUTO, find_image_network
from .images import Array, embed_readable
from .text_networks import MINILM, find_text_network
from .texts import embed_texts


class ImageFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of photographs, by a pretrained network.

    Args:
        extractor: see `convergan.embedding.image_networks`.
        device: where the network runs.
        workers: that read and decode; None for one a core.

    Example:
        >>> import numpy as np
        >>> black = np.zeros((20, 30), dtype=np.uint8)
        >>> ImageFeatures("pixels@8").fit_transform([black, black + 255]).shape
        (2, 56)
    """

    def __init__(
        self, extractor: str = AUTO, *, device: str = "cpu", workers: int | None = None
    ) -> None:
        self.extractor = extractor
        self.device = device
        self.workers = workers

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the network; nothing is learned."""
        find_image_network(self.extractor, device=self.device)
        return self

    def transform(self, X: Any) -> Array:
        """Return the features (n, D), float32.

        Args:
            X: n paths, bytes of files, arrays (H, W) or (H, W, 3) of uint8, or images of Pillow.

        Raises:
            DataError: if some cannot be read.
        """
        network = find_image_network(self.extractor, device=self.device)
        return embed_readable(as_encoded(X), network, workers=self.workers).rows

    def __sklearn_is_fitted__(self) -> bool:
        """Return that it is: there is nothing to learn."""
        return True


class TextFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of texts, by a pretrained network.

    Args:
        extractor: see `convergan.embedding.text_networks`.
        device: where the network runs.
    """

    def __init__(self, extractor: str = MINILM, *, device: str = "cpu") -> None:
        self.extractor = extractor
        self.device = device

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the network; nothing is learned."""
        find_text_network(self.extractor, device=self.device)
        return self

    def transform(self, X: Any) -> Array:
        """Return the features (n, D), float32, of n texts.

        Raises:
            ValueError: if something else is among them.
        """
        texts = list(X)
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise ValueError(f"expected texts, number {number} is a {type(text).__name__}")
        return embed_texts(texts, find_text_network(self.extractor, device=self.device))

    def __sklearn_is_fitted__(self) -> bool:
        """Return that it is: there is nothing to learn."""
        return True
