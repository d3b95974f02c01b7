"""A fitted classifier as a module of torch, to be exported and served without this package.

What was fitted becomes buffers, float64 as in NumPy; every step of `predict_proba` is written in
operations that `torch.export` and ONNX know. Nothing is left to train. Constants that float32 does
not hold are buffers too, as ONNX would round a plain number to it.

Paper and released code: not in Salimans et al. (2016).
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ..data import cell_weights, describe_slopes
from .checks import Array
from .completion import Completion
from .graph import NEIGHBORS, PRIOR, ROUNDING, Graph
from .linear import Linear
from .network import Layers, Network
from .opinions import Opinion, Reduced
from .pool import Pool
from .preprocessing import ImageShape, Preprocessor
from .scaling import FARTHEST, Scale
from .shaping import LOGARITHM, SINH, Shapes
from .trees import Trees


class DeployedClassifier(nn.Module):
    """Class probabilities of raw rows, those of `SemiSupervisedGANClassifier.predict_proba`.

    `SemiSupervisedGANClassifier.to_torch` makes it.

    Args:
        preprocessor: of the classifier.
        pool: of its opinions; those whose power is 0 are left out.
        classes: (K,) of the classifier.

    Attributes:
        classes: K names; column k of the probabilities is that of ``classes[k]``.
        categories: levels by column; such a column holds positions of its levels, -1 for others.
    """

    def __init__(self, preprocessor: Preprocessor, pool: Pool, classes: Array) -> None:
        super().__init__()
        self.classes: tuple[object, ...] = tuple(classes.tolist())
        self.categories = dict(preprocessor.completion.categories)
        self.completion = TensorCompletion(preprocessor.completion)
        self.features = nn.Sequential(*_feature_steps(preprocessor))
        counted = np.flatnonzero(pool.powers)
        self.opinions = nn.ModuleList(_as_module(pool.opinions[place]) for place in counted)
        self.powers = _buffer(pool.powers[counted, None, None])
        self.offset = _buffer(pool.offset)
        self.eval()

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, K) float64 probabilities.

        An exported module cannot refuse a row: one that `predict_proba` refuses, for a cell that is
        infinite or must not be missing, has probabilities of NaN.

        Args:
            rows: (n, A) float64, as columns stood in `fit`; NaN where a number is missing; of
                images the pixels, (n, C * H * W).

        Raises:
            ValueError: for rows of another shape.
        """
        columns = len(self.completion.medians)
        if rows.dim() != 2 or rows.shape[1] != columns:
            raise ValueError(f"rows must be (n, {columns}), got {tuple(rows.shape)}")
        rows = rows.double()
        refused = ~self.completion.fill(rows).isfinite().all(dim=1, keepdim=True)
        features = self.features(self.completion(rows))
        logs = torch.stack([opinion(features) for opinion in self.opinions])
        total = (self.powers * logs).sum(dim=0) + self.offset
        return total.softmax(dim=1).masked_fill(refused, torch.nan)


class TensorCompletion(nn.Module):
    """`Completion`; every feature is a number, a level's indicator or one of missing cells."""

    def __init__(self, completion: Completion) -> None:
        super().__init__()
        columns, categories = range(len(completion.medians)), completion.categories
        numbers = [(column, -1) for column in columns if column not in categories]
        levels = [(c, place) for c in categories for place in range(len(categories[c]))]
        flags = [(column, -1) for column in completion.flags]
        self.medians = _buffer(completion.medians)
        source, level = np.array(numbers + levels + flags).T
        self.source, self.level = _buffer(source), _buffer(level.astype(np.float64))
        self.is_level = _buffer(level >= 0)
        self.is_flag = _buffer(np.arange(len(level)) >= len(numbers) + len(levels))

    def fill(self, rows: Tensor) -> Tensor:
        """Return rows (n, C) with medians in place of NaN."""
        return torch.where(rows.isnan(), self.medians, rows)

    def forward(self, rows: Tensor) -> Tensor:
        """Return features (n, F) of rows (n, C)."""
        features = self.fill(rows).index_select(1, self.source)
        cells = rows.index_select(1, self.source)
        features = torch.where(self.is_level, (cells == self.level).double(), features)
        return torch.where(self.is_flag, cells.isnan().double(), features)


