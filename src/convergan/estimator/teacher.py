"""What is known of every row before a network is trained: a pool of three opinions.

Labels spread over a graph of near rows, labels spread over a graph of near directions from the
mean, and logistic regression. With few labels a graph knows more, with many the regression, and
which graph is right depends on the data. Their probabilities are multiplied, each to a power that
labels held out in turn decide (a logarithmic opinion pool, Genest & Zidek, 1986), which calibrates
the product as well.

Paper and released code: not in Salimans et al. (2016).
"""

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from ..data import nearest_neighbors, principal_axes, spread_labels
from .member import Array, Layers, Lesson

LARGEST_GRAPH = 20_000
"""Rows that labels are spread over; others take the opinion of the nearest of them."""
NEIGHBORS, COMPONENTS = 5, 50
FOLDS = 5
USUAL = np.array([2.0, 2.0, 0.5])
"""Powers of the opinions without evidence: mean and deviation of their prior."""
LEAST = 1e-12

Opinion = Callable[[Lesson], Array]
"""From a lesson, or one with fewer labels, to logarithms of probabilities, (N, K)."""


def pool_opinions(lesson: Lesson) -> Tensor:
    """Return class probabilities of every row of the lesson, (N, K) float32."""
    directions = _directions(lesson.rows)
    opinions = (_spread_over(lesson, lesson.rows), _spread_over(lesson, directions), _regress)
    powers = _choose_powers(opinions, lesson)
    logs = np.stack([opinion(lesson) for opinion in opinions])
    return torch.from_numpy(np.tensordot(powers, logs, axes=1)).softmax(dim=1).float()


def logistic_layers(lesson: Lesson) -> Layers:
    """Fit logistic regression to the labelled rows; its logits have one row of weights a class."""
    rows, labels = lesson.rows[lesson.labeled].double().numpy(), lesson.labels.numpy()
    with warnings.catch_warnings():  # of as many classes as rows, it asks whether they are numbers
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model = LogisticRegression(max_iter=1000).fit(rows, labels)
    weights, biases = model.coef_, model.intercept_
    if len(weights) == 1:  # two classes
        weights, biases = np.vstack([-weights, weights]) / 2, np.array([-1, 1]) * biases / 2
    return [(np.ascontiguousarray(weights.T), biases)]


def fit_powers(logs: Array, labels: Array) -> Array:
    """Fit the powers of opinions on rows that they had not seen the labels of.

    Maximises the likelihood of ``p(k) ~ prod_m p_m(k)^a_m`` times the prior
    ``a_m ~ N(USUAL_m, USUAL_m^2)``, ``a_m >= 0``: a concave function.

    Args:
        logs: (M, L, K) logarithms of probabilities.
        labels: (L,) in ``0 .. K - 1``.

    Returns:
        (M,) powers.
    """
    given = np.eye(logs.shape[2])[labels]

    def loss(powers: Array) -> tuple[float, Array]:
        pooled = log_softmax(np.tensordot(powers, logs, axes=1), axis=1)
        away = (powers - USUAL) / USUAL
        slopes = ((np.exp(pooled) - given) * logs).sum(axis=(1, 2))
        return -(pooled * given).sum() + np.square(away).sum() / 2, slopes + away / USUAL

    bounds = [(0, None)] * len(USUAL)
    found: Array = minimize(loss, USUAL, jac=True, bounds=bounds, method="L-BFGS-B").x
    return found


def _choose_powers(opinions: tuple[Opinion, ...], lesson: Lesson) -> Array:
    """Hold out labels of classes that have others, in folds; the rows stay in the graphs."""
    counts = lesson.labels.bincount(minlength=lesson.num_classes)
    spare = (counts[lesson.labels] > 1).nonzero().flatten().numpy()
    if not len(spare):
        return USUAL
    folds = min(FOLDS, int(counts[counts > 1].min()))
    logs = np.zeros((len(opinions), len(lesson.labels), lesson.num_classes))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=lesson.seed)
    for _, chosen in splitter.split(spare, lesson.labels[spare]):
        held = spare[chosen]
        kept = torch.from_numpy(np.setdiff1d(np.arange(len(lesson.labels)), held))
        part = replace(lesson, labeled=lesson.labeled[kept], labels=lesson.labels[kept])
        for number, opinion in enumerate(opinions):
            logs[number, held] = opinion(part)[lesson.labeled[held].numpy()]
    return fit_powers(logs[:, spare], lesson.labels[spare].numpy())


def _regress(lesson: Lesson) -> Array:
    [(weights, biases)] = logistic_layers(lesson)
    logits = lesson.rows @ torch.from_numpy(weights).float()  # in float32: there may be many rows
    logs: Array = log_softmax(logits.double().numpy() + biases, axis=1)
    return logs


def _directions(rows: Tensor) -> Tensor:
    """Scale the rows to length 1; they have mean 0."""
    length: Tensor = rows.norm(dim=1, keepdim=True)
    return rows / length.clamp(min=torch.finfo(torch.float32).tiny)


def _spread_over(lesson: Lesson, rows: Tensor) -> Opinion:
    """Make a graph of all rows, or of labelled ones and as many others as fit."""
    chance = torch.Generator().manual_seed(lesson.seed)
    order = torch.rand(len(rows), generator=chance)
    order[lesson.labeled] -= 1  # the first to be taken
    graph = order.argsort()[:LARGEST_GRAPH].sort().values
    width = min(COMPONENTS, rows.shape[1])
    points = rows @ principal_axes(rows[graph], width)
    neighbors = nearest_neighbors(points[graph], min(NEIGHBORS, len(graph) - 1), components=width)
    nearest = _find_nearest(points, graph)

    def spread(part: Lesson) -> Array:
        inside = torch.isin(part.labeled, graph)
        here = torch.searchsorted(graph, part.labeled[inside])
        found = spread_labels(neighbors, here, part.labels[inside], part.num_classes)
        logs: Array = found[nearest].double().clamp(min=LEAST).log().numpy()
        return logs

    return spread


def _find_nearest(points: Tensor, graph: Tensor) -> Tensor:
    """Return for every point the place in the graph of its nearest, (N,)."""
    nearest = torch.empty(len(points), dtype=torch.int64)
    nearest[graph] = torch.arange(len(graph))
    left = torch.ones(len(points), dtype=torch.bool)
    left[graph] = False
    for chunk in torch.split(left.nonzero().flatten(), 1000):
        nearest[chunk] = torch.cdist(points[chunk], points[graph]).argmin(dim=1)
    return nearest
