import pickle
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from convergan.estimator import (
    SemiSupervisedGANClassifier,
    SemiSupervisedKFold,
    labeled_scorer,
    mask_labels,
)
from convergan.estimator.network import forward
from convergan.estimator.opinions import log_softmax
from tests.estimator.helpers import global_state

Array = np.ndarray[Any, Any]
QUICK: dict[str, Any] = {"max_epochs": 20, "device": "cpu", "random_state": 0}
CHECKED = QUICK | {"max_epochs": 2}
NAMED = {"check_classifiers_classes": "expects {-1, 1} back, but of three estimators known by name"}


def blobs(per_class: int = 60, labeled: int = 3, spread: float = 1.0) -> tuple[Array, Array, Array]:
    """Three clusters, a few rows of each labelled: rows, marked labels, true labels."""
    centers = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    X, true = make_blobs([per_class] * 3, centers=centers, cluster_std=spread, random_state=1)
    y = np.full(len(true), -1)
    for number in range(3):
        y[np.flatnonzero(true == number)[:labeled]] = number
    return X, y, true


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [SemiSupervisedGANClassifier(unlabeled_label=None, **CHECKED)]
)
def test_without_a_marker_every_check_of_scikit_learn_passes(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [SemiSupervisedGANClassifier(**CHECKED)], expected_failed_checks=lambda _: NAMED
)
def test_with_the_marker_every_check_but_that_for_three_names_passes(
    estimator: Any, check: Any
) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def fitted() -> SemiSupervisedGANClassifier:
    X, y, _ = blobs()
    return SemiSupervisedGANClassifier(**QUICK).fit(X, y)


def test_few_labels_and_many_rows_tell_clusters_apart(fitted: SemiSupervisedGANClassifier) -> None:
    (X, y, true), model = blobs(), fitted
    assert (model.predict(X) == true).mean() > 0.97
    assert (model.transduction_[y >= 0] == y[y >= 0]).all()
    assert model.classes_.tolist() == [0, 1, 2]
    assert [opinion.name for opinion in model.opinions_][-1] == "game"
    assert model.score(X, y) == (model.predict(X)[y >= 0] == y[y >= 0]).mean()


@pytest.mark.slow
def test_unlabeled_rows_help_where_labels_mislead() -> None:
    chance = np.random.default_rng(0)
    angle = chance.uniform(0, np.pi, 400)
    moons = np.c_[np.cos(angle), np.sin(angle)]
    true = np.arange(400) % 2
    X = np.where(true[:, None] == 0, moons, [1, 0.5] - moons) + chance.normal(0, 0.08, (400, 2))
    y = np.full(400, -1)
    for number in (0, 1):
        y[np.flatnonzero(true == number)[:4]] = number
    seen = SemiSupervisedGANClassifier(**QUICK).fit(X, y)
    alone = SemiSupervisedGANClassifier(unlabeled_weight=0.0, **QUICK).fit(X, y)
    assert (seen.predict(X) == true).mean() > 0.97 > (alone.predict(X) == true).mean()


@pytest.mark.parametrize("kind", [str, object])
def test_labels_may_be_words_with_a_marker_of_their_own(kind: type) -> None:
    X, y, true = blobs()
    names = np.array(["ash", "birch", "cedar"])
    words: Array = np.where(y >= 0, names[y], "?").astype(kind)
    model = SemiSupervisedGANClassifier(unlabeled_label="?", **QUICK).fit(X, words)
    assert model.classes_.tolist() == names.tolist()
    assert (model.predict(X) == names[true]).mean() > 0.97


def test_two_classes_have_one_decision_and_its_sign_is_the_prediction() -> None:
    X, y, _ = blobs()
    X, y = X[y != 2], y[y != 2]
    model = SemiSupervisedGANClassifier(**CHECKED).fit(X, y)
    decision = model.decision_function(X)
    assert decision.shape == (len(X),)
    assert ((decision > 0) == (model.predict(X) == model.classes_[1])).all()


