import numpy as np

from convergan.photos.comparison import OURS, Comparison
from convergan.photos.report import error_rows, error_sentence
from convergan.tabular.prediction import ErrorRate

NONE = np.empty(0)


def test_the_error_in_words() -> None:
    errors = {OURS: ErrorRate(200, 30, 0.1, 0.2), "other": ErrorRate(200, 50, 0.19, 0.32)}
    folds = Comparison(False, errors, NONE, NONE)
    assert error_sentence(folds) == (
        "About 15% of predictions are wrong, measured on 200 labelled photographs, held out in up "
        "to 5 folds: 30 of 200, 95 % interval 10% to 20%."
    )
    assert "measured on 200 test photographs" in error_sentence(folds._replace(on_test=True))
    assert error_rows(folds)[1] == ("other", "50 of 200", "25.0%", "19.0% to 32.0%")
    assert error_sentence(None).startswith("Nothing can be said about errors")
