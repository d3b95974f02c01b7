import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.utils.fixes import parse_version

from convergan.estimator import (
    SemiSupervisedKFold,
    add_unlabeled_copies,
    labeled_scorer,
    mask_labels,
)
from tests.estimator.helpers import global_state

Array = np.ndarray[Any, Any]


def digits(rows: int = 500, per_class: int = 6) -> tuple[Array, Array]:
    X, y = load_digits(return_X_y=True)
    return X[:rows] / 16, mask_labels(y[:rows], per_class, random_state=0)


# The splitter


def test_each_labeled_row_is_held_out_once_and_unlabeled_rows_are_always_there() -> None:
    X, y = digits()
    held: list[int] = []
    for train, test in SemiSupervisedKFold(3, random_state=0).split(X, y):
        assert set(np.flatnonzero(y == -1)) <= set(train)
        assert (y[test] != -1).all() and np.bincount(y[test]).tolist() == [2] * 10
        assert sorted([*train, *test]) == list(range(len(y)))
        assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
        held.extend(test)
    assert sorted(held) == np.flatnonzero(y >= 0).tolist()


def test_folds_of_uneven_classes_differ_by_one_row_of_a_class_at_most() -> None:
    y = np.array([0] * 7 + [1] * 4 + [-1] * 9)
    for _, test in SemiSupervisedKFold(3, random_state=0).split(y, y):
        assert np.bincount(y[test])[0] in (2, 3) and np.bincount(y[test])[1] in (1, 2)


@pytest.mark.parametrize("shuffle", [True, False])
def test_with_every_row_labeled_folds_are_those_of_scikit_learn(shuffle: bool) -> None:
    y, seed = np.arange(40) % 4, 3 if shuffle else None
    ours = SemiSupervisedKFold(5, shuffle=shuffle, random_state=seed, unlabeled_label=None)
    theirs = StratifiedKFold(5, shuffle=shuffle, random_state=seed)
    for one, other in zip(ours.split(y, y), theirs.split(y, y), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("y", "marker"),
    [
        (np.array(["a", "?", "b"] * 4), "?"),
        (mask_labels(["a", "b"] * 6, 4, random_state=0), -1),
        (pd.Series([0, -1, 1] * 4, index=range(50, 62)), -1),
    ],
)
def test_any_kind_of_label_can_be_split(y: Any, marker: Any) -> None:
    for _, test in SemiSupervisedKFold(4, random_state=0, unlabeled_label=marker).split(y, y):
        assert len(test) == 2 and len(set(np.asarray(y)[test])) == 2


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    y = np.arange(60) % 3

    def folds(seed: Any) -> list[list[int]]:
        return [test.tolist() for _, test in SemiSupervisedKFold(3, random_state=seed).split(y, y)]

    state = global_state()
    assert folds(0) == folds(0) != folds(1)
    assert folds(None) != folds(None)
    assert global_state() == state
    chance = np.random.RandomState(0)
    assert folds(chance) != folds(chance)


def test_too_few_rows_of_a_class_are_named_with_the_largest_number_of_folds() -> None:
    y = np.array([0, 0, 0, 0, 1, 1, 1, -1])
    with pytest.raises(ValueError, match="class 1 has 3 labeled rows, .*n_splits can be 3 at most"):
        list(SemiSupervisedKFold(4).split(y, y))
    assert len(list(SemiSupervisedKFold(3).split(y, y))) == 3
    with pytest.raises(ValueError, match="class 'b' has 1 labeled rows.*it cannot be held out"):
        list(SemiSupervisedKFold(2, unlabeled_label=None).split([0] * 3, ["a", "a", "b"]))


@pytest.mark.parametrize("n_splits", [1, 0, 2.0, "5", True])
def test_a_number_of_folds_below_two_is_refused(n_splits: Any) -> None:
    with pytest.raises(ValueError, match="n_splits must be an integer of 2 or more, got"):
        SemiSupervisedKFold(n_splits)


def test_other_mistakes_of_splitting_are_named() -> None:
    with pytest.raises(ValueError, match="random_state has no effect without shuffle, got 0"):
        SemiSupervisedKFold(shuffle=False, random_state=0)
    with pytest.raises(ValueError, match="needs y, got None"):
        list(SemiSupervisedKFold().split(np.zeros((4, 1))))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        list(SemiSupervisedKFold(2).split(np.zeros((3, 1)), [0, 1, 0, 1]))
    with pytest.raises(ValueError, match="no labeled row"):
        list(SemiSupervisedKFold(2).split([0, 0], [-1, -1]))