def test_every_member_is_a_network_of_its_own_and_one_opinion_together() -> None:
    X, y, _ = blobs(spread=2.5)
    model = SemiSupervisedGANClassifier(n_estimators=3, **CHECKED).fit(X, y)
    assert len(model.history_) == 3 and model.history_[0] != model.history_[1]
    rows = model.preprocessor_.apply(X)
    logs = np.stack([log_softmax(forward(layers, rows)) for layers in model._gan])
    found = model._pool.opinions[-1].log_probabilities(rows)
    np.testing.assert_allclose(np.exp(found), np.exp(logs).mean(axis=0), atol=1e-12)


def test_fit_leaves_the_global_chance_and_the_threads_alone() -> None:
    X, y, _ = blobs()
    torch.manual_seed(3)
    np.random.seed(3)
    theirs, threads = torch.get_rng_state(), torch.get_num_threads()
    numbers = global_state()
    SemiSupervisedGANClassifier(**CHECKED).fit(X, y)
    assert torch.equal(theirs, torch.get_rng_state())
    assert numbers == global_state()
    assert threads == torch.get_num_threads()


@pytest.mark.slow
def test_images_may_come_as_images_or_as_rows() -> None:
    data = load_digits()
    images, true = data.images[:300, None] / 16, data.target[:300]
    y = mask_labels(true, 6, random_state=0)
    shaped = SemiSupervisedGANClassifier(**CHECKED).fit(images, y)
    flat = SemiSupervisedGANClassifier(image_shape=(1, 8, 8), **CHECKED).fit(
        images.reshape(300, -1), y
    )
    assert shaped.n_features_in_ == flat.n_features_in_ == 64
    assert (shaped.predict_proba(images) == flat.predict_proba(images.reshape(300, -1))).all()
    assert shaped.score(images, true) > 0.85  # squares of four pixels lose the digits
    with pytest.raises(ValueError, match=r"image_shape \(1, 8, 9\) has 72 values, X has 64"):
        SemiSupervisedGANClassifier(image_shape=(1, 8, 9), **CHECKED).fit(data.data[:300], y)


def test_it_clones_pickles_and_stands_in_a_pipeline() -> None:
    X, y, _ = blobs()
    model = make_pipeline(StandardScaler(), SemiSupervisedGANClassifier(**CHECKED)).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict_proba(X) == model.predict_proba(X)).all()
    assert (clone(model).fit(X, y).predict_proba(X) == model.predict_proba(X)).all()


def test_scores_are_logarithms_and_pvalues_of_the_pool_are_even() -> None:
    X, y, _ = blobs(per_class=100)
    model = SemiSupervisedGANClassifier(**QUICK).fit(X, y)
    strange = np.array([[30.0, 30.0], [-40.0, 3.0]])
    assert model.score_samples(X).max() <= 0
    assert len(model.reference_scores_) == 29
    inside = model.ood_pvalue(X)
    assert 0.3 < inside.mean() < 0.7
    assert (model.ood_pvalue(strange) >= 1 / 30).all()


def test_a_time_limit_ends_training_early_and_leaves_a_classifier() -> None:
    X, y, _ = blobs()
    model = SemiSupervisedGANClassifier(max_epochs=100_000, max_seconds=0.3, random_state=0).fit(
        X, y
    )
    assert model.history_[0][-1]["step"] < model.n_steps_
    assert (model.predict(X) >= 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_estimators": 0}, "n_estimators must be an integer of 1 or more, got 0"),
        ({"n_estimators": None}, "n_estimators must be an integer of 1 or more, got None"),
        ({"max_epochs": True}, "max_epochs must be an integer of 1 or more, got True"),
        ({"max_epochs": 1.5}, "max_epochs must be an integer of 1 or more, got 1.5"),
        ({"max_seconds": 0}, "max_seconds must be above 0, got 0"),
        ({"unlabeled_weight": -1.0}, "unlabeled_weight must be finite and not negative"),
        ({"unlabeled_weight": np.inf}, "unlabeled_weight must be finite and not negative"),
        ({"generated_weight": -1}, "generated_weight must be finite and not negative, got -1"),
        ({"class_prior": "even"}, "class_prior must be one of auto, labels, uniform, unlabeled"),
        ({"image_shape": (1, 0, 8)}, "side of image_shape must be an integer of 1 or more, got 0"),
        ({"image_shape": (8, 8)}, r"image_shape must be \(C, H, W\) or None, got \(8, 8\)"),
        ({"device": "abacus"}, "device must be auto, cpu, cuda or another name of torch's"),
    ],
)
def test_bad_arguments_are_named(changes: dict[str, Any], message: str) -> None:
    X, y, _ = blobs()
    with pytest.raises(ValueError, match=message):
        SemiSupervisedGANClassifier(**(QUICK | changes)).fit(X, y)


