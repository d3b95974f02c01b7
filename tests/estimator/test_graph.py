import numpy as np
import pytest
from scipy.spatial.distance import cdist

from convergan.estimator import graph
from convergan.estimator.checks import Array
from convergan.estimator.graph import ALPHA, PRIOR, Graph, label_spreading, scale_to_length_one
from convergan.estimator.opinions import log_softmax
from tests.estimator.helpers import labeled_rows, moons


def spread_slowly(points: Array, labeled: list[int], labels: list[int]) -> Array:
    """The formula of Zhou et al. with full matrices: (n, K) shares."""
    count = graph.NEIGHBORS
    distances = cdist(points, points, "sqeuclidean")
    np.fill_diagonal(distances, np.inf)
    weights = np.zeros_like(distances)
    for row, own in enumerate(distances):
        nearest = np.argsort(own)[:count]
        weights[row, nearest] = np.exp(-own[nearest] / own[nearest].max())
    weights = weights + weights.T
    degrees = weights.sum(axis=1)
    similar = weights / np.sqrt(np.outer(degrees, degrees))
    given = np.zeros((len(points), max(labels) + 1))
    given[labeled, labels] = 1
    masses = np.linalg.solve(np.eye(len(points)) - ALPHA * similar, given)
    found: Array = masses / masses.sum(axis=1, keepdims=True)
    return found


@pytest.mark.parametrize("directions", [False, True])
def test_shares_are_those_of_the_formula(directions: bool) -> None:
    rows, _ = moons(80)
    chance = np.random.default_rng(0)
    rows = rows + chance.normal(0, 0.05, rows.shape)
    task = labeled_rows(rows, [5, 20, 50, 70], [0, 0, 1, 1])
    points = scale_to_length_one(rows) if directions else rows
    found = label_spreading(task, directions=directions)
    wanted = spread_slowly(points, [5, 20, 50, 70], [0, 0, 1, 1])
    np.testing.assert_allclose(np.exp(found.rows) * (1 + PRIOR), wanted + PRIOR / 2, atol=2e-4)
    for place, row in enumerate(task.labeled):
        kept = [other for other in range(4) if other != place]
        without = spread_slowly(points, task.labeled[kept].tolist(), task.labels[kept].tolist())
        alone = (without[row] + PRIOR / 2) / (1 + PRIOR)
        np.testing.assert_allclose(np.exp(found.held_out[place]), alone, atol=2e-4)


def test_labels_follow_the_clusters_where_no_line_does() -> None:
    rows, truth = moons()
    found = label_spreading(labeled_rows(rows, [50, 150], [0, 1]), directions=False)
    assert (found.rows.argmax(axis=1) == truth).all()
    between = (rows[1:] + rows[:-1]) / 2
    said = found.opinion.log_probabilities(between).argmax(axis=1)
    assert (said == truth[1:])[np.arange(199) != 99].all()


def test_rows_beyond_the_graph_take_the_opinion_of_their_nearest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph, "LARGEST_GRAPH", 60)
    rows, truth = moons()
    found = label_spreading(labeled_rows(rows, [10, 50, 150, 190], [0, 0, 1, 1]), directions=False)
    assert isinstance(found.opinion, Graph) and len(found.opinion.points) == 60
    assert (found.rows.argmax(axis=1) == truth).mean() > 0.9
    more = labeled_rows(rows, range(200), truth)  # more labels than fit
    found = label_spreading(more, directions=False)
    assert (found.rows.argmax(axis=1) == truth).mean() > 0.9
    uniform = np.isclose(found.held_out, -np.log(2)).all(axis=1)
    assert uniform.sum() == 140


def test_a_label_that_reaches_nothing_and_a_row_at_the_mean_are_finite() -> None:
    rows = np.vstack([np.zeros((6, 2)), 50 + np.eye(2).repeat(6, axis=0)])
    found = label_spreading(labeled_rows(rows, [0, 1], [0, 1]), directions=True)
    assert np.isfinite(found.rows).all() and np.isfinite(found.held_out).all()
    far = found.opinion.log_probabilities(np.array([[1e6, 1e6]]))
    np.testing.assert_allclose(log_softmax(far), far, atol=1e-9)


def test_rounding_does_not_choose_among_points_at_the_same_distance() -> None:
    chance = np.random.default_rng(0)
    points = np.repeat(chance.integers(0, 3, (200, 6)), 3, axis=0) / 3
    axes = np.linalg.qr(chance.normal(0, 1, (6, 6)))[0]
    shares = chance.dirichlet([0.2, 0.2], len(points))
    fitted = Graph(axes, False, points @ axes, shares)
    rows = chance.integers(0, 3, (100, 6)) / 3
    distances = cdist(rows, points, "sqeuclidean").round(6)
    unit = np.sort(distances, axis=1)[:, [graph.NEIGHBORS - 1]]
    tied = (distances <= unit).sum(axis=1) > graph.NEIGHBORS
    assert tied.sum() > 50
    weights = np.exp(-distances / np.maximum(unit, 1e-9)) * (distances <= unit)
    wanted = weights @ shares / weights.sum(axis=1, keepdims=True)
    found = np.exp(fitted.log_probabilities(rows)) * (1 + PRIOR) - PRIOR / 2
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    alone = np.vstack([fitted.log_probabilities(row[None]) for row in rows])
    np.testing.assert_allclose(alone, fitted.log_probabilities(rows), rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
def test_the_nearest_are_those_of_all_distances(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = np.random.default_rng(1)
    points = chance.normal(0, 1, (900, 12))
    shares = chance.dirichlet([0.2, 0.2, 0.2], len(points))
    fitted = Graph(np.eye(12), False, points, shares)
    rows = scale * chance.normal(0, 1, (50, 12))
    distances = cdist(rows, points, "sqeuclidean")
    unit = np.sort(distances, axis=1)[:, [graph.NEIGHBORS - 1]]
    weights = np.exp(-distances / unit) * (distances <= unit * (1 + 1e-9))
    wanted = weights @ shares / weights.sum(axis=1, keepdims=True)
    found = np.exp(fitted.log_probabilities(rows)) * (1 + PRIOR) - PRIOR / 3
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    monkeypatch.setattr(graph, "PAIRS", 40)
    in_parts = np.exp(fitted.log_probabilities(rows)) * (1 + PRIOR) - PRIOR / 3
    np.testing.assert_allclose(in_parts, wanted, atol=1e-6)