def test_it_prints_as_splitters_of_scikit_learn_do() -> None:
    splitter = SemiSupervisedKFold(3, random_state=1)
    assert splitter.get_n_splits() == 3
    assert " ".join(str(splitter).split()) == (
        "SemiSupervisedKFold(n_splits=3, random_state=1, shuffle=True, unlabeled_label=-1)"
    )


# Copies for transductive scores


def test_copies_of_held_out_rows_stay_in_training_without_their_labels() -> None:
    X, y = digits()
    rows, extended = add_unlabeled_copies(y)
    assert (extended[: len(y)] == y).all() and (extended[len(y) :] == -1).all()
    assert len(rows) == len(y) + 60
    for train, test in SemiSupervisedKFold(3, random_state=0).split(rows, extended):
        copies = {row for row, label in zip(rows[train], extended[train], strict=True) if label < 0}
        assert set(rows[test]) <= copies
        assert not set(rows[test]) & set(rows[train][extended[train] >= 0])


def test_copies_of_text_and_truth_values_keep_labels_and_marker() -> None:
    assert add_unlabeled_copies(["a", "?", "b"], unlabeled_label="?").y.tolist() == list("a?b??")
    assert add_unlabeled_copies([True, False]).y.tolist() == [True, False, -1, -1]
    with pytest.raises(ValueError, match="to mark rows with, got None"):
        add_unlabeled_copies([0, 1], unlabeled_label=None)


# The scorer

METRICS = {
    "accuracy": lambda model, X, y: accuracy_score(y, model.predict(X)),
    "balanced_accuracy": lambda model, X, y: balanced_accuracy_score(y, model.predict(X)),
    "f1_macro": lambda model, X, y: f1_score(y, model.predict(X), average="macro"),
    "neg_log_loss": lambda model, X, y: -log_loss(y, model.predict_proba(X)),
}


@pytest.mark.parametrize("name", METRICS)
def test_scores_are_those_of_the_labeled_rows(name: str) -> None:
    X, y = digits()
    model = GaussianNB(var_smoothing=0.1).fit(X[:40], load_digits().target[:40])
    expected = METRICS[name](model, X[y >= 0], y[y >= 0])
    assert labeled_scorer(name)(model, X, y) == expected
    assert 0 < abs(expected) < 1 or name == "neg_log_loss"


def test_a_function_is_given_classes_or_probabilities() -> None:
    X, y = digits()
    model = GaussianNB(var_smoothing=0.1).fit(X[y >= 0], y[y >= 0])
    known = y >= 0
    agreement = labeled_scorer(lambda truth, found: float((truth == found).mean()))
    assert agreement(model, X, y) == model.score(X[known], y[known])
    surest = labeled_scorer(
        lambda truth, found: float(found.max(axis=1).mean()), response="predict_proba"
    )
    assert surest(model, X, y) == model.predict_proba(X[known]).max(axis=1).mean()


def test_frames_and_labels_of_objects_can_be_scored() -> None:
    X, y = digits()
    frame, known = pd.DataFrame(X), y >= 0
    named = np.array([f"digit {code}" for code in y], dtype=object)
    model = GaussianNB(var_smoothing=0.1).fit(frame[known], named[known])
    named[~known] = -1
    expected = model.score(frame[known], named[known])
    assert labeled_scorer("accuracy")(model, frame, named) == expected


def test_a_fold_without_labels_and_scores_that_are_no_numbers_are_refused() -> None:
    X, y = digits()
    model = GaussianNB(var_smoothing=0.1).fit(X[y >= 0], y[y >= 0])
    with pytest.raises(ValueError, match="a score needs labeled rows, y has none"):
        labeled_scorer("accuracy")(model, X[:3], np.array([-1, -1, -1]))
    never = labeled_scorer(lambda truth, found: float("nan"))
    with pytest.raises(ValueError, match="the score of 60 labeled rows is nan"):
        never(model, X, y)


def test_probabilities_that_are_nan_are_no_score() -> None:
    X, y = digits()
    model = LabelSpreading(kernel="rbf", gamma=1e6)
    with np.errstate(invalid="ignore"):
        model.fit(X[:400], y[:400])
        with pytest.raises(ValueError, match="NaN"):
            labeled_scorer("neg_log_loss")(model, X[400:] + 1, y[400:])


def test_names_and_responses_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="accurate"):
        labeled_scorer("accurate")
    with pytest.raises(ValueError, match="response is for functions, 'accuracy' knows its own"):
        labeled_scorer("accuracy", response="predict")
    with pytest.raises(ValueError, match="must be predict or predict_proba, got 'features'"):
        labeled_scorer(lambda truth, found: 0.0, response="features")