def test_all_rows_labeled_is_worth_a_warning() -> None:
    X, _, true = blobs()
    with pytest.warns(UserWarning, match="no unlabeled row"):
        SemiSupervisedGANClassifier(**CHECKED).fit(X, true)


def test_rejection_needs_a_label_of_its_own(fitted: SemiSupervisedGANClassifier) -> None:
    (X, _, _), model = blobs(), fitted
    rejected = model.predict_or_reject(X, min_confidence=1.0, reject_label=9)
    sure = model.predict_proba(X).max(axis=1) >= 1
    assert ((rejected == 9) == ~sure).all()
    with pytest.raises(ValueError, match=r"reject_label must be none of \[0, 1, 2, -1\]"):
        model.predict_or_reject(X, min_confidence=0.5, reject_label=-1)


def test_a_rejection_that_is_text_leaves_numbers_numbers(
    fitted: SemiSupervisedGANClassifier,
) -> None:
    X, _, _ = blobs()
    middle = np.median(fitted.predict_proba(X).max(axis=1))
    found = fitted.predict_or_reject(X, min_confidence=middle, reject_label="ask")
    assert {type(value) for value in found.tolist()} == {int, str}


def test_decisions_are_the_logarithms_of_probabilities(fitted: SemiSupervisedGANClassifier) -> None:
    chance = np.random.default_rng(0)
    X = chance.normal(2, 4, (200, 2))
    decisions, probabilities = fitted.decision_function(X), fitted.predict_proba(X)
    np.testing.assert_allclose(np.exp(decisions), probabilities, rtol=1e-12)
    assert (decisions.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert (fitted.predict(X) == fitted.classes_[decisions.argmax(axis=1)]).all()
    assert np.abs(probabilities.sum(axis=1) - 1).max() < 1e-12


def test_labels_of_words_among_numbers_of_a_marker_arrive_untouched() -> None:
    X, y, true = blobs()
    names = ["ash", "birch", "cedar"]
    mixed = np.array([names[number] if number >= 0 else -1 for number in y], dtype=object)
    model = SemiSupervisedGANClassifier(**CHECKED)
    for labels in (mixed, mixed.tolist(), pd.Series(mixed), mixed[:, None]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataConversionWarning)  # of the column
            model.fit(X, labels)
        assert model.classes_.tolist() == names
    known = np.array(names)[true]
    assert model.score(X, mixed) == (model.predict(X) == known)[y >= 0].mean()
    with pytest.raises(ValueError, match=r"labels of y are of type int64, classes_ of <U5"):
        model.score(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(X, mixed[:100])


@pytest.mark.parametrize("columns", [1, 2])
def test_nothing_that_is_given_is_written_to_and_predicting_changes_nothing(columns: int) -> None:
    X, y, _ = blobs()
    X = np.ascontiguousarray(X[:, :columns])
    X.flags.writeable = y.flags.writeable = False
    model = SemiSupervisedGANClassifier(**CHECKED).fit(X, y)
    before = pickle.dumps(model)
    for ask in (model.predict, model.predict_proba, model.decision_function, model.features):
        ask(X)
    model.score_samples(X)
    model.score(X, y)
    assert pickle.dumps(model) == before


def test_features_that_never_change_are_told() -> None:
    X, y, _ = blobs()
    with pytest.warns(UserWarning, match="all rows of X are alike"):
        model = SemiSupervisedGANClassifier(**CHECKED).fit(np.full((len(y), 2), 5.0), y)
    np.testing.assert_allclose(model.predict_proba([[5.0, 5.0], [0.0, 1e9]]).sum(axis=1), 1)
    assert np.isfinite(model.predict_proba(X)).all()


def test_a_class_that_is_never_predicted_is_told() -> None:
    X = np.random.default_rng(0).normal(size=(7, 3))[np.arange(400) % 7]
    y = np.full(400, -1)
    y[:80] = np.repeat([0, 1], [77, 3])  # each of the few is like eleven of the others
    with pytest.warns(UserWarning, match="for no row of X, not even for labeled ones: class 1;"):
        model = SemiSupervisedGANClassifier(**CHECKED).fit(X, y)
    assert (model.predict(X) == 0).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_one_feature_is_enough(order: Any, kind: type, tmp_path: Path) -> None:
    X, y, true = blobs(spread=0.5)
    alone: Array = np.array(10 * (X[:, :1] + X[:, 1:] * 2), dtype=kind, order=order)
    given = alone.copy()
    model = SemiSupervisedGANClassifier(**CHECKED).fit(alone, y)
    assert (alone == given).all()
    assert model.score(given, true) > 0.9
    model.save(tmp_path / "model")
    loaded = SemiSupervisedGANClassifier.load(tmp_path / "model")
    assert (loaded.predict_proba(given) == model.predict_proba(given)).all()


def test_a_score_counts_rows_by_their_weights() -> None:
    X, y, true = blobs(spread=2.5)
    model = SemiSupervisedGANClassifier(**CHECKED).fit(X, y)
    wrong = model.predict(X) != true
    assert 0 < wrong.mean() < 1
    assert model.score(X, true, sample_weight=np.where(wrong, 3.0, 1.0)) == pytest.approx(
        (~wrong).sum() / ((~wrong).sum() + 3 * wrong.sum())
    )
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(X, true, sample_weight=np.ones(2))


def test_columns_that_moved_or_are_missing_are_named_before_their_cells_are_read() -> None:
    X, y, _ = blobs()
    kinds = pd.Categorical(np.where(X[:, 0] > 3, "right", "left"))
    frame = pd.DataFrame({"width": X[:, 0], "side": kinds, "height": X[:, 1]})
    model = SemiSupervisedGANClassifier(**CHECKED).fit(frame, y)
    with pytest.raises(ValueError, match="yet now missing:\n- width"):
        model.predict(frame.drop(columns="width"))
    with pytest.raises(ValueError, match="same order"):
        model.predict(frame[["side", "width", "height"]])


def test_frames_bring_the_names_of_their_columns() -> None:
    X, y, _ = blobs()
    frame = pd.DataFrame(X, columns=["width", "height"], index=range(500, 680))
    model = SemiSupervisedGANClassifier(**CHECKED).fit(frame, pd.Series(y, index=frame.index))
    assert model.feature_names_in_.tolist() == ["width", "height"]
    bare = SemiSupervisedGANClassifier(**CHECKED).fit(X, y)
    assert (model.predict_proba(frame) == bare.predict_proba(X)).all()
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["height", "width"]])


