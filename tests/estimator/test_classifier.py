import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from convergan.estimator import SemiSupervisedGANClassifier

Array = np.ndarray[Any, Any]
QUICK = {"max_epochs": 40, "guard": False, "device": "cpu", "random_state": 0}
NAMED = {"check_classifiers_classes": "expects {-1, 1} back, but of three estimators known by name"}


def blobs(per_class: int = 60, labeled: int = 3, spread: float = 1.0) -> tuple[Array, Array, Array]:
    """Three clusters, a few rows of each labelled: rows, marked labels, true labels."""
    centers = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    X, true = make_blobs([per_class] * 3, centers=centers, cluster_std=spread, random_state=1)
    y = np.full(len(true), -1)
    for number in range(3):
        y[np.flatnonzero(true == number)[:labeled]] = number
    return X, y, true


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([SemiSupervisedGANClassifier(unlabeled_label=None, **QUICK)])
def test_without_a_marker_every_check_of_scikit_learn_passes(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [SemiSupervisedGANClassifier(**QUICK)], expected_failed_checks=lambda _: NAMED
)
def test_with_the_marker_every_check_but_that_for_three_names_passes(
    estimator: Any, check: Any
) -> None:
    check(estimator)


def test_few_labels_and_many_rows_tell_clusters_apart() -> None:
    X, y, true = blobs()
    model = SemiSupervisedGANClassifier(**QUICK).fit(X, y)
    assert (model.predict(X) == true).mean() > 0.97
    assert (model.transduction_[y >= 0] == y[y >= 0]).all()
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.selected_ == "gan"
    assert model.score(X, y) == (model.predict(X)[y >= 0] == y[y >= 0]).mean()


def test_unlabeled_rows_help_where_labels_mislead() -> None:
    chance = np.random.default_rng(0)
    angle = chance.uniform(0, np.pi, 400)
    moons = np.c_[np.cos(angle), np.sin(angle)]
    true = np.arange(400) % 2
    X = np.where(true[:, None] == 0, moons, [1, 0.5] - moons) + chance.normal(0, 0.08, (400, 2))
    y = np.full(400, -1)
    for number in (0, 1):
        y[np.flatnonzero(true == number)[:4]] = number
    seen = SemiSupervisedGANClassifier(guard=False, random_state=0).fit(X, y)
    alone = SemiSupervisedGANClassifier(
        guard=False, random_state=0, unlabeled_weight=0.0, unlabeled_label=-1
    ).fit(X, y)
    assert (seen.predict(X) == true).mean() > 0.97 > (alone.predict(X) == true).mean()


@pytest.mark.parametrize("kind", [str, object])
def test_labels_may_be_words_with_a_marker_of_their_own(kind: type) -> None:
    X, y, true = blobs()
    names = np.array(["ash", "birch", "cedar"])
    words = np.where(y >= 0, names[y], "?").astype(kind)
    model = SemiSupervisedGANClassifier(unlabeled_label="?", **QUICK).fit(X, words)
    assert model.classes_.tolist() == names.tolist()
    assert (model.predict(X) == names[true]).mean() > 0.97


def test_two_classes_have_one_decision_and_its_sign_is_the_prediction() -> None:
    X, y, _ = blobs()
    X, y = X[y != 2], y[y != 2]
    model = SemiSupervisedGANClassifier(**QUICK).fit(X, y)
    decision = model.decision_function(X)
    assert decision.shape == (len(X),)
    assert ((decision > 0) == (model.predict(X) == model.classes_[1])).all()


def test_the_mean_of_members_is_what_predicts() -> None:
    X, y, _ = blobs(spread=2.5)
    model = SemiSupervisedGANClassifier(n_estimators=3, **QUICK).fit(X, y)
    rows = (X - model.mean_) / model.scale_
    probabilities = []
    for layers in model._members:
        h = rows
        for weights, biases in layers[:-1]:
            h = np.maximum(h @ weights + biases, 0)
        logits = h @ layers[-1][0] + layers[-1][1]
        probabilities.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(X), np.mean(probabilities, axis=0), atol=1e-12)
    assert len(model.history_) == 3 and model.history_[0] != model.history_[1]


