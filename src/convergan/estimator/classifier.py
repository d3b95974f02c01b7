"""The semi-supervised GAN as a scikit-learn classifier.

Salimans et al. (2016), section 5: a classifier of K classes learns from a few labelled rows, many
unlabelled ones, ``y == -1``, and from telling both from a generator's. See
`convergan.estimator.member` for what differs from the paper.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Self

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from ..data import oriented_gradients
from .calibration import conformal_pvalues
from .fitting import (
    be_silent,
    choose_steps,
    fit_all,
    keep_some_out,
    log_realness,
    log_softmax,
    mean_log_probabilities,
    print_losses,
)
from .labels import decode_labels, encode_labels, labeled_part
from .member import Array, Lesson, features
from .scaling import Scale, learn_scale

BATCH_SIZE = 100
COARSE, FINE, SMALL = 4, 2, 16
"""Cells of descriptors in pixels, and the side of images below which they are fine."""
FEW = 3
"""Labelled rows of a class below which `fit` warns."""


class SemiSupervisedGANClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of rows of numbers, or of images, from few labels and many unlabelled rows.

    Args:
        unlabeled_label: what marks an unlabelled row in ``y``; None where every row is labelled.
        image_shape: (C, H, W) where rows are flattened images; images are seen through
            `convergan.data.oriented_gradients`. Rows of shape (n, C, H, W) need no such word.
        n_estimators: classifiers of different seeds whose probabilities are averaged; the paper
            averages ten.
        max_epochs: passes over all rows; None for 10, of at least 500 and at most 2,000 steps.
        max_seconds: of the trainings of `fit`, in equal shares; None for no limit. A fit that
            reaches it depends on the machine.
        guard: hold labelled rows out in three folds and fall back to logistic regression or to the
            supervised twin where they are better; four times as long. See `guard_report_`.
        guard_level: p-value below which the GAN is given up.
        unlabeled_weight: factor of all that unlabelled rows teach; less where they may be of other
            classes.
        random_state: int, RandomState or None.
        device: ``auto``, ``cpu``, ``cuda`` or another name of torch's, of training. What is fitted
            is NumPy and predicts on the CPU.
        verbose: 1 prints losses.

    Attributes:
        classes_: (K,) in order, never the marker.
        selected_: ``gan``, ``twin`` or ``logistic regression``: what predicts.
        guard_report_: a `GuardReport`.
        temperature_: that divides logarithms of probabilities. It makes the GAN as sure as the
            pool of opinions that taught it, which labels held out in turn have calibrated; another
            candidate's is fitted on its own predictions of labels held out.
        risk_table_: coverage and risk of held-out labels by confidence, or None.
        diagnostics_: by name, how labelled and unlabelled rows differ.
        transduction_: (n,) a label for each row that `fit` was given.
        history_: for each member, losses every 50 steps.
        seed_, device_, n_steps_, cell_: as used.
        n_features_in_, feature_names_in_: as in scikit-learn; of images the flat width.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = np.vstack([rng.normal(0, 1, (60, 2)), rng.normal(6, 1, (60, 2))])
        >>> y = np.full(120, -1)
        >>> y[[0, 1, 2, 60, 61, 62]] = 0, 0, 0, 1, 1, 1
        >>> model = SemiSupervisedGANClassifier(max_epochs=20, guard=False, random_state=0)
        >>> float(model.fit(X, y).score(X, np.repeat([0, 1], 60)))
        1.0
    """

    def __init__(
        self,
        *,
        unlabeled_label: Any = -1,
        image_shape: tuple[int, int, int] | None = None,
        n_estimators: int = 1,
        max_epochs: int | None = None,
        max_seconds: float | None = None,
        guard: bool = True,
        guard_level: float = 0.1,
        unlabeled_weight: float = 1.0,
        random_state: Any = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        """Store the arguments; `fit` checks them."""
        self.unlabeled_label = unlabeled_label
        self.image_shape = image_shape
        self.n_estimators = n_estimators
        self.max_epochs = max_epochs
        self.max_seconds = max_seconds
        self.guard = guard
        self.guard_level = guard_level
        self.unlabeled_weight = unlabeled_weight
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from labelled and unlabelled rows.

        Args:
            X: (n, features) or (n, C, H, W), finite numbers, a frame or array.
            y: (n,) labels, ``unlabeled_label`` where there is none.

        Raises:
            ValueError: for rows, labels or arguments that cannot be trained on.
        """
        self._check_arguments()
        self.image_shape_ = None if self.image_shape is None else tuple(self.image_shape)
        if self.image_shape is None and getattr(X, "ndim", 2) == 4:
            self.image_shape_ = tuple(X.shape[1:])
        X = self._flat(X)
        required = None if y is None else "no_validation"
        X = validate_data(self, X, required, dtype="numeric", ensure_min_samples=2)
        if getattr(y, "ndim", 1) == 2:
            y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        self._check_image_width()
        encoded = encode_labels(y, self.unlabeled_label)
        self.classes_ = encoded.classes
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.device_ = _find_device(self.device)
        codes = np.asarray(encoded.codes)
        if self.unlabeled_label is not None and (codes >= 0).all():
            warnings.warn("y has no unlabeled row: nothing to learn from but labels", stacklevel=2)
        counts = np.bincount(codes[codes >= 0])
        if counts.min() < FEW:
            few = "1 labeled row" if counts.min() == 1 else f"{counts.min()} labeled rows"
            warnings.warn(
                f"class {self.classes_[counts.argmin()]!s} has {few}; with fewer than {FEW} of a "
                "class little can be said about errors: label more of it",
                stacklevel=2,
            )
        X = np.asarray(X, dtype=np.float64, order="C")
        self.lowest_ = min(0.0, float(X.min()))
        self.span_ = float(X.max()) - self.lowest_ or 1.0
        side = min(self.image_shape_[1:]) if self.image_shape_ else SMALL
        self.cell_ = COARSE if side >= SMALL else FINE
        described = self._describe(X)
        scale = learn_scale(described, alike=self.image_shape_ is not None)
        self.mean_, self.scale_ = scale
        rows = scale.apply(described)
        with _one_thread():
            self._fit_rows(rows, codes)
        self.transduction_ = self.classes_[
            np.where(codes >= 0, codes, self._log_probabilities(rows).argmax(axis=1))
        ]
        return self

    def predict(self, X: Any) -> Array:
        """Return the most probable class of every row."""
        numbers = self._judge(X).argmax(axis=1)
        found: Array = self.classes_[numbers]
        return found

    def predict_proba(self, X: Any) -> Array:
        """Return (n, K) calibrated class probabilities; rows sum to 1."""
        probabilities: Array = np.exp(self._judge(X))
        return probabilities

    def decision_function(self, X: Any) -> Array:
        """Return (n, K) logarithms of probabilities; for two classes (n,) the second's log odds."""
        log = self._judge(X)
        return log[:, 1] - log[:, 0] if log.shape[1] == 2 else log

    def predict_or_reject(self, X: Any, *, min_confidence: float, reject_label: Any) -> Array:
        """Return classes as `predict`, and ``reject_label`` where none is probable enough.

        Args:
            X: as for `predict`.
            min_confidence: least probability, in [0, 1]; `risk_table_` helps to choose it.
            reject_label: a number or a text, neither a class nor ``unlabeled_label``. Where it is
                not of the kind of the classes, an array of objects is returned.

        Raises:
            ValueError: if the arguments are others.
        """
        check_is_fitted(self)
        taken = [*self.classes_.tolist(), self.unlabeled_label]
        if reject_label is None or reject_label in taken or not 0 <= min_confidence <= 1:
            raise ValueError(
                f"reject_label must be none of {taken} and min_confidence in [0, 1], "
                f"got {reject_label!r} and {min_confidence}"
            )
        log = self._judge(X)
        sure = np.exp(log.max(axis=1)) >= min_confidence
        codes = np.where(sure, log.argmax(axis=1), -1)
        return decode_labels(self.classes_, codes, reject_label)

    def score(self, X: Any, y: Any) -> float:
        """Return the share of labelled rows that are classified right; others are ignored.

        Raises:
            ValueError: if no row is labelled, or of labels and classes only one are text.
        """
        check_is_fitted(self)
        known, labels = labeled_part(y, self.unlabeled_label)
        if not len(known):
            raise ValueError("score needs labeled rows, y has none")
        if (labels.dtype.kind == "U") != (self.classes_.dtype.kind == "U"):
            raise ValueError(
                f"labels of y are of type {labels.dtype}, classes_ of {self.classes_.dtype}"
            )
        predicted = self.predict(X)
        check_consistent_length(predicted, y)
        return float((predicted[known] == labels).mean())

    def score_samples(self, X: Any) -> Array:
        """Return (n,) ``log D(x)``, at most 0; low where a row is unlike the unlabelled rows.

        Raises:
            ValueError: if the guard has given the GAN up because its training failed.
        """
        rows = self._rows(X)
        if not self._gan:
            raise ValueError(f"there is no GAN to score samples with: {self.guard_report_.reason}")
        return log_realness(self._gan, rows)

    def ood_pvalue(self, X: Any) -> Array:
        """Return (n,) the share of unlabelled rows kept out of training that are as unusual.

        For rows like them p <= a happens with probability a at most: conformal. Low values say
        "unlike the unlabelled rows", nothing more.

        Raises:
            ValueError: as `score_samples`, or if there were fewer than 200 unlabelled rows, so that
                none was kept out.
        """
        scores = self.score_samples(X)
        if not len(self.reference_scores_):
            raise ValueError("fit kept no unlabeled rows out; p-values need 200 unlabeled rows")
        pvalues: Array = conformal_pvalues(scores, self.reference_scores_)
        return pvalues

    def features(self, X: Any) -> Array:
        """Return the last hidden layer of the first member, (n, F); of no use as probabilities.

        It is that of the GAN, whatever predicts, unless its training failed.
        """
        rows = self._rows(X)
        return features((self._gan or self._members)[0], rows)

    def save(self, folder: str | Path) -> None:
        """Write the fitted classifier to a new folder: safetensors and JSON, no pickle."""
        from .persistence import save

        check_is_fitted(self)
        save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; runs no code from the folder.

        Raises:
            ValueError: if it is damaged, or of another version.
        """
        from .persistence import load

        return load(cls, Path(folder))

    # --- what fit does ---------------------------------------------------------------------------

    def _check_arguments(self) -> None:
        if not _is_count(self.n_estimators):
            raise ValueError(
                f"n_estimators must be an integer of 1 or more, got {self.n_estimators!r}"
            )
        if self.max_epochs is not None and not _is_count(self.max_epochs):
            raise ValueError(f"max_epochs must be an integer of 1 or more, got {self.max_epochs!r}")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ValueError(f"max_seconds must be above 0, got {self.max_seconds!r}")
        if not 0 <= self.unlabeled_weight < np.inf or not 0 <= self.guard_level <= 1:
            raise ValueError(
                "unlabeled_weight must be finite and not negative, guard_level in [0, 1], got "
                f"{self.unlabeled_weight!r} and {self.guard_level!r}"
            )
        shape = self.image_shape
        if shape is not None and (len(shape) != 3 or not all(_is_count(side) for side in shape)):
            raise ValueError(f"image_shape must be (C, H, W) or None, got {shape!r}")

    def _flat(self, X: Any) -> Any:
        """Flatten (n, C, H, W); refuse sparse rows."""
        if issparse(X):
            raise ValueError(
                "Sparse data was passed for X, but dense data is required. Use '.toarray()'."
            )
        if getattr(X, "ndim", 2) != 4:
            return X
        X = np.asarray(X)
        if X.shape[1:] != self.image_shape_:
            raise ValueError(
                f"X has images of shape {X.shape[1:]}, (C, H, W) expected is {self.image_shape_}"
            )
        return X.reshape(len(X), -1)

    def _check_image_width(self) -> None:
        if self.image_shape_ and int(np.prod(self.image_shape_)) != self.n_features_in_:
            raise ValueError(
                f"image_shape {self.image_shape_} has {int(np.prod(self.image_shape_))} values, "
                f"X has {self.n_features_in_} features"
            )

    def _describe(self, X: Array) -> Array:
        if not self.image_shape_:
            return X
        shares = torch.from_numpy((X - self.lowest_) / self.span_).clamp(0, 1)
        images = shares.reshape(-1, *self.image_shape_)
        described: Array = oriented_gradients(images, cell=self.cell_).numpy()
        return described

    def _fit_rows(self, rows: Array, codes: Array) -> None:
        chance = np.random.default_rng(self.seed_)
        kept, held = keep_some_out(codes, chance)
        labeled = np.flatnonzero(codes[kept] >= 0)
        batch_size = min(BATCH_SIZE, len(kept))
        self.n_steps_ = choose_steps(len(kept), batch_size, self.max_epochs)
        lesson = Lesson(
            rows=torch.from_numpy(rows).float()[kept],
            labeled=torch.from_numpy(labeled),
            labels=torch.from_numpy(codes[kept][labeled]),
            num_classes=len(self.classes_),
            steps=self.n_steps_,
            batch_size=batch_size,
            unlabeled_weight=float(self.unlabeled_weight),
            seed=self.seed_,
            device=torch.device(self.device_),
        )
        fitted = fit_all(
            lesson,
            members=self.n_estimators,
            guard_level=self.guard_level if self.guard else None,
            max_seconds=self.max_seconds,
            watch=print_losses if self.verbose else be_silent,
        )
        self.guard_report_, self.selected_ = fitted.report, fitted.report.selected
        self.temperature_, self.risk_table_ = fitted.temperature, fitted.risk
        self.history_ = fitted.histories
        self._members, self._gan = fitted.members, fitted.gan
        self.reference_scores_ = np.sort(log_realness(self._gan, rows[held]))
        self.diagnostics_ = fitted.diagnostics
        for notice in fitted.notices:
            warnings.warn(notice, stacklevel=3)

    # --- what predicting does --------------------------------------------------------------------

    def _rows(self, X: Any) -> Array:
        check_is_fitted(self)
        X = self._flat(X)
        X = validate_data(self, X, dtype="numeric", reset=False)
        described = self._describe(np.asarray(X, dtype=np.float64, order="C"))
        return Scale(self.mean_, self.scale_).apply(described)

    def _judge(self, X: Any) -> Array:
        """Return (n, K) logarithms of calibrated probabilities."""
        return log_softmax(self._log_probabilities(self._rows(X)) / self.temperature_)

    def _log_probabilities(self, rows: Array) -> Array:
        return mean_log_probabilities(self._members, rows)


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)


def _find_device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise ValueError(
            f"device must be auto, cpu, cuda or another name of torch's, got {name!r}"
        ) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {name!r}, but torch finds no GPU: use 'auto' or 'cpu'")
    return str(device)


_TURN = Lock()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small products are faster on one thread, and have the same bits on any machine's number.

    That number, and torch's cache of normalised weights, are the process's: fits in several threads
    of Python take turns.
    """
    with _TURN:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