def test_plain_arrays_skip_the_checks_and_all_else_is_checked() -> None:
    X, y, _ = blobs()
    model = SemiSupervisedGANClassifier(**CHECKED).fit(X, y)
    said = model.predict_proba(X[:4])
    with patch("convergan.estimator.classifier.validate_data", side_effect=AssertionError):
        np.testing.assert_array_equal(model.predict_proba(X[:4]), said)
        np.testing.assert_array_equal(model.predict_proba(np.asfortranarray(X[:4])), said)
        np.testing.assert_allclose(model.predict_proba(X[:4].astype(np.float32)), said, atol=1e-4)
    for given in (X[:4].tolist(), X[:4].astype(object), np.vstack([X[:3], [[np.nan, 0]]])):
        assert model.predict_proba(given)[:3].tolist() == said[:3].tolist()
    for wrong, message in (
        (X[:, :1], "X has 1 features, but SemiSupervisedGANClassifier is expecting 2"),
        (X[0], "Expected 2D array, got 1D array instead"),
        (X[:0], "Found array with 0 sample"),
        (X[:1] * np.inf, "Input X contains infinity"),
        (X[:1] * 1j, "Complex data not supported"),
        (np.ma.masked_array(X[:2], mask=[[True, False]] * 2), "X has masked cells"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predict_proba(wrong)
    with pytest.raises(NotFittedError):
        SemiSupervisedGANClassifier().predict_proba(X)
    named = SemiSupervisedGANClassifier(**CHECKED).fit(pd.DataFrame(X, columns=["a", "b"]), y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        named.predict_proba(X[:4])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda X: np.where(X == X[7, 1], np.inf, X),
            r"^Input X contains infinity or a value too large \(row 7, column 1; counted from 0\)",
        ),
        (
            lambda X: pd.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] == X[7, 1], -np.inf, 0)}),
            r"^Input X contains infinity or a value too large \(row 7, column 'b'; counted from 0",
        ),
        (
            lambda X: pd.DataFrame({"a": X[:, 0], "b": [f"row {row}" for row in range(len(X))]}),
            "^column 'b' of X is text of 180 kinds in 180 rows, such as 'row 0'; at most 50 become",
        ),
        (
            lambda X: pd.DataFrame({"a": X[:, 0], "b": [*[1.0] * (len(X) - 1), "two"]}),
            "^column 'b' of X has text among numbers, 'two' in row 179: make all its cells numbers",
        ),
        (
            lambda X: pd.DataFrame({"a": pd.date_range("2026-01-01", periods=len(X))}),
            "^X holds dates or times; give what matters of them as numbers",
        ),
        (lambda X: X[:1], "minimum of 2 is required|inconsistent numbers of samples"),
        (lambda X: X[:, :, None], "dim 3"),
    ],
)
def test_bad_rows_are_named(spoil: Any, message: str) -> None:
    X, y, _ = blobs()
    with pytest.raises(ValueError, match=message):
        SemiSupervisedGANClassifier(**QUICK).fit(spoil(X), y)


