"""A fitted classifier as a module of torch, to be exported and served without this package.

Each opinion's arrays become buffers, float64 as in NumPy, and its formula is written in operations
that `torch.export` and ONNX know. Nothing has a gradient to train by.

Paper and released code: not in Salimans et al. (2016).
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ..data import cell_weights, describe_slopes
from .checks import Array
from .fitting import Reduced
from .graph import NEIGHBORS, PRIOR, Graph
from .linear import Linear
from .network import Layers, Network
from .opinions import Opinion, as_tensor
from .pool import Pool
from .preprocessing import ImageShape, Preprocessor
from .scaling import FARTHEST, Scale
from .trees import Trees


class DeployedClassifier(nn.Module):
    """Class probabilities of raw rows, those of `SemiSupervisedGANClassifier.predict_proba`.

    Args:
        preprocessor: that the classifier was fitted with.
        pool: of its opinions; those whose power is 0 are left out.
        classes: (K,) of the classifier.

    Attributes:
        classes: names, K of them; column k of the probabilities is that of ``classes[k]``.
        columns: A, of rows; pixels of an image are channels, rows and columns, flattened.
    """

    def __init__(self, preprocessor: Preprocessor, pool: Pool, classes: Array) -> None:
        super().__init__()
        heard = [(o, p) for o, p in zip(pool.opinions, pool.powers, strict=True) if p]
        shape = preprocessor.image_shape
        self.classes: tuple[object, ...] = tuple(classes.tolist())
        self.columns = shape[0] * shape[1] * shape[2] if shape else len(preprocessor.scale.mean)
        self.features = nn.Sequential(*_feature_steps(preprocessor))
        self.opinions = nn.ModuleList(_as_module(opinion) for opinion, _ in heard)
        self.powers = nn.Buffer(torch.tensor([power for _, power in heard], dtype=torch.float64))
        self.offset = _buffer(pool.offset)

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, K) float64 probabilities of raw rows (n, A) of float64.

        A module that is exported cannot refuse a row. One that `predict_proba` refuses, with an
        infinite or a missing cell, has probabilities of NaN.

        Raises:
            ValueError: for rows of another shape.
        """
        if rows.dim() != 2 or rows.shape[1] != self.columns:
            raise ValueError(f"rows must be (n, {self.columns}), got {tuple(rows.shape)}")
        refused = ~rows.isfinite().all(dim=1, keepdim=True)
        features = self.features(rows.double())
        total = self.offset
        for opinion, power in zip(self.opinions, self.powers, strict=True):
            total = total + power * opinion(features)
        return total.softmax(dim=1).masked_fill(refused, torch.nan)


class TensorDescriptors(nn.Module):
    """`convergan.data.oriented_gradients` of flattened images; Sobel's slopes as two products."""

    def __init__(self, preprocessor: Preprocessor, shape: ImageShape) -> None:
        super().__init__()
        self.shape = shape
        self.lowest, self.span = preprocessor.lowest, preprocessor.span
        _, height, width = shape
        self.over_rows = nn.Buffer(cell_weights(height, preprocessor.cell))
        self.over_columns = nn.Buffer(cell_weights(width, preprocessor.cell))
        self.smooth_rows, self.step_rows = nn.Buffer(_smooth(height)), nn.Buffer(_step(height))
        self.smooth_columns, self.step_columns = nn.Buffer(_smooth(width)), nn.Buffer(_step(width))

    def forward(self, rows: Tensor) -> Tensor:
        """Return descriptors (n, F) of rows (n, C * H * W)."""
        images = ((rows - self.lowest) / self.span).clamp(0, 1).reshape(-1, *self.shape)
        across = self.smooth_rows @ images @ self.step_columns.T
        down = self.step_rows @ images @ self.smooth_columns.T
        slopes = torch.stack([across, down], dim=2)
        return describe_slopes(slopes, self.over_rows, self.over_columns)


class TensorScale(nn.Module):
    """`Scale` of features."""

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.mean, self.unit = _buffer(scale.mean), _buffer(scale.unit)

    def forward(self, rows: Tensor) -> Tensor:
        """Return rows (n, F) in units of each feature."""
        return ((rows - self.mean) / self.unit).clamp(-FARTHEST, FARTHEST)