def test_fit_leaves_the_global_chance_and_the_threads_alone() -> None:
    X, y, _ = blobs()
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), torch.get_num_threads()
    SemiSupervisedGANClassifier(**QUICK).fit(X, y)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()
    assert before[2] == torch.get_num_threads()


def test_images_may_come_as_images_or_as_rows() -> None:
    data = load_digits()
    images, true = data.images[:300, None] / 16, data.target[:300]
    y = np.where(np.arange(300) < 60, true, -1)
    shaped = SemiSupervisedGANClassifier(**QUICK).fit(images, y)
    flat = SemiSupervisedGANClassifier(image_shape=(1, 8, 8), **QUICK).fit(
        images.reshape(300, -1), y
    )
    assert shaped.n_features_in_ == flat.n_features_in_ == 64
    assert (shaped.predict_proba(images) == flat.predict_proba(images.reshape(300, -1))).all()
    with pytest.raises(ValueError, match=r"image_shape \(1, 8, 9\) has 72 values, X has 64"):
        SemiSupervisedGANClassifier(image_shape=(1, 8, 9), **QUICK).fit(data.data[:300], y)


def test_it_clones_pickles_and_stands_in_a_pipeline() -> None:
    X, y, _ = blobs()
    model = make_pipeline(StandardScaler(), SemiSupervisedGANClassifier(**QUICK)).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict_proba(X) == model.predict_proba(X)).all()
    assert (clone(model).fit(X, y).predict_proba(X) == model.predict_proba(X)).all()


def test_rows_unlike_the_pool_score_low_and_have_small_pvalues() -> None:
    X, y, _ = blobs(per_class=200)
    model = SemiSupervisedGANClassifier(guard=False, random_state=0).fit(X, y)
    strange = np.array([[30.0, 30.0], [-40.0, 3.0]])
    assert model.score_samples(X).max() <= 0
    assert len(model.reference_scores_) == 59
    inside = model.ood_pvalue(X)
    assert 0.3 < inside.mean() < 0.7
    assert (model.ood_pvalue(strange) >= 1 / 60).all()


def test_a_time_limit_ends_training_early_and_leaves_a_classifier() -> None:
    X, y, _ = blobs()
    model = SemiSupervisedGANClassifier(
        max_epochs=100_000, max_seconds=1.5, guard=False, random_state=0
    ).fit(X, y)
    assert model.history_[0][-1]["step"] < model.n_steps_
    assert (model.predict(X) >= 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_estimators": 0}, "n_estimators must be an integer of 1 or more, got 0"),
        ({"max_epochs": 1.5}, "max_epochs must be an integer of 1 or more, got 1.5"),
        ({"max_seconds": 0}, "max_seconds must be above 0, got 0"),
        ({"unlabeled_weight": -1.0}, "unlabeled_weight must not be negative"),
        ({"guard_level": 2.0}, r"guard_level be in \[0, 1\]"),
    ],
)
def test_bad_arguments_are_named(changes: dict[str, Any], message: str) -> None:
    X, y, _ = blobs()
    with pytest.raises(ValueError, match=message):
        SemiSupervisedGANClassifier(**(QUICK | changes)).fit(X, y)


def test_all_rows_labeled_is_worth_a_warning() -> None:
    X, _, true = blobs()
    with pytest.warns(UserWarning, match="no unlabeled row"):
        SemiSupervisedGANClassifier(**QUICK).fit(X, true)


def test_rejection_needs_a_label_of_its_own() -> None:
    X, y, _ = blobs()
    model = SemiSupervisedGANClassifier(**QUICK).fit(X, y)
    rejected = model.predict_or_reject(X, min_confidence=1.0, reject_label=9)
    sure = model.predict_proba(X).max(axis=1) >= 1
    assert ((rejected == 9) == ~sure).all()
    with pytest.raises(ValueError, match=r"reject_label must be none of \[0, 1, 2, -1\]"):
        model.predict_or_reject(X, min_confidence=0.5, reject_label=-1)