def mixed_table(rows: int = 240) -> tuple[pd.DataFrame, Array, Array]:
    """A table whose columns each say a part of the class: a frame, marked labels, true labels."""
    chance = np.random.default_rng(0)
    true = np.arange(rows) % 2
    size = np.exp(3 * (chance.normal(size=rows) + 2 * true))
    table = pd.DataFrame(
        {
            "size": size,
            "weight": np.where(chance.random(rows) < 0.3, np.nan, chance.normal(2 * true)),
            "colour": np.array(["red", "blue", "green"])[true + chance.integers(0, 2, rows)],
            "grade": pd.Categorical(true + chance.integers(0, 2, rows)),
            "old": pd.array(chance.random(rows) < 0.5, dtype="boolean"),
        }
    )
    table.loc[3, ["colour", "grade"]] = None
    return table, np.where(np.arange(rows) < 20, true, -1), true


def test_a_table_is_taken_as_it_is() -> None:
    table, y, true = mixed_table()
    model = SemiSupervisedGANClassifier(**QUICK).fit(table, y)
    assert model.feature_names_in_.tolist() == list(table.columns) and model.n_features_in_ == 5
    assert (model.predict(table) == true).mean() > 0.9
    assert model.__sklearn_tags__().input_tags.allow_nan
    strange = table.head(2).assign(colour=["pink", "red"])
    with pytest.warns(UserWarning, match="'colour' of X has categories that fit did not see, such"):
        first, second = model.predict_proba(strange)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known = model.predict_proba(table.head(2).assign(colour=[None, "red"]))
    assert (known == [first, second]).all()


