"""Minibatch discrimination: a discriminator that sees how close the rows of its batch are.

Salimans et al. (2016), section 3.2: features ``f`` of shape (N, A) are projected to
``M = f T`` of shape (N, B, C), and every row gets, for each of ``B`` kernels,
``o(i)_b = sum_j exp(-||M_ib - M_jb||_1)`` beside its features.

Paper and released code: the paper sums over all ``j``; the code leaves out ``j = i``, and so do
we. For small images (`MinibatchDiscrimination`) the code also normalises ``T`` per column, adds a
bias per kernel and starts both from a batch, none of which the paper mentions. For ImageNet
(`CrossHalfDiscrimination`) one batch holds real rows and then generated ones, which the paper
keeps apart, and each row gets one sum over either half; the code divides both by the number of all
pairs, not of those of the row, and so makes them about ``2 N`` times too small for means. We follow
the code; ``normalization="mean"`` divides by the count of the row.

Pairs are met in tiles of rows times rows, of one kernel or a few, with at most `CHUNK` differences;
of the tiles of a batch with itself, only those above the diagonal. Distances are computed again in
the backward pass and in the backward pass of that, so memory is linear in the size of ``M``.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .weight_norm import StartsFromBatch

CHUNK = 2**16
"""Differences in one tile: few enough to stay in a cache, enough for the overhead of a tile."""

ROWS = 32
"""Rows of a tile. Half of every tile on the diagonal is computed in vain."""


class _Tile(NamedTuple):
    """Some rows ``i`` of one batch and some rows ``j`` of another, for a few kernels at a time."""

    rows: slice
    columns: slice
    kernels: int
    unwanted: Tensor

    def left(self, *tensors: Tensor) -> list[tuple[Tensor, ...]]:
        """Of each (..., B, N), views of the kernels in turn, to be spread over ``j``."""
        return [x[..., self.rows, None].split(self.kernels, dim=-3) for x in tensors]

    def right(self, *tensors: Tensor) -> list[tuple[Tensor, ...]]:
        """Of each (..., B, N), views of the kernels in turn, to be spread over ``i``."""
        return [y[..., None, self.columns].split(self.kernels, dim=-3) for y in tensors]

    def distances(self, magnitudes: Tensor) -> Tensor:
        """Sum (C, B', I, J) over coordinates; infinite where a pair is unwanted."""
        distances = magnitudes.sum(dim=0)
        if width := self.unwanted.shape[1]:
            distances[..., :width].masked_fill_(self.unwanted, torch.inf)
        return distances

    def similarities(self, magnitudes: Tensor) -> Tensor:
        """``k_ij``, from ``|x_i - y_j|`` of (C, B', I, J)."""
        return self.distances(magnitudes).neg_().exp_()


def _tiles(x: Tensor, *, within: bool) -> Iterator[_Tile]:
    """Cover the pairs of the rows of x (C, B, N) with as many others, ``within`` only ``i < j``."""
    coordinates, _, count = x.shape
    widest = max(1, CHUNK // (coordinates * ROWS))
    numbers = torch.arange(count, device=x.device)
    for top in range(0, count, ROWS):
        rows = slice(top, min(top + ROWS, count))
        for left in range(top if within else 0, count, widest):
            columns = slice(left, min(left + widest, count))
            size = coordinates * (rows.stop - top) * (columns.stop - left)
            on_diagonal = slice(left, max(left, min(columns.stop, rows.stop)) if within else left)
            unwanted = numbers[rows].unsqueeze(1) >= numbers[on_diagonal]
            yield _Tile(rows, columns, max(1, CHUNK // size), unwanted)


class _Similarities(torch.autograd.Function):
    """Sums of ``k_ij = exp(-||x_i - y_j||_1)`` over ``j`` and over ``i``; x, y: (C, B, N)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, within: bool) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, y)
        ctx.within = within
        to_x, to_y = torch.zeros_like(x[0]), torch.zeros_like(y[0])
        for tile in _tiles(x, within=within):
            parts = (*tile.left(x, to_x), *tile.right(y, to_y))
            for x_i, to_x_i, y_j, to_y_j in zip(*parts, strict=True):
                k = tile.similarities((x_i - y_j).abs_())
                to_x_i += k.sum(dim=-1, keepdim=True)
                to_y_j += k.sum(dim=-2, keepdim=True)
        return to_x, to_y

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        to_x, to_y = _SimilaritiesGradient.apply(  # type: ignore[no-untyped-call]
            *ctx.saved_tensors, *upstream, ctx.within
        )
        return to_x, to_y, None


class _SimilaritiesGradient(torch.autograd.Function):
    """The gradient of `_Similarities`: ``-sum_j k_ij (g_i + h_j) s_ij`` with the signs ``s_ij``.

    With ``v`` and ``w`` upstream and ``u_ij = <s_ij, v_i - w_j>``, its own is ``-sum_j k_ij u_ij``
    to ``g_i`` and ``sum_j k_ij (g_i + h_j) u_ij s_ij`` to ``x_i``. The signs of ``x_i - y_j`` are
    opposite seen from ``j``, and 0 where the two are equal.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, g: Tensor, h: Tensor, within: bool
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, y, g, h)
        ctx.within = within
        to_x, to_y = torch.zeros_like(x), torch.zeros_like(y)
        g, h = g.contiguous(), h.contiguous()
        for tile in _tiles(x, within=within):
            parts = (*tile.left(x, g, to_x), *tile.right(y, h, to_y))
            for x_i, g_i, to_x_i, y_j, h_j, to_y_j in zip(*parts, strict=True):
                signs = x_i - y_j
                k = tile.similarities(signs.abs())
                signs.sign_().mul_(k.mul_(g_i + h_j))
                to_x_i -= signs.sum(dim=-1, keepdim=True)
                to_y_j += signs.sum(dim=-2, keepdim=True)
        return to_x, to_y

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, v: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        x, y, g, h = ctx.saved_tensors
        to_x, to_y = torch.zeros_like(x), torch.zeros_like(y)
        to_g, to_h = torch.zeros_like(x[0]), torch.zeros_like(y[0])
        for tile in _tiles(x, within=ctx.within):
            parts = (*tile.left(x, g, v, to_x, to_g), *tile.right(y, h, w, to_y, to_h))
            for x_i, g_i, v_i, to_x_i, to_g_i, y_j, h_j, w_j, to_y_j, to_h_j in zip(
                *parts, strict=True
            ):
                signs = x_i - y_j
                k = tile.similarities(signs.abs())
                signs.sign_()
                k *= (v_i - w_j).mul_(signs).sum(dim=0)
                to_g_i -= k.sum(dim=-1, keepdim=True)
                to_h_j -= k.sum(dim=-2, keepdim=True)
                signs *= k.mul_(g_i + h_j)
                to_x_i += signs.sum(dim=-1, keepdim=True)
                to_y_j -= signs.sum(dim=-2, keepdim=True)
        return to_x, to_y, to_g, to_h, None


def _rows_last(projected: Tensor) -> Tensor:
    """(N, B, C) to (C, B, N), in float32 at least."""
    if projected.dim() != 3:
        raise ValueError(f"projected must have shape (N, B, C), got {tuple(projected.shape)}")
    if torch.finfo(projected.dtype).bits < 32:
        projected = projected.float()
    return projected.permute(2, 1, 0).contiguous()


def _sums(x: Tensor, y: Tensor, *, within: bool = False) -> tuple[Tensor, Tensor]:
    to_x, to_y = _Similarities.apply(x, y, within)  # type: ignore[no-untyped-call]
    return to_x, to_y


def _sums_within(x: Tensor) -> Tensor:
    one, other = _sums(x, x, within=True)
    return one + other


def minibatch_similarities(projected: Tensor) -> Tensor:
    """Return ``o(i)_b``, the sum over ``j != i`` of ``exp(-||M_ib - M_jb||_1)``.

    Can be differentiated twice. Equal coordinates have the derivative 0 through each other.

    Args:
        projected: ``M``, of shape (N, B, C), floating point; N is at least 2.

    Returns:
        (N, B), in (0, N - 1], of the dtype of ``M``; in half precision the sums are float32 inside.

    Raises:
        ValueError: if there is one row, or ``projected`` has not three dimensions.

    Example:
        >>> minibatch_similarities(torch.zeros(4, 2, 3)).tolist()
        [[3.0, 3.0], [3.0, 3.0], [3.0, 3.0], [3.0, 3.0]]
    """
    x = _rows_last(projected)
    if len(projected) < 2:
        raise ValueError(f"minibatch discrimination needs at least 2 rows, got {len(projected)}")
    return _sums_within(x).T.to(projected.dtype)


Normalization = Literal["released", "mean"]


def _check_normalization(normalization: str) -> None:
    if normalization not in ("released", "mean"):
        raise ValueError(f"normalization must be 'released' or 'mean', got {normalization!r}")


def cross_similarities(projected: Tensor, *, normalization: Normalization = "released") -> Tensor:
    """Return the similarities of each row to the real half of the batch and to the fake one.

    Args:
        projected: ``M``, of shape (2 N, B, C): N real rows and then N generated ones, N at least 2.
        normalization: ``"released"`` divides every sum by ``N (2 N - 1)``, ``"mean"`` by the number
            of rows that it compares with, ``N - 1`` in the row's own half and ``N`` in the other.

    Returns:
        (2 N, 2 B): B sums over the real half, the row itself left out, then B over the fake one.

    Raises:
        ValueError: for an odd number of rows, fewer than 4, or an unknown normalization.

    Example:
        >>> cross_similarities(torch.zeros(4, 1, 3), normalization="mean")[0].tolist()
        [1.0, 1.0]
    """
    _check_normalization(normalization)
    x = _rows_last(projected)
    if len(projected) < 4 or len(projected) % 2:
        raise ValueError(
            f"two halves of at least 2 rows are needed, an even number, got {len(projected)} rows"
        )
    real, fake = (half.contiguous() for half in x.chunk(2, dim=2))
    rows = real.shape[2]
    own, other = (
        (rows - 1, rows) if normalization == "mean" else (rows * (2 * rows - 1),) * 2
    )  # divisors
    real_to_fake, fake_to_real = _sums(real, fake)
    to_real = torch.cat([_sums_within(real) / own, fake_to_real / other], dim=1)  # (B, 2 N)
    to_fake = torch.cat([real_to_fake / other, _sums_within(fake) / own], dim=1)
    return torch.cat([to_real, to_fake]).T.to(projected.dtype)


def nearest_distances(projected: Tensor) -> Tensor:
    """Return the least ``||M_ib - M_jb||_1`` over ``j != i``, without a graph.

    Args:
        projected: ``M``, of shape (N, B, C), N at least 2.

    Returns:
        (N, B).
    """
    x = _rows_last(projected.detach())
    nearest = torch.full_like(x[0], torch.inf)
    for tile in _tiles(x, within=True):
        parts = (*tile.left(x, nearest), *tile.right(x, nearest))
        for x_i, to_i, x_j, to_j in zip(*parts, strict=True):
            distances = tile.distances((x_i - x_j).abs_())
            for to, dim in ((to_i, -1), (to_j, -2)):
                torch.minimum(to, distances.amin(dim=dim, keepdim=True), out=to)
    return nearest.T


class MinibatchDiscrimination(StartsFromBatch):
    """Features and, for each kernel, the similarities to the other rows, for small images.

    The kernels are ``T_.bc = exp(sigma_bc) theta_.bc / ||theta_.bc||`` with ``theta`` from
    N(0, 0.05), ``sigma`` from 0 and biases from -1. `initialise_from_batch` sets ``sigma`` and the
    biases so that, on its batch, the mean distance to the nearest row is 2 and the mean of every
    new feature 0. Sums grow with the batch: in smaller ones the features lie below 0.

    Args:
        in_features: ``A``, the number of features.
        num_kernels: ``B``, the number of new features.
        kernel_dim: ``C``, the number of coordinates between which distances are taken.
        chance: draws ``theta``.
    """

    def __init__(
        self,
        in_features: int,
        num_kernels: int = 100,
        kernel_dim: int = 5,
        *,
        chance: torch.Generator,
    ) -> None:
        """Draw the directions ``theta``."""
        super().__init__()
        directions = torch.empty(in_features, num_kernels, kernel_dim)
        self.directions = nn.Parameter(nn.init.normal_(directions, 0.0, 0.05, generator=chance))
        self.log_gains = nn.Parameter(torch.zeros(num_kernels, kernel_dim))
        self.bias = nn.Parameter(torch.full((num_kernels,), -1.0))

    def project(self, features: Tensor) -> Tensor:
        """Return ``M = f T`` of shape (N, B, C)."""
        norms = torch.linalg.vector_norm(self.directions, dim=0)
        flat = features @ self.directions.flatten(1)
        return flat.view(-1, *norms.shape) * (self.log_gains.exp() / norms)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, A) to (N, A + B); every row of the result depends on all rows."""
        similarities = minibatch_similarities(self.project(features)) + self.bias
        return torch.cat([features, similarities.to(features.dtype)], dim=1)

    def start(self, features: Tensor) -> None:
        """Scale distances and centre the new features on one batch.

        A kernel under which all rows are equal keeps its scale.
        """
        halved = nearest_distances(self.project(features)).mean(dim=0) / 2
        scale = torch.where(halved > 0, halved, torch.ones_like(halved))
        self.log_gains.sub_(scale.log().unsqueeze(1))
        self.bias.copy_(-minibatch_similarities(self.project(features)).mean(dim=0))

    def extra_repr(self) -> str:
        """Show the sizes in ``repr``."""
        inputs, kernels, dim = self.directions.shape
        return f"{inputs}, num_kernels={kernels}, kernel_dim={dim}"


class CrossHalfDiscrimination(nn.Module):
    """Features and similarities to the real and to the fake half of the batch, for ImageNet.

    The projection is linear with weights from N(0, 0.02). It has a bias as in the released code,
    which no difference sees: its gradient is 0.

    Args:
        in_features: ``A``, the number of features.
        num_kernels: ``B``, half the number of new features.
        kernel_dim: ``C``, the number of coordinates between which distances are taken.
        normalization: as in `cross_similarities`.
        chance: draws the weights.

    Raises:
        ValueError: if ``normalization`` is unknown.
    """

    def __init__(
        self,
        in_features: int,
        num_kernels: int = 300,
        kernel_dim: int = 50,
        *,
        normalization: Normalization = "released",
        chance: torch.Generator,
    ) -> None:
        """Draw the weights."""
        super().__init__()
        _check_normalization(normalization)
        self.kernel_shape = (num_kernels, kernel_dim)
        self.normalization: Normalization = normalization
        outputs = num_kernels * kernel_dim
        self.projection = nn.Linear(in_features, outputs, device="meta").to_empty(device="cpu")
        nn.init.normal_(self.projection.weight, 0.0, 0.02, generator=chance)
        nn.init.zeros_(self.projection.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map (2 N, A), real rows and then generated ones, to (2 N, A + 2 B)."""
        projected = self.projection(features).unflatten(1, self.kernel_shape)
        similarities = cross_similarities(projected, normalization=self.normalization)
        return torch.cat([features, similarities.to(features.dtype)], dim=1)

    def extra_repr(self) -> str:
        """Show sizes and normalization in ``repr``."""
        kernels, dim = self.kernel_shape
        return f"num_kernels={kernels}, kernel_dim={dim}, normalization={self.normalization!r}"