class TensorShapes(nn.Module):
    """`Shapes`."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.is_logarithm = _buffer(shapes.kinds == LOGARITHM)
        self.is_sinh = _buffer(shapes.kinds == SINH)
        self.shift, self.unit = _buffer(shapes.shift), _buffer(shapes.unit)
        self.low, self.high = _buffer(shapes.low), _buffer(shapes.high)

    def forward(self, rows: Tensor) -> Tensor:
        """Return rows (n, F) in their new shape."""
        moved = rows - self.shift
        bent = torch.where(self.is_logarithm, moved.clamp(min=0).log(), rows)
        bent = torch.where(self.is_sinh, _arsinh(moved / self.unit), bent)
        return torch.minimum(torch.maximum(bent, self.low), self.high)


class TensorDescriptors(nn.Module):
    """`convergan.data.oriented_gradients` of flattened images, Sobel's filter as products."""

    def __init__(self, preprocessor: Preprocessor, shape: ImageShape) -> None:
        super().__init__()
        (_, height, width), self.shape = shape, shape
        self.range = _buffer(np.array([preprocessor.lowest, preprocessor.span]))
        self.over_rows = nn.Buffer(cell_weights(height, preprocessor.cell))
        self.over_columns = nn.Buffer(cell_weights(width, preprocessor.cell))
        self.smooth_rows, self.step_rows = nn.Buffer(_smooth(height)), nn.Buffer(_step(height))
        self.smooth_columns, self.step_columns = nn.Buffer(_smooth(width)), nn.Buffer(_step(width))

    def forward(self, rows: Tensor) -> Tensor:
        """Return descriptors (n, F) of rows (n, C * H * W)."""
        lowest, span = self.range
        images = ((rows - lowest) / span).clamp(0, 1).reshape(-1, *self.shape)
        across = self.smooth_rows @ images @ self.step_columns.T
        down = self.step_rows @ images @ self.smooth_columns.T
        slopes = torch.stack([across, down], dim=2)
        return describe_slopes(slopes, self.over_rows, self.over_columns)


class TensorScale(nn.Module):
    """`Scale`."""

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.mean, self.unit = _buffer(scale.mean), _buffer(scale.unit)

    def forward(self, rows: Tensor) -> Tensor:
        """Return rows (n, F) in units of each feature."""
        return ((rows - self.mean) / self.unit).clamp(-FARTHEST, FARTHEST)


class TensorDense(nn.Module):
    """A dense layer that nobody trains."""

    def __init__(self, weights: Array, biases: Array) -> None:
        super().__init__()
        self.weights, self.biases = _buffer(weights), _buffer(biases)

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, outputs) of rows (n, inputs)."""
        return rows @ self.weights + self.biases


class TensorTrees(nn.Module):
    """`Trees`, their nodes in one line; every row goes ``depth`` steps down."""

    def __init__(self, opinion: Trees) -> None:
        super().__init__()
        trees, nodes, classes = opinion.shares.shape
        self.roots = _buffer(np.arange(trees) * nodes)
        self.feature, self.threshold = _buffer(opinion.feature), _buffer(opinion.threshold)
        self.next_nodes = _buffer(opinion.children + nodes * np.arange(trees)[:, None, None])
        shares = opinion.shares.reshape(-1, classes).astype(np.float64)
        self.shares = _buffer((shares * opinion.votes + 1 / classes) / (opinion.votes + 1))
        self.depth = opinion.depth

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, K) logarithms of probabilities of rows (n, F)."""
        values = rows.float().double()
        node = self.roots.expand(rows.shape[0], -1)
        for _ in range(self.depth):
            right = values.gather(1, self.feature.take(node)) > self.threshold.take(node)
            node = self.next_nodes.take(2 * node + right.long())
        return nn.functional.embedding(node, self.shares).mean(dim=1).log()