def test_missing_pixels_are_refused() -> None:
    data = load_digits()
    images = np.where(data.data == data.data[5, 20], np.nan, data.data)[:60]
    with pytest.raises(ValueError, match="NaN .row 0.; images must have all of their pixels"):
        SemiSupervisedGANClassifier(image_shape=(1, 8, 8), unlabeled_label=9, **CHECKED).fit(
            images, data.target[:60]
        )


def test_sparse_rows_are_refused(fitted: SemiSupervisedGANClassifier) -> None:
    X, y, _ = blobs()
    for ask in (lambda: fitted.predict(csr_array(X)), lambda: clone(fitted).fit(csr_array(X), y)):
        with pytest.raises(ValueError, match="Sparse data was passed.*but dense data is required"):
            ask()


def test_no_label_at_all_is_an_error() -> None:
    X, y, _ = blobs()
    with pytest.raises(ValueError, match="y has no labeled row: all 180 rows are -1"):
        SemiSupervisedGANClassifier(**QUICK).fit(X, np.full_like(y, -1))


def test_two_rows_are_enough() -> None:
    model = SemiSupervisedGANClassifier(unlabeled_label=None, **QUICK)
    with pytest.warns(UserWarning, match="class a has 1 labeled row; with fewer than 3"):
        model.fit([[0.0], [1.0]], ["a", "b"])
    assert model.predict([[0.0], [1.0]]).tolist() == ["a", "b"]


def test_the_guard_of_earlier_versions_has_no_effect_and_says_so() -> None:
    X, y, _ = blobs()
    model = SemiSupervisedGANClassifier(**QUICK).fit(X, y)
    for name, value in (("guard", False), ("guard_level", 0.1)):
        with pytest.warns(FutureWarning, match=f"{name} has no effect and will go"):
            again = clone(model).set_params(**{name: value}).fit(X, y)
        assert (again.predict_proba(X) == model.predict_proba(X)).all()


def test_many_classes_of_three_labels_fit_without_a_warning() -> None:
    chance = np.random.default_rng(0)
    true = np.arange(120) % 25
    X = chance.normal(size=(25, 5))[true] + chance.normal(0, 0.1, (120, 5))
    y = np.where(np.arange(120) < 75, true, -1)
    model = SemiSupervisedGANClassifier(**(QUICK | {"max_epochs": 2})).fit(X, y)
    assert model.risk_table_ is not None and model.risk_table_.rows[0] == 75
    assert model.predict_proba(X).shape == (120, 25)


