"""The GAN's first teacher: soft labels of all rows by three simple classifiers, combined.

They are label spreading over a graph of nearest rows, label spreading over a graph of nearest
directions from the mean, and logistic regression. With few labels a graph is better, with many the
regression, and which graph is better depends on the data. Their probabilities are multiplied, each
raised to a power (a logarithmic opinion pool, Genest & Zidek, 1986). The powers are fitted by
cross-validation on the labelled rows, which calibrates the product as well.

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
from .checks import Array
from .member import Layers, TrainingTask

LARGEST_GRAPH = 20_000
"""Rows that labels are spread over; all others take the probabilities of the nearest of these."""
NEIGHBORS, COMPONENTS = 5, 50
FOLDS = 5
USUAL = np.array([2.0, 2.0, 0.5])
"""Powers where nothing can be held out: mean and deviation of their prior."""
LEAST = 1e-12
"""Probability of a class that label spreading gives none."""

Opinion = Callable[[TrainingTask], Array]
"""From a task, or the same with fewer labels, to logarithms of probabilities, (N, K)."""


def pool_opinions(task: TrainingTask) -> Tensor:
    """Return soft labels, class probabilities of every row of the task, (N, K) float32."""
    directions = _directions(task.rows)
    opinions = (_spread_over(task, task.rows), _spread_over(task, directions), _regress)
    powers = _choose_powers(opinions, task)
    logs = np.stack([opinion(task) for opinion in opinions])
    return torch.from_numpy(np.tensordot(powers, logs, axes=1)).softmax(dim=1).float()


def logistic_layers(task: TrainingTask) -> Layers:
    """Fit logistic regression to the labelled rows; return it as one layer of K logits."""
    rows, labels = task.rows[task.labeled].double().numpy(), task.labels.numpy()
    with warnings.catch_warnings():  # scikit-learn takes many classes of few rows for regression
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model = LogisticRegression(max_iter=1000).fit(rows, labels)
    weights, biases = model.coef_, model.intercept_
    if len(weights) == 1:  # of two classes, the second's log odds
        weights, biases = np.vstack([-weights, weights]) / 2, np.array([-1, 1]) * biases / 2
    return [(np.ascontiguousarray(weights.T), biases)]


def fit_powers(logs: Array, labels: Array) -> Array:
    """Fit the powers of opinions on rows whose labels were held out from them.

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


def _choose_powers(opinions: tuple[Opinion, ...], task: TrainingTask) -> Array:
    """Cross-validate over labels whose class has others; the rows stay in the graphs."""
    counts = task.labels.bincount(minlength=task.num_classes)
    spare = (counts[task.labels] > 1).nonzero().flatten().numpy()
    if not len(spare):
        return USUAL
    folds = min(FOLDS, int(counts[counts > 1].min()))
    logs = np.zeros((len(opinions), len(task.labels), task.num_classes))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=task.seed)
    for _, chosen in splitter.split(spare, task.labels[spare]):
        held = spare[chosen]
        kept = torch.from_numpy(np.setdiff1d(np.arange(len(task.labels)), held))
        part = replace(task, labeled=task.labeled[kept], labels=task.labels[kept])
        for number, opinion in enumerate(opinions):
            logs[number, held] = opinion(part)[task.labeled[held].numpy()]
    return fit_powers(logs[:, spare], task.labels[spare].numpy())


def _regress(task: TrainingTask) -> Array:
    [(weights, biases)] = logistic_layers(task)
    logits = task.rows @ torch.from_numpy(weights).float()  # float32 saves memory: all rows
    logs: Array = log_softmax(logits.double().numpy() + biases, axis=1)
    return logs


def _directions(rows: Tensor) -> Tensor:
    """Scale the rows, whose mean is 0, to length 1."""
    length: Tensor = rows.norm(dim=1, keepdim=True)
    return rows / length.clamp(min=torch.finfo(torch.float32).tiny)


def _spread_over(task: TrainingTask, rows: Tensor) -> Opinion:
    """Make a graph of all rows, or of labelled ones and as many others as fit."""
    chance = torch.Generator().manual_seed(task.seed)
    order = torch.rand(len(rows), generator=chance)
    order[task.labeled] -= 1  # labelled rows come first
    graph = order.argsort()[:LARGEST_GRAPH].sort().values
    width = min(COMPONENTS, rows.shape[1])
    points = rows @ principal_axes(rows[graph], width)
    neighbors = nearest_neighbors(points[graph], min(NEIGHBORS, len(graph) - 1), components=width)
    nearest = _find_nearest(points, graph)

    def spread(part: TrainingTask) -> Array:
        inside = torch.isin(part.labeled, graph)
        here = torch.searchsorted(graph, part.labeled[inside])
        found = spread_labels(neighbors, here, part.labels[inside], part.num_classes)
        logs: Array = found[nearest].double().clamp(min=LEAST).log().numpy()
        return logs

    return spread


def _find_nearest(points: Tensor, graph: Tensor) -> Tensor:
    """Return for every point its nearest in the graph, (N,) positions in ``graph``."""
    nearest = torch.empty(len(points), dtype=torch.int64)
    nearest[graph] = torch.arange(len(graph))
    left = torch.ones(len(points), dtype=torch.bool)
    left[graph] = False
    for chunk in torch.split(left.nonzero().flatten(), 1000):
        nearest[chunk] = torch.cdist(points[chunk], points[graph]).argmin(dim=1)
    return nearest