class TensorGraph(nn.Module):
    """`Graph`."""

    def __init__(self, opinion: Graph) -> None:
        super().__init__()
        classes = opinion.shares.shape[1]
        self.axes, self.directions = _buffer(opinion.axes), opinion.directions
        self.points = _buffer(opinion.points.T)
        self.squares = _buffer(np.square(opinion.points).sum(axis=1))
        self.shares = _buffer((opinion.shares + PRIOR / classes) / (1 + PRIOR))
        self.count = min(NEIGHBORS, len(opinion.points))

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, K) logarithms of probabilities of rows (n, F)."""
        if self.directions:
            length = rows.square().sum(dim=1, keepdim=True).sqrt()
            rows = rows / length.clamp(min=torch.finfo(torch.float32).tiny)
        points = rows @ self.axes
        squares = points.square().sum(dim=1, keepdim=True)
        slack = ROUNDING * (1 + squares)
        distances = (squares + self.squares - 2 * (points @ self.points) - slack).clamp(min=0)
        unit = distances.topk(self.count, dim=1, largest=False).values[:, -1:] + slack
        weights = torch.where(distances <= unit, (-distances / unit).exp(), 0)
        return (weights @ self.shares / weights.sum(dim=1, keepdim=True)).log()


class TensorNetwork(nn.Module):
    """`Network`: probabilities averaged over its members."""

    def __init__(self, opinion: Network) -> None:
        super().__init__()
        self.members = nn.ModuleList(_dense(layers) for layers in opinion.members)
        self.log_count = _buffer(np.array(math.log(len(opinion.members))))

    def forward(self, rows: Tensor) -> Tensor:
        """Return (n, K) logarithms of probabilities of rows (n, F)."""
        logs = torch.stack([member(rows) for member in self.members])
        return logs.logsumexp(dim=0) - self.log_count


def _feature_steps(preprocessor: Preprocessor) -> Iterator[nn.Module]:
    """Yield what `Preprocessor.apply` does once no cell is missing."""
    if preprocessor.image_shape:
        yield TensorDescriptors(preprocessor, preprocessor.image_shape)
    if preprocessor.shapes.kinds.any():
        yield TensorShapes(preprocessor.shapes)
    yield TensorScale(preprocessor.scale)


def _as_module(opinion: Opinion) -> nn.Module:
    """Return a module that gives an opinion's (n, K) logarithms of features (n, F)."""
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
    raise TypeError(f"opinions of type {type(opinion).__name__} have no module of torch yet")


def _dense(layers: Layers) -> nn.Module:
    """Return dense layers with ReLU between them, and logarithms of the softmax."""
    found: list[nn.Module] = []
    for weights, biases in layers:
        found += [TensorDense(weights, biases), nn.ReLU()]
    return nn.Sequential(*found[:-1], nn.LogSoftmax(dim=1))


def _arsinh(values: Tensor) -> Tensor:
    """Return the inverse hyperbolic sine, which runtimes of ONNX lack for float64."""
    size = values.abs()
    return values.sign() * (size + (size.square() + 1).sqrt()).log()


def _smooth(side: int) -> Tensor:
    """Return (side, side): a line's pixels weighed 1, 2, 1 of 4, with 0 beyond its ends."""
    step = _next(side)
    return torch.eye(side, dtype=torch.float64) / 2 + (step + step.T) / 4


def _step(side: int) -> Tensor:
    """Return (side, side): the pixel after less the pixel before."""
    return _next(side) - _next(side).T


def _next(side: int) -> Tensor:
    return torch.diag(torch.ones(side - 1, dtype=torch.float64), 1)


def _buffer(array: Array) -> nn.Buffer:
    """Copy an array, so that a state that is loaded does not change the classifier."""
    return nn.Buffer(torch.from_numpy(np.array(array, order="C")))