def test_alike_columns_keep_their_units_and_shapes(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    X = np.exp(chance.normal(size=(120, 3))) * [1, 10, 100]
    y = np.where(np.arange(120) < 40, np.arange(120) % 2, -1)
    model = SemiSupervisedGANClassifier(alike_columns=True, **CHECKED).fit(X, y)
    rows = model.preprocessor_.apply(X)
    np.testing.assert_allclose(rows / (X - X.mean(axis=0)), rows[0, 0] / (X - X.mean(axis=0))[0, 0])
    assert np.square(rows).mean() == pytest.approx(1)
    model.save(tmp_path / "model")
    loaded = SemiSupervisedGANClassifier.load(tmp_path / "model")
    assert loaded.alike_columns and (loaded.predict_proba(X) == model.predict_proba(X)).all()


def test_what_was_held_out_is_kept_by_row() -> None:
    chance = np.random.default_rng(0)
    true = np.arange(60) % 3
    X = chance.normal(size=(3, 4))[true] + chance.normal(0, 0.6, (60, 4))
    y = np.where(chance.random(60) < 0.3, true, -1)
    y[true == 2] = -1
    y[2] = 2  # the only one of its class, which cannot be held out
    model = SemiSupervisedGANClassifier(**CHECKED)
    with pytest.warns(UserWarning, match="class 2 has 1 labeled row"):
        model.fit(X, y)
    held, risk = model.held_out_, model.risk_table_
    assert held.rows.tolist() == np.flatnonzero((y >= 0) & (y < 2)).tolist()
    wrong = (held.probabilities.argmax(axis=1) != y[held.rows]).mean()
    assert risk is not None and wrong == pytest.approx(risk.risk[0])


def test_a_constant_feature_says_nothing_even_where_it_changes_later() -> None:
    X, y, _ = blobs()
    wide = np.c_[X, np.full(len(X), 7.0)]
    model = SemiSupervisedGANClassifier(**CHECKED).fit(wide, y)
    changed = np.c_[X, np.full(len(X), 1e9)]
    assert (model.predict_proba(wide) == model.predict_proba(changed)).all()


@pytest.mark.parametrize("factor", [1e30, 1e250])
def test_the_unit_of_a_feature_is_of_no_account(factor: float) -> None:
    X, y, true = blobs()
    model = SemiSupervisedGANClassifier(**QUICK).fit(X * factor, y)
    assert (model.predict(X * factor) == true).mean() > 0.97
    far = model.predict_proba(X * min(1e300, factor * 1e200))
    assert np.isfinite(far).all() and np.abs(far.sum(axis=1) - 1).max() < 1e-12


def test_images_of_another_shape_are_refused_and_negative_pixels_seen() -> None:
    data = load_digits()
    images, y = data.images[:60, None] / 16, data.target[:60]
    settings = CHECKED | {"unlabeled_label": None, "max_epochs": 2}
    model = SemiSupervisedGANClassifier(**settings).fit(images, y)
    with pytest.raises(ValueError, match=r"X has images of shape \(8, 8, 1\), \(C, H, W\) expec"):
        model.predict(images.transpose(0, 2, 3, 1))
    with pytest.raises(ValueError, match="images of 3 pixels a side or more"):
        clone(model).fit(images.transpose(0, 2, 3, 1), y)
    with pytest.raises(ValueError, match=r"X has images of shape \(1, 8, 8\), .* is \(1, 4, 16\)"):
        clone(model).set_params(image_shape=(1, 4, 16)).fit(images, y)
    signed = clone(model).fit(2 * images - 1, y)
    np.testing.assert_allclose(
        signed.predict_proba(2 * images - 1), model.predict_proba(images), atol=1e-6
    )


@pytest.mark.slow
def test_a_gan_that_diverges_leaves_a_classifier_and_a_warning() -> None:
    X, y, true = blobs(labeled=6)
    model = SemiSupervisedGANClassifier(unlabeled_weight=3e38, **QUICK)
    with pytest.warns(UserWarning, match="the network is left out, its training failed: a loss"):
        model.fit(X, y)
    assert "game" not in [opinion.name for opinion in model.opinions_]
    assert (model.predict(X) == true).mean() > 0.9
    for ask in (model.score_samples, model.ood_pvalue):
        with pytest.raises(ValueError, match="there is no GAN to score samples with"):
            ask(X)
    assert model.features(X).shape == X.shape


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:class . has:UserWarning")
def test_a_grid_search_of_two_jobs_finds_what_one_job_finds() -> None:
    X, y, _ = blobs()
    found = [
        GridSearchCV(
            SemiSupervisedGANClassifier(**CHECKED),
            {"unlabeled_weight": [0.0, 1.0]},
            cv=SemiSupervisedKFold(2, random_state=0),
            scoring=labeled_scorer("accuracy"),
            error_score="raise",
            n_jobs=jobs,
        ).fit(X, y)
        for jobs in (1, 2)
    ]
    one, two = (search.cv_results_["mean_test_score"] for search in found)
    assert one.tolist() == two.tolist() and max(one) > 0.9
    assert (found[0].predict_proba(X) == found[1].predict_proba(X)).all()


def test_fits_in_threads_of_one_process_put_the_number_of_threads_back() -> None:
    X, y, _ = blobs()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model = SemiSupervisedGANClassifier(**CHECKED)
        models = Parallel(n_jobs=2, backend="threading")(
            delayed(clone(model).fit)(X, y) for _ in range(3)
        )
        assert torch.get_num_threads() == 2
        assert (models[0].predict_proba(X) == models[2].predict_proba(X)).all()
    finally:
        torch.set_num_threads(before)
