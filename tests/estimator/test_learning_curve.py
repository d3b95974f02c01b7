from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

from convergan.estimator import LearningCurve, label_learning_curve, mask_labels

Array = np.ndarray[Any, Any]
X, TRUTH = load_digits(return_X_y=True)
X = X / 16
TRAIN, TEST = slice(0, 500), slice(500, 800)
SPREADING = LabelSpreading(gamma=3.0)


def curve(estimators: dict[str, Any], **more: Any) -> LearningCurve:
    settings: dict[str, Any] = {"labels_per_class": (1, 4), "seeds": 2} | more
    y, y_test = settings.pop("y", TRUTH[TRAIN]), settings.pop("y_test", TRUTH[TEST])
    return label_learning_curve(estimators, X[TRAIN], y, X[TEST], y_test, **settings)


def test_errors_are_those_of_the_loop_written_by_hand() -> None:
    trees = SelfTrainingClassifier(DecisionTreeClassifier(max_depth=4))
    found = curve(
        {"spreading": SPREADING, "trees": trees, "logistic": LogisticRegression()},
        supervised=["logistic"],
    )
    assert found.methods == ("spreading", "trees", "logistic") and found.test_rows == 300
    assert found.labels_per_class == (1, 4) and found.errors.shape == found.seconds.shape == (
        3,
        2,
        2,
    )
    for place, count in enumerate((1, 4)):
        for seed in (0, 1):
            y = mask_labels(TRUTH[TRAIN], count, random_state=seed)
            tree = DecisionTreeClassifier(max_depth=4, random_state=seed)
            models = [
                LabelSpreading(gamma=3.0).fit(X[TRAIN], y),
                SelfTrainingClassifier(tree).fit(X[TRAIN], y),
                LogisticRegression().fit(X[TRAIN][y >= 0], y[y >= 0]),
            ]
            for method, model in enumerate(models):
                error = (model.predict(X[TEST]) != TRUTH[TEST]).mean()
                assert found.errors[method, place, seed] == error


