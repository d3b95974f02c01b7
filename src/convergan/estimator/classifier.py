"""The semi-supervised GAN as a scikit-learn classifier.

Salimans et al. (2016), section 5: a classifier of K classes learns from a few labelled rows, from
many unlabelled ones, ``y == -1``, and from discriminating both from generated rows. Here that game
is one opinion of several: see `convergan.estimator.pool` for how they are weighed, and
`convergan.estimator.network` for what of the game differs from the paper.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from . import persistence
from .calibration import HeldOut, conformal_pvalues
from .checks import Array, require_integer, require_no_infinity, require_numbers
from .deployment import DeployedClassifier
from .devices import find_device, one_thread
from .fitting import FitOptions, fit_classifier, hold_out_unlabeled, log_realness, print_losses
from .frames import code_categories, learn_categories
from .labels import decode_labels, encode_labels, labeled_part
from .network import Network, features, print_nothing
from .preprocessing import as_image_shape, fit_preprocessor, flatten_images
from .shares import PRIORS

PLAIN = (np.dtype(np.float64), np.dtype(np.float32))
"""Types of arrays that need no look at what they hold, but for its finiteness."""
FEW = 3
"""Labelled rows of a class below which `fit` warns."""


class SemiSupervisedGANClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of tables, or of images, from few labels and many unlabelled rows.

    Tables are taken as they are: a missing number becomes its column's median, which an indicator
    marks where more than 1 % are missing; columns of up to 50 categories become an indicator for
    each; columns on a logarithm's scale, or with a few wild cells, are brought into shape by
    `convergan.estimator.shaping`.

    Args:
        unlabeled_label: what marks an unlabelled row in ``y``; None where every row is labelled.
        image_shape: (C, H, W) where rows are flattened images, which are described by
            `convergan.data.oriented_gradients`. Not needed where X is (n, C, H, W).
        alike_columns: whether all columns are of one kind and unit, as the features of a network
            are. Then none is brought into shape or scaled alone, only all of them together.
        class_prior: shares of the classes that predictions are made for. ``labels``, those of the
            given labels; ``uniform``, all alike; ``unlabeled``, estimated from unlabelled rows.
            ``auto`` takes the labels' where they differ, as in a random draw; else uniform ones,
            and moves to the estimate as far as that is better than its own uncertainty. See
            `class_shares_`.
        n_estimators: networks of different seeds whose probabilities are averaged; the paper
            averages ten.
        max_epochs: passes over all rows; None for 10, of at least 500 and at most 1,000 steps.
        max_seconds: limit of all trainings of networks together, which share it equally; None for
            no limit. The result of a fit that reaches it depends on the machine.
        unlabeled_weight: factor of all that unlabelled rows say: of the powers of graphs and
            self-training and of the network's losses of such rows; lower it where they may be of
            other classes.
        generated_weight: factor of its losses of generated rows; 0 leaves out the game.
        guard: has no effect since version 0.12.0, and will go: labels that are held out now decide
            what each opinion counts.
        guard_level: likewise.
        random_state: int, RandomState or None.
        device: ``auto``, ``cpu``, ``cuda`` or another name of torch's, for training. Predictions
            are made by NumPy on the CPU.
        verbose: 1 prints losses.

    Attributes:
        classes_: (K,) in order, never the marker.
        opinions_: what each opinion was worth here, a list of `OpinionReport`.
        class_shares_: a `ClassShares`.
        held_out_: a `HeldOut`, what the pool says of labelled rows whose label was held out,
            or None in a model of a version up to 0.12.
        risk_table_: coverage and risk of held-out labels by confidence, or None.
        diagnostics_: by name, how labelled and unlabelled rows differ.
        transduction_: (n,) the given label of each row of `fit`, the predicted one where there is
            none.
        history_: for each member, losses every 50 steps.
        preprocessor_: a `convergan.estimator.preprocessing.Preprocessor`.
        reference_scores_: `score_samples` of unlabelled rows kept out of training, rising.
        seed_, device_, n_steps_: as used.
        n_features_in_, feature_names_in_: as in scikit-learn; of images the flat width.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = np.vstack([rng.normal(0, 1, (60, 2)), rng.normal(6, 1, (60, 2))])
        >>> y = np.full(120, -1)
        >>> y[[0, 1, 2, 60, 61, 62]] = 0, 0, 0, 1, 1, 1
        >>> model = SemiSupervisedGANClassifier(random_state=0)
        >>> float(model.fit(X, y).score(X, np.repeat([0, 1], 60)))
        1.0
    """

    def __init__(
        self,
        *,
        unlabeled_label: Any = -1,
        image_shape: tuple[int, int, int] | None = None,
        alike_columns: bool = False,
        class_prior: str = "auto",
        n_estimators: int = 1,
        max_epochs: int | None = None,
        max_seconds: float | None = None,
        unlabeled_weight: float = 1.0,
        generated_weight: float = 1.0,
        guard: bool | None = None,
        guard_level: float | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.unlabeled_label = unlabeled_label
        self.image_shape = image_shape
        self.alike_columns = alike_columns
        self.class_prior = class_prior
        self.n_estimators = n_estimators
        self.max_epochs = max_epochs
        self.max_seconds = max_seconds
        self.unlabeled_weight = unlabeled_weight
        self.generated_weight = generated_weight
        self.guard = guard
        self.guard_level = guard_level
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from labelled and unlabelled rows.

        Args:
            X: (n, features) or (n, C, H, W), a frame of pandas or polars, or an array. Numbers are
                finite or NaN; columns of text, and categorical ones, are categories.
            y: (n,) labels, ``unlabeled_label`` where there is none.

        Raises:
            ValueError: for rows, labels or arguments that cannot be trained on.
        """
        self._check_arguments()
        is_images = self.image_shape is None and getattr(X, "ndim", 2) == 4
        shape = as_image_shape(X.shape[1:] if is_images else self.image_shape)
        X = flatten_images(X, shape)
        required = None if y is None else "no_validation"
        for name, given in (("X", X), ("y", y)):
            require_numbers(name, given)
        coded = learn_categories(X)
        X = validate_data(
            self,
            coded.rows,
            required,
            dtype="numeric",
            ensure_all_finite=False,
            ensure_min_samples=2,
        )
        if getattr(y, "ndim", 1) == 2:
            y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        if shape and int(np.prod(shape)) != self.n_features_in_:
            raise ValueError(
                f"image_shape {shape} has {int(np.prod(shape))} values, "
                f"X has {self.n_features_in_} features"
            )
        self.classes_, codes = encode_labels(y, self.unlabeled_label)
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.device_ = find_device(self.device)
        for notice in self._notices(codes):
            warnings.warn(notice, stacklevel=2)
        self.preprocessor_, rows = fit_preprocessor(
            self._finite(X), shape, coded.categories, alike=self.alike_columns
        )
        with one_thread():
            self._fit_rows(rows, codes)
        predicted = self._pool.log_probabilities(rows).argmax(axis=1)
        never = self.classes_[np.setdiff1d(np.arange(len(self.classes_)), predicted)]
        if not np.ptp(rows, axis=0).any():
            warnings.warn("all rows of X are alike: no feature tells classes apart", stacklevel=2)
        elif len(never):
            classes = ", ".join(map(str, never))
            warnings.warn(
                f"predicted for no row of X, not even for labeled ones: class {classes}; "
                "predict_proba still says which rows are nearest to it",
                stacklevel=2,
            )
        self.transduction_ = self.classes_[np.where(codes >= 0, codes, predicted)]
        return self

    def predict(self, X: Any) -> Array:
        """Return the most probable class of every row."""
        codes = self._log_probabilities(X).argmax(axis=1)
        predicted: Array = self.classes_[codes]
        return predicted

    def predict_proba(self, X: Any) -> Array:
        """Return (n, K) calibrated class probabilities; rows sum to 1."""
        probabilities: Array = np.exp(self._log_probabilities(X))
        return probabilities

    def decision_function(self, X: Any) -> Array:
        """Return (n, K) logarithms of probabilities; for two classes (n,) the second's log odds."""
        log = self._log_probabilities(X)
        return log[:, 1] - log[:, 0] if log.shape[1] == 2 else log

    def predict_or_reject(self, X: Any, *, min_confidence: float, reject_label: Any) -> Array:
        """Return classes as `predict`, and ``reject_label`` where none is probable enough.

        Args:
            X: as for `predict`.
            min_confidence: least probability, in [0, 1]; `risk_table_` helps to choose it.
            reject_label: a number or a text, neither a class nor ``unlabeled_label``. Where it is
                not of the type of the classes, an array of objects is returned.

        Raises:
            ValueError: for a confidence outside [0, 1] or a reject_label that is taken.
        """
        check_is_fitted(self)
        taken = [*self.classes_.tolist(), self.unlabeled_label]
        if reject_label is None or reject_label in taken or not 0 <= min_confidence <= 1:
            raise ValueError(
                f"reject_label must be none of {taken} and min_confidence in [0, 1], "
                f"got {reject_label!r} and {min_confidence}"
            )
        log = self._log_probabilities(X)
        sure = np.exp(log.max(axis=1)) >= min_confidence
        codes = np.where(sure, log.argmax(axis=1), -1)
        return decode_labels(self.classes_, codes, reject_label)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on labelled rows; others are ignored.

        Args:
            X: rows, as for `predict`.
            y: (n,) labels, ``unlabeled_label`` where there is none.
            sample_weight: (n,) what each row counts; by default all alike.

        Raises:
            ValueError: if no row is labelled, or either y or the classes, but not both, are text.
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
        check_consistent_length(predicted, y, sample_weight)
        weights = None if sample_weight is None else np.asarray(sample_weight)[known]
        return float(accuracy_score(labels, predicted[known], sample_weight=weights))

    def score_samples(self, X: Any) -> Array:
        """Return (n,) ``log D(x)``, at most 0; low where a row is unlike the unlabelled rows.

        Raises:
            ValueError: if there was no game, or its training failed.
        """
        rows = self._rows(X)
        if not self._gan:
            raise ValueError(
                "there is no GAN to score samples with: the game was left out "
                "(generated_weight, unlabeled_weight) or its training failed"
            )
        return log_realness(self._gan, rows)

    def ood_pvalue(self, X: Any) -> Array:
        """Return (n,) conformal p-values: the share of unlabelled rows that are as unusual.

        They are compared with unlabelled rows kept out of training. For rows of the same
        distribution p <= a has probability a at most. A low value says that a row is unlike the
        unlabelled rows, nothing more.

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
        """Return the last hidden layer of the first network, (n, F).

        Where its training failed, standardised rows.
        """
        rows = self._rows(X)
        networks = [one.members for one in self._pool.opinions if isinstance(one, Network)]
        return features(networks[0][0], rows) if networks else rows

    def save(self, folder: str | Path) -> None:
        """Write the fitted classifier to a new folder: safetensors and JSON, no pickle."""
        check_is_fitted(self)
        persistence.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; runs no code from the folder.

        Raises:
            ValueError: if it is damaged, or of another version.
        """
        return persistence.load(cls, Path(folder))

    def to_torch(self) -> DeployedClassifier:
        """Return a module of torch that maps raw rows (n, features) to `predict_proba`.

        Column k is of ``classes_[k]``; images are flattened. See `DeployedClassifier`.
        """
        check_is_fitted(self)
        return DeployedClassifier(self.preprocessor_, self._pool, self.classes_)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: cells may be missing or categories."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def _check_arguments(self) -> None:
        require_integer("n_estimators", self.n_estimators)
        if self.max_epochs is not None:
            require_integer("max_epochs", self.max_epochs)
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ValueError(f"max_seconds must be above 0, got {self.max_seconds!r}")
        for name in ("unlabeled_weight", "generated_weight"):
            value = self.get_params()[name]
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} must be finite and not negative, got {value!r}")
        if self.class_prior not in PRIORS:
            raise ValueError(
                f"class_prior must be one of {', '.join(PRIORS)}, got {self.class_prior!r}"
            )
        for name in ("guard", "guard_level"):
            if self.get_params()[name] is not None:
                warnings.warn(
                    f"{name} has no effect and will go: held-out labels now decide what each "
                    "opinion counts, see opinions_",
                    FutureWarning,
                    stacklevel=3,
                )

    def _notices(self, codes: Array) -> Iterator[str]:
        """Say what is wrong with the labels, ``codes`` as in `EncodedLabels`."""
        if self.unlabeled_label is not None and (codes >= 0).all():
            yield "y has no unlabeled row: nothing to learn from but labels"
        counts = np.bincount(codes[codes >= 0])
        if counts.min() < FEW:
            few = "1 labeled row" if counts.min() == 1 else f"{counts.min()} labeled rows"
            yield (
                f"class {self.classes_[counts.argmin()]!s} has {few}; with fewer than {FEW} of a "
                "class little can be said about errors: label more of it"
            )

    def _fit_rows(self, rows: Array, codes: Array) -> None:
        chance = np.random.default_rng(self.seed_)
        kept, held = hold_out_unlabeled(codes, chance)
        options = FitOptions(
            members=self.n_estimators,
            max_epochs=self.max_epochs,
            max_seconds=self.max_seconds,
            unlabeled_weight=float(self.unlabeled_weight),
            generated_weight=float(self.generated_weight),
            class_prior=self.class_prior,
            device=self.device_,
            on_losses=print_losses if self.verbose else print_nothing,
        )
        fitted = fit_classifier(rows[kept], codes[kept], self.seed_, options)
        self.opinions_, self.class_shares_ = fitted.opinions, fitted.class_shares
        self.n_steps_, self.risk_table_ = fitted.steps, fitted.risk
        self.held_out_ = HeldOut(_held_out_rows(codes), fitted.held_out)
        self.history_ = fitted.histories
        self._pool, self._gan = fitted.pool, fitted.gan
        self.reference_scores_ = np.sort(log_realness(self._gan, rows[held]))
        self.diagnostics_ = fitted.diagnostics
        for notice in fitted.notices:
            warnings.warn(notice, stacklevel=3)

    def _rows(self, X: Any) -> Array:
        """Return the standardised features of rows or images, (n, F)."""
        if not self._are_checked(X):
            X = self._checked(X)
        return self.preprocessor_.apply(np.asarray(X, dtype=np.float64, order="C"))

    def _are_checked(self, X: Any) -> bool:
        """Return whether rows are so plain that all checks would pass, which take longer than they.

        Those are finite floating point numbers in an array of the width of `fit`, whose columns had
        no names and no categories.
        """
        fitted = vars(self)
        return (
            type(X) is np.ndarray
            and X.dtype in PLAIN
            and X.ndim == 2
            and "_pool" in fitted
            and "feature_names_in_" not in fitted
            and not self.preprocessor_.completion.categories
            and 0 < len(X)
            and X.shape[1] == self.n_features_in_
            and bool(np.isfinite(X).all())
        )

    def _checked(self, X: Any) -> Array:
        """Return rows or images as numbers, (n, A); refuse and warn of what is to be."""
        check_is_fitted(self)
        X = flatten_images(X, self.preprocessor_.image_shape)
        require_numbers("X", X)
        if hasattr(X, "columns"):  # they are named before their cells are read
            validate_data(self, X, skip_check_array=True, reset=False)
        coded = code_categories(X, self.preprocessor_.completion.categories)
        X = validate_data(self, coded.rows, dtype="numeric", ensure_all_finite=False, reset=False)
        if coded.notice:
            warnings.warn(coded.notice, stacklevel=5)
        return self._finite(X)

    def _finite(self, X: Any) -> Array:
        """Return checked rows as float64; refuse infinite cells."""
        rows = np.asarray(X, dtype=np.float64, order="C")
        require_no_infinity(rows, vars(self).get("feature_names_in_"))
        return rows

    def _log_probabilities(self, X: Any) -> Array:
        """Return (n, K) logarithms of calibrated probabilities."""
        rows = self._rows(X)
        return self._pool.log_probabilities(rows)


def _held_out_rows(codes: Array) -> Array:
    """Return the rows whose label can be held out, as its class (n,) has another; -1 is none."""
    labeled = np.flatnonzero(codes >= 0)
    found: Array = labeled[np.bincount(codes[labeled])[codes[labeled]] > 1]
    return found
