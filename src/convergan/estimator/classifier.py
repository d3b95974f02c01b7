"""The semi-supervised GAN as a scikit-learn classifier.

Salimans et al. (2016), section 5: a classifier of K classes learns from a few labelled rows, many
unlabelled ones, ``y == -1``, and from telling both from a generator's. See
`convergan.estimator.member` for what differs from the paper.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
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
    mean_log_probabilities,
    print_losses,
)
from .labels import encode_labels, labeled_part
from .member import Array, Lesson, features

BATCH_SIZE = 100


class SemiSupervisedGANClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of rows of numbers, or of images, from few labels and many unlabelled rows.

    Args:
        unlabeled_label: what marks an unlabelled row in ``y``; None where every row is labelled.
        image_shape: (C, H, W) where rows are flattened images; images are seen through
            `convergan.data.oriented_gradients`. Rows of shape (n, C, H, W) need no such word.
        n_estimators: classifiers of different seeds whose probabilities are averaged; the paper
            averages ten.
        max_epochs: passes over all rows; None for 60, of at least 1,000 and at most 5,000 steps.
        max_seconds: of `fit`, shared out among its trainings; None for no limit. A fit that reaches
            it depends on the machine.
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
        temperature_: that divides the logits, fitted on held-out labels; 1 without them.
        risk_table_: coverage and risk of held-out labels by confidence, or None.
        diagnostics_: by name, how labelled and unlabelled rows differ.
        transduction_: (n,) a label for each row that `fit` was given.
        history_: for each member, losses every 50 steps.
        seed_, device_, n_steps_: as used.
        n_features_in_, feature_names_in_: as in scikit-learn; of images the flat width.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = np.vstack([rng.normal(0, 1, (60, 2)), rng.normal(6, 1, (60, 2))])
        >>> y = np.full(120, -1)
        >>> y[[0, 60]] = 0, 1
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
        X, self.image_shape_ = self._flat(X)
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
        rows = self._learn_scale(np.asarray(X, dtype=np.float64))
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
        log = self._judge(X)
        exponentials = np.exp(log - log.max(axis=1, keepdims=True))
        probabilities: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
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
            reject_label: neither a class nor ``unlabeled_label``.

        Raises:
            ValueError: if the arguments are others.
        """
        check_is_fitted(self)
        taken = [*self.classes_.tolist(), self.unlabeled_label]
        if reject_label in taken or not 0 <= min_confidence <= 1:
            raise ValueError(
                f"reject_label must be none of {taken} and min_confidence in [0, 1], "
                f"got {reject_label!r} and {min_confidence}"
            )
        probabilities = self.predict_proba(X)
        chosen = self.classes_[probabilities.argmax(axis=1)].astype(object)
        chosen[probabilities.max(axis=1) < min_confidence] = reject_label
        found: Array = np.array(chosen.tolist())
        return found

    def score(self, X: Any, y: Any) -> float:
        """Return the share of labelled rows that are classified right; others are ignored.

        Raises:
            ValueError: if no row is labelled.
        """
        check_is_fitted(self)
        known, labels = labeled_part(y, self.unlabeled_label)
        if not len(known):
            raise ValueError("score needs labeled rows, y has none")
        return float(accuracy_score(labels, self.predict(X)[known]))

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
            ValueError: if there were fewer than 200 unlabelled rows, so that none was kept out.
        """
        check_is_fitted(self)
        if not len(self.reference_scores_):
            raise ValueError("fit kept no unlabeled rows out; p-values need 200 unlabeled rows")
        pvalues: Array = conformal_pvalues(self.score_samples(X), self.reference_scores_)
        return pvalues

    def features(self, X: Any) -> Array:
        """Return the last hidden layer of the first member, (n, F); of no use as probabilities."""
        return features(self._members[0], self._rows(X))

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
        for name, least in (("n_estimators", 1), ("max_epochs", 1)):
            value = self.__dict__[name]
            if value is not None and not (isinstance(value, int | np.integer) and value >= least):
                raise ValueError(f"{name} must be an integer of {least} or more, got {value!r}")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ValueError(f"max_seconds must be above 0, got {self.max_seconds!r}")
        if not self.unlabeled_weight >= 0 or not 0 <= self.guard_level <= 1:
            raise ValueError(
                "unlabeled_weight must not be negative and guard_level be in [0, 1], got "
                f"{self.unlabeled_weight!r} and {self.guard_level!r}"
            )

    def _flat(self, X: Any) -> tuple[Any, tuple[int, ...] | None]:
        """Flatten (n, C, H, W); return the rows and the shape of an image, if they are images."""
        if getattr(X, "ndim", 2) == 4:
            X = np.asarray(X)
            return X.reshape(len(X), -1), X.shape[1:]
        return X, None if self.image_shape is None else tuple(self.image_shape)

    def _check_image_width(self) -> None:
        if self.image_shape_ and int(np.prod(self.image_shape_)) != self.n_features_in_:
            raise ValueError(
                f"image_shape {self.image_shape_} has {int(np.prod(self.image_shape_))} values, "
                f"X has {self.n_features_in_} features"
            )

    def _learn_scale(self, X: Array) -> Array:
        """Learn from all rows how to bring each feature to mean 0 and deviation 1."""
        self.largest_ = float(np.abs(X).max()) or 1.0
        described = self._describe(X)
        self.mean_ = described.mean(axis=0)
        deviation = described.std(axis=0)
        if self.image_shape_:  # one unit for all entries of a descriptor, as they share one
            deviation[:] = np.sqrt(np.square(deviation).mean())
        rounding = 1e-9 * np.abs(described).max(axis=0)
        self.scale_ = np.where(deviation > rounding, deviation, 1.0)
        return self._standardise(described)

    def _describe(self, X: Array) -> Array:
        if not self.image_shape_:
            return X
        images = torch.from_numpy(X / self.largest_).clamp(0, 1).reshape(-1, *self.image_shape_)
        described: Array = oriented_gradients(images).numpy()
        return described

    def _standardise(self, described: Array) -> Array:
        rows: Array = (described - self.mean_) / self.scale_
        return rows

    def _fit_rows(self, rows: Array, codes: Array) -> None:
        chance = np.random.default_rng(self.seed_)
        kept, held = keep_some_out(codes, chance)
        labeled = np.flatnonzero(codes[kept] >= 0)
        batch_size = min(BATCH_SIZE, len(kept))
        self.n_steps_ = choose_steps(len(kept), batch_size, self.max_epochs)
        lesson = Lesson(
            rows=torch.from_numpy(rows[kept]).float(),
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
        X, _ = self._flat(X)
        X = validate_data(self, X, dtype="numeric", reset=False)
        return self._standardise(self._describe(np.asarray(X, dtype=np.float64)))

    def _judge(self, X: Any) -> Array:
        """Return (n, K) logarithms of calibrated probabilities, up to a constant of each row."""
        return self._log_probabilities(self._rows(X)) / self.temperature_

    def _log_probabilities(self, rows: Array) -> Array:
        return mean_log_probabilities(self._members, rows)


def _find_device(name: str) -> str:
    if name != "auto":
        return str(torch.device(name))
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small products are faster on one thread, and have the same bits on any machine's number."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