class Witness(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that keeps what it is given."""

    def __init__(self, seen: Any = None) -> None:
        self.seen = seen

    def __sklearn_clone__(self) -> Self:
        return self

    def fit(self, X: Array, y: Array) -> Self:
        self.seen.append((len(X), y.tolist()))
        return self

    def predict(self, X: Array) -> Array:
        return np.zeros(len(X), dtype=int)


def test_every_method_has_the_same_labels_and_all_unlabeled_rows_at_every_number_of_them() -> None:
    one, other, labeled = Witness([]), Witness([]), Witness([])
    found = curve({"one": one, "other": other, "labeled": labeled}, supervised=("labeled",))
    assert one.seen == other.seen and len(one.seen) == 4
    assert {rows for rows, _ in one.seen} == {500}
    assert [sum(code >= 0 for code in y) for _, y in one.seen] == [10, 10, 40, 40]
    assert [rows for rows, _ in labeled.seen] == [10, 10, 40, 40]
    assert found.errors == pytest.approx((TRUTH[TEST] != 0).mean())


def test_rows_without_a_label_are_never_drawn_and_not_tested() -> None:
    y, y_test = TRUTH[TRAIN].copy(), TRUTH[TEST].copy()
    y[250:], y_test[100:] = -1, -1
    witness = Witness([])
    found = curve({"witness": witness}, y=y, y_test=y_test)
    assert found.test_rows == 100
    assert all(set(codes[250:]) == {-1} for _, codes in witness.seen)


def test_names_of_the_classes_do_not_matter() -> None:
    names = np.array(["nil", "one", "two", "3", "4", "5", "6", "7", "8", "9"])
    ordered = np.sort(names)
    plain = curve({"spreading": SPREADING})
    named = curve(
        {"spreading": SPREADING},
        y=pd.Series(ordered[TRUTH[TRAIN]]),
        y_test=ordered[TRUTH[TEST]].tolist(),
        unlabeled_label="?",
    )
    assert (named.errors == plain.errors).all()


def test_frames_are_rows_as_well_and_parts_of_a_pipeline_get_the_seed() -> None:
    tree = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=99))
    settings: dict[str, Any] = {"labels_per_class": (4,), "seeds": 2, "supervised": ["tree"]}
    found = label_learning_curve(
        {"tree": tree},
        pd.DataFrame(X[TRAIN]),
        TRUTH[TRAIN],
        pd.DataFrame(X[TEST]),
        TRUTH[TEST],
        **settings,
    )
    y = mask_labels(TRUTH[TRAIN], 4, random_state=1)
    own = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=1))
    model = own.fit(X[TRAIN][y >= 0], y[y >= 0])
    assert found.errors[0, 0, 1] == (model.predict(X[TEST]) != TRUTH[TEST]).mean()
    assert tree.get_params()["decisiontreeclassifier__random_state"] == 99


@pytest.mark.nightly
def test_more_labels_help_and_two_processes_find_the_same() -> None:
    found = curve({"spreading": SPREADING}, labels_per_class=(1, 10), seeds=3)
    again = curve({"spreading": SPREADING}, labels_per_class=(1, 10), seeds=3, n_jobs=2)
    assert (found.errors == again.errors).all()
    assert found.mean[0, 1] < found.mean[0, 0]
    assert (found.seconds > 0).all()


def test_mean_and_deviation_are_over_the_seeds() -> None:
    errors = np.array([[[0.1, 0.2, 0.6]], [[0.3, 0.3, 0.3]]])
    found = LearningCurve(("a", "b"), (5,), errors, errors, 10)
    assert found.mean[:, 0] == pytest.approx([0.3, 0.3])
    assert found.std[:, 0] == pytest.approx([(0.04 + 0.01 + 0.09) ** 0.5 / 2**0.5, 0])
    assert np.isnan(found._replace(errors=errors[..., :1]).std).all()


def test_the_table_has_a_line_for_each_method() -> None:
    errors = np.array([[[0.1, 0.2], [0.0, 0.1]], [[0.3, 0.3], [0.25, 0.25]]])
    found = LearningCurve(("spreading", "twin"), (1, 20), errors, errors, 1797)
    assert found.table().splitlines() == [
        "labels a class              1             20",
        "spreading       15.00 +- 7.07   5.00 +- 7.07",
        "twin            30.00 +- 0.00  25.00 +- 0.00",
        "errors in % of 1,797 test rows, mean and deviation, seeds: 2",
    ]
    assert "+-" not in found._replace(errors=errors[..., :1]).table()


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
@pytest.mark.parametrize("seeds", [1, 3])
def test_a_picture_is_written(tmp_path: Path, suffix: str, start: bytes, seeds: int) -> None:
    errors = np.random.default_rng(0).random((2, 3, seeds))
    file = tmp_path / f"curve.{suffix}"
    LearningCurve(("a", "b"), (1, 5, 20), errors, errors, 10).draw(file)
    assert file.read_bytes().startswith(start)


def test_an_error_of_a_method_says_where_it_was() -> None:
    with pytest.raises(ValueError) as caught:
        curve({"tree": DecisionTreeClassifier(max_depth=-3)})
    assert caught.value.__notes__ == ["while 'tree' learned from 10 labels of seed 0"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"estimators": {}}, "estimators must not be empty"),
        (
            {"supervised": ["other"]},
            r"supervised must name some of \['spreading'\], got \['other'\]",
        ),
        ({"seeds": 0}, "seeds and labels_per_class must not be none, got 0"),
        ({"labels_per_class": ()}, r"must not be none, got 2, \(\)"),
        ({"labels_per_class": (0,)}, "n_per_class must be 1 or more, got 0"),
        (
            {"labels_per_class": (1, 100)},
            "class 0 has 51 labeled rows, n_per_class=100 were asked for",
        ),
        (
            {"y_test": np.where(TRUTH[TEST] == 3, 77, TRUTH[TEST])},
            "label 77 of y_test is none of y",
        ),
        ({"y_test": np.full(300, -1)}, "y_test has no labeled row"),
        ({"y_test": TRUTH[TEST][1:]}, "inconsistent numbers of samples"),
        ({"y": TRUTH[TRAIN][1:]}, "inconsistent numbers of samples"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_fitted(
    more: dict[str, Any], message: str
) -> None:
    witness = Witness([])
    with pytest.raises(ValueError, match=message):
        curve(**{"estimators": {"spreading": witness}} | more)
    assert not witness.seen
