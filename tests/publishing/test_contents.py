"""What a classifier keeps of its rows."""

from pathlib import Path

import numpy as np
import pytest

from convergan import SemiSupervisedGANClassifier
from convergan.estimator.graph import Graph
from convergan.estimator.opinions import Reduced
from convergan.estimator.pool import Pool
from convergan.publishing.contents import kept_of_rows
from convergan.tabular import read_model


@pytest.fixture
def fitted(table_model: Path) -> SemiSupervisedGANClassifier:
    return read_model(table_model).classifier


def test_the_points_of_its_graphs_are_told(fitted: SemiSupervisedGANClassifier) -> None:
    said = kept_of_rows(fitted)
    assert "features of 150 rows that it was fitted to" in said[0]
    assert said[1] == "It holds the predicted class of each of the 150 rows."


def test_graphs_of_principal_components_count_and_a_pool_without_any_keeps_no_features(
    fitted: SemiSupervisedGANClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph(np.eye(2), False, np.zeros((7, 2)), np.full((7, 2), 0.5))
    for opinions, said in (((Reduced(np.eye(3)[:, :2], graph),), "of 7 rows"), ((), "predicted")):
        pool = Pool(("one",) * len(opinions), opinions, np.ones(len(opinions)), np.zeros(2))
        monkeypatch.setitem(vars(fitted), "_pool", pool)
        assert said in kept_of_rows(fitted)[0]