# Both in scikit-learn's searches

SEARCHES = [
    (LabelSpreading(kernel="rbf"), {"gamma": [0.3, 3.0], "alpha": [0.1, 0.5]}),
    (
        SelfTrainingClassifier(GaussianNB(var_smoothing=0.1)),
        {"threshold": [0.6, 0.99], "estimator__var_smoothing": [0.01, 0.1]},
    ),
]


@pytest.mark.parametrize(("model", "grid"), SEARCHES, ids=["spreading", "self-training"])
@pytest.mark.parametrize("metric", ["accuracy", "neg_log_loss"])
def test_a_grid_search_is_the_loop_written_by_hand(
    model: Any, grid: dict[str, list[Any]], metric: str
) -> None:
    X, y = digits()
    search = GridSearchCV(
        model,
        grid,
        cv=SemiSupervisedKFold(3, random_state=0),
        scoring=labeled_scorer(metric),
        error_score="raise",
    ).fit(X, y)
    labeled = np.flatnonzero(y >= 0)
    folds = StratifiedKFold(3, shuffle=True, random_state=0).split(labeled, y[labeled])
    for fold, (_, places) in enumerate(folds):
        test = labeled[places]
        train = np.setdiff1d(np.arange(len(y)), test)
        for number, setting in enumerate(search.cv_results_["params"]):
            fitted = clone(model).set_params(**setting).fit(X[train], y[train])
            score = METRICS[metric](fitted, X[test], y[test])
            assert search.cv_results_[f"split{fold}_test_score"][number] == score
    assert -1 not in search.best_estimator_.classes_


def test_several_scorers_at_once_give_the_same_and_processes_can_be_sent_them() -> None:
    X, y = digits()
    scorers = {name: labeled_scorer(name) for name in ("accuracy", "balanced_accuracy")}
    model, cv = LabelSpreading(gamma=3.0), SemiSupervisedKFold(3, random_state=0)
    sent = pickle.loads(pickle.dumps((cv, scorers)))
    found = cross_validate(model, X, y, cv=sent[0], scoring=sent[1])
    for name, scorer in scorers.items():
        alone = cross_val_score(model, X, y, cv=cv, scoring=scorer)
        assert (found[f"test_{name}"] == alone).all() and (alone > 0.5).all()


# The traps that they are for


def test_plain_cross_validation_counts_unlabeled_rows_as_errors() -> None:
    X, truth = load_digits(return_X_y=True)
    y = mask_labels(truth, 20, random_state=0)
    model = LabelSpreading(kernel="knn")
    assert (y < 0).mean() == pytest.approx(0.89, abs=0.01)
    with np.errstate(invalid="ignore"):
        plain = cross_val_score(model, X, y, cv=3)
        own = cross_val_score(
            model,
            X,
            y,
            cv=SemiSupervisedKFold(3, random_state=0),
            scoring=labeled_scorer("accuracy"),
        )
        right = (model.fit(X, y).predict(X)[y < 0] == truth[y < 0]).mean()
    assert (plain < 0.12).all()  # what goes wrong: the share of labelled rows is the best there is
    assert (own > 0.9).all() and abs(own.mean() - right) < 0.05


WRAPPERS = [
    VotingClassifier([("only", LabelSpreading(gamma=3.0))]),
    BaggingClassifier(LabelSpreading(gamma=3.0), 2, random_state=0),
    OneVsRestClassifier(LabelSpreading(gamma=3.0)),
    CalibratedClassifierCV(LabelSpreading(gamma=3.0), cv=2),
]


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=lambda wrapper: type(wrapper).__name__)
def test_wrappers_that_encode_labels_again_make_a_class_of_the_marker(wrapper: Any) -> None:
    X, y = digits()
    with np.errstate(invalid="ignore"):
        assert -1 in wrapper.fit(X, y).classes_  # what goes wrong
    assert -1 not in LabelSpreading(gamma=3.0).fit(X, y).classes_


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="scikit-learn scales by temperature from 1.8 on",
)
def test_a_frozen_classifier_is_calibrated_on_held_out_labels_alone() -> None:
    X, y = digits(per_class=20)
    train, test = next(SemiSupervisedKFold(2, random_state=0).split(X, y))
    frozen = FrozenEstimator(SelfTrainingClassifier(LogisticRegression()).fit(X[train], y[train]))
    calibrated = CalibratedClassifierCV(frozen, method="temperature").fit(X[test], y[test])
    assert calibrated.classes_.tolist() == list(range(10))