class TensorDense(nn.Module):
    """Weights and biases, which nobody trains."""

    def __init__(self, weights: Array, biases: Array) -> None:
        super().__init__()
        self.weights, self.biases = _buffer(weights), _buffer(biases)

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, outputs) of rows (n, inputs)."""
        return rows @ self.weights + self.biases


class TensorTrees(nn.Module):
    """`Trees`; the nodes of all stand in one line, a step down looks up each row's next ones."""

    def __init__(self, opinion: Trees) -> None:
        super().__init__()
        trees, nodes, classes = opinion.shares.shape
        self.roots = nn.Buffer(torch.arange(trees) * nodes)
        self.feature = _buffer(opinion.feature.reshape(-1))
        self.threshold = _buffer(opinion.threshold.reshape(-1))
        self.next_nodes = nn.Buffer(
            (_buffer(opinion.children) + self.roots[:, None, None]).flatten()
        )
        self.shares = _buffer(opinion.shares.reshape(-1, classes))
        self.depth, self.votes = opinion.depth, opinion.votes

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, K) logarithms of probabilities of rows (n, F)."""
        values = rows.float().double()
        node = self.roots.expand(rows.shape[0], -1)
        for _ in range(self.depth):
            right = values.gather(1, self.feature[node]) > self.threshold[node]
            node = self.next_nodes[2 * node + right.long()]
        mean = self.shares[node].double().mean(dim=1)
        return ((mean * self.votes + 1 / mean.shape[1]) / (self.votes + 1)).log()


class TensorGraph(nn.Module):
    """`Graph`."""

    def __init__(self, opinion: Graph) -> None:
        super().__init__()
        self.axes, self.points = _buffer(opinion.axes), _buffer(opinion.points)
        self.squares = nn.Buffer(self.points.square().sum(dim=1))
        self.shares, self.directions = _buffer(opinion.shares), opinion.directions
        self.count = min(NEIGHBORS, len(opinion.points))

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, K) logarithms of probabilities of rows (n, F)."""
        if self.directions:
            length = rows.square().sum(dim=1, keepdim=True).sqrt()
            rows = rows / length.clamp(min=torch.finfo(torch.float32).tiny)
        points = rows @ self.axes
        distances = points.square().sum(dim=1, keepdim=True) - 2 * (points @ self.points.T)
        distances = (distances + self.squares).clamp(min=0)
        distances, nearest = distances.topk(self.count, dim=1, largest=False)
        unit = distances[:, -1:].clamp(min=torch.finfo(torch.float64).tiny)
        weights = (-distances / unit).softmax(dim=1)
        shares = (weights[:, :, None] * self.shares[nearest]).sum(dim=1)
        return ((shares + PRIOR / shares.shape[1]) / (1 + PRIOR)).log()


class TensorNetwork(nn.Module):
    """`Network`: probabilities averaged over its members."""

    def __init__(self, opinion: Network) -> None:
        super().__init__()
        self.members = nn.ModuleList(_dense(layers) for layers in opinion.members)

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, K) logarithms of probabilities of rows (n, F)."""
        logs = torch.stack([member(rows) for member in self.members])
        return logs.logsumexp(dim=0) - math.log(len(self.members))


def _feature_steps(preprocessor: Preprocessor) -> Iterator[nn.Module]:
    """Yield what `Preprocessor.apply` does, in order."""
    if preprocessor.image_shape:
        yield TensorDescriptors(preprocessor, preprocessor.image_shape)
    yield TensorScale(preprocessor.scale)


def _as_module(opinion: Opinion) -> nn.Module:
    """Return the module of an opinion; logarithms of probabilities (n, K) of features (n, F)."""
    match opinion:
        case Linear():
            return _dense([(opinion.weights, opinion.biases)])
        case Trees():
            return TensorTrees(opinion)
        case Graph():
            return TensorGraph(opinion)
        case Network():
            return TensorNetwork(opinion)
        case Reduced():
            project = TensorDense(opinion.axes, np.zeros(opinion.axes.shape[1]))
            return nn.Sequential(project, _as_module(opinion.opinion))
    raise TypeError(f"no module is written for opinions of type {type(opinion).__name__}")


def _dense(layers: Layers) -> nn.Module:
    """Return dense layers with ReLU between them, and logarithms of the softmax."""
    found: list[nn.Module] = []
    for weights, biases in layers:
        found += [TensorDense(weights, biases), nn.ReLU()]
    return nn.Sequential(*found[:-1], nn.LogSoftmax(dim=1))


def _smooth(side: int) -> Tensor:
    """Return (side, side): a line's pixels weighed by Sobel, 1, 2, 1 of 4, with 0 beyond."""
    return torch.eye(side).double() / 2 + (_shift(side) + _shift(side).T) / 4


def _step(side: int) -> Tensor:
    """Return (side, side): each pixel's next one less the one before."""
    return _shift(side) - _shift(side).T


def _shift(side: int) -> Tensor:
    return torch.diag(torch.ones(side - 1, dtype=torch.float64), 1)


def _buffer(array: Array) -> nn.Buffer:
    """Return a copy of an array, so that loading a state leaves the classifier alone."""
    return nn.Buffer(as_tensor(array).clone())
