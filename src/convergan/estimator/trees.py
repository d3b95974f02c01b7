"""Opinions of trees: extremely randomised ones (Geurts et al., 2006), on the features as they are.

scikit-learn grows them; they are kept as arrays, which can be saved without code and evaluated by
others.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from .checks import Array
from .opinions import Evidence, LabeledRows

TREES = 100
VOTES = 37
"""As many votes a forest of 100 trees counts as, beside one for all classes alike: so many trees do
not see a labelled row, so that what they say of it, and of others, is equally sure."""
LEAST_IN_LEAF = 3
CHUNK = 256
"""Rows that go down at a time: few enough for the processor's cache."""
MANY, EVERY = 1000, 3
"""Of more rows' ways down than this, those that have ended are put aside every few steps."""


class Nodes(NamedTuple):
    """The nodes of all trees in one line: roots first, then the two children of each in turn.

    Attributes:
        feature: (N,) that a node asks for.
        threshold: (N,) float32; a row whose value is not above it goes left.
        left: (N,) the left child, before the right one; of a leaf the leaf.
        is_leaf: (N,).
        place: (N,) in a line of the trees' own nodes.
    """

    feature: Array
    threshold: Array
    left: Array
    is_leaf: Array
    place: Array


@dataclass(frozen=True)
class Trees:
    """T trees of at most M nodes.

    Attributes:
        feature: (T, M) int64 that a node asks for.
        threshold: (T, M) float64; a row whose value, in float32, is not above it goes left.
        children: (T, M, 2) int64, left and right; of a leaf the leaf.
        shares: (T, M, K) float32, class shares of a leaf.
        depth: steps from a root to the deepest leaf.
        votes: that the forest counts as, beside one for all classes alike.
    """

    feature: Array
    threshold: Array
    children: Array
    shares: Array
    depth: int
    votes: float

    @cached_property
    def nodes(self) -> Nodes:
        """The nodes in the order in which rows go through them fastest."""
        trees, most = self.feature.shape
        is_inner = self.children[..., 0] != np.arange(most)
        inner = np.flatnonzero(is_inner)
        first = np.arange(trees) * most
        children = (self.children + first[:, None, None])[is_inner]
        place = np.concatenate([first, children.ravel()])
        number = np.empty(trees * most, dtype=np.intp)
        number[place] = np.arange(len(place))
        left = np.arange(len(place))
        left[number[inner]] = trees + 2 * np.arange(len(inner))
        return Nodes(
            feature=self.feature.ravel()[place].astype(np.intp),
            threshold=_round_down(self.threshold.ravel()[place]),
            left=left,
            is_leaf=left == np.arange(len(place)),
            place=place,
        )

    def log_probabilities(self, rows: Array) -> Array:
        """Return (n, K) logarithms of probabilities of rows (n, A)."""
        classes = self.shares.shape[2]
        mean = np.empty((len(rows), classes))
        values = rows.astype(np.float32)
        shares = self.shares.reshape(-1, classes)
        for start in range(0, len(rows), CHUNK):
            leaves = self._leaves(values[start : start + CHUNK])
            mean[start : start + CHUNK] = shares.take(leaves, axis=0).mean(axis=1, dtype=np.float64)
        found: Array = np.log((mean * self.votes + 1 / classes) / (self.votes + 1))
        return found

    def _leaves(self, values: Array) -> Array:
        """Return where rows (n, A) of float32 end, (n, T) places in a line of all nodes."""
        feature, threshold, left, is_leaf, place = self.nodes
        count, width = values.shape
        trees = len(self.feature)
        cells = values.ravel()
        row = np.repeat(np.arange(count) * width, trees)
        node = np.tile(np.arange(trees), count)
        ended, going = node, np.arange(len(node))
        for step in range(1, self.depth + 1):
            right = cells.take(feature.take(node) + row) > threshold.take(node)
            node = left.take(node)
            node += right
            if len(node) > MANY and step % EVERY == 0:
                ended[going] = node
                left_over = np.flatnonzero(~is_leaf.take(node))
                node, row, going = node[left_over], row[left_over], going[left_over]
        ended[going] = node
        found: Array = place.take(ended).reshape(count, trees)
        return found


def extra_trees(task: LabeledRows) -> Evidence:
    """Grow trees on draws of the labelled rows; those that did not see a label judge its row."""
    model = ExtraTreesClassifier(TREES, bootstrap=True, oob_score=True, random_state=task.seed)
    with warnings.catch_warnings():  # of rows that all trees saw
        warnings.simplefilter("ignore")
        model.fit(task.given, task.labels)
    fitted = _as_arrays([tree.tree_ for tree in model.estimators_], VOTES)
    unseen = np.nan_to_num(model.oob_decision_function_)
    unseen[unseen.sum(axis=1) == 0] = 1 / task.num_classes
    held_out = np.log((unseen * VOTES + 1 / task.num_classes) / (VOTES + 1))
    return Evidence(fitted, fitted.log_probabilities(task.rows), held_out)


def taught_trees(rows: Array, soft_labels: Array, seed: int) -> Trees:
    """Grow trees towards the soft labels (n, K) of rows (n, A)."""
    model = ExtraTreesRegressor(
        TREES, min_samples_leaf=LEAST_IN_LEAF, max_features="sqrt", random_state=seed
    ).fit(rows, soft_labels)
    return _as_arrays([tree.tree_ for tree in model.estimators_], 1e6)


def _as_arrays(trees: Sequence[Any], votes: float) -> Trees:
    """Copy trees of scikit-learn."""
    most = max(tree.node_count for tree in trees)
    classes = trees[0].value.shape[1] * trees[0].value.shape[2]
    feature = np.zeros((len(trees), most), dtype=np.int64)
    threshold = np.full((len(trees), most), np.inf)
    children = np.tile(np.arange(most)[:, None], (len(trees), 1, 2))
    shares = np.zeros((len(trees), most, classes), dtype=np.float32)
    for number, tree in enumerate(trees):
        inner = np.flatnonzero(tree.children_left >= 0)
        feature[number, inner] = tree.feature[inner]
        threshold[number, inner] = tree.threshold[inner]
        children[number, inner, 0] = tree.children_left[inner]
        children[number, inner, 1] = tree.children_right[inner]
        values = tree.value.reshape(tree.node_count, classes)
        shares[number, : tree.node_count] = values / values.sum(axis=1, keepdims=True)
    depth = max(int(tree.max_depth) for tree in trees)
    return Trees(feature, threshold, children, shares, depth, votes)


def _round_down(thresholds: Array) -> Array:
    """Return the largest float32 that are not above float64: the same float32 are above both."""
    found: Array = thresholds.astype(np.float32)
    above = found > thresholds
    found[above] = np.nextafter(found[above], np.float32(-np.inf))
    return found
