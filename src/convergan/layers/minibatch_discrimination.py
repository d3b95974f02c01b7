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

The sums pair all rows ``i`` with the rows ``s`` places further on, for ``s = 1 ... N / 2``: every
pair once, in few operations, each on numbers that lie side by side. No more than `CHUNK` numbers of
differences a thread exist at a time. The backward pass, and that of it, compute distances
again, so memory is linear in the size of ``M``. Traced code (`torch.compile`, `torch.export`) gets
the expression as it is written, whose number of operations does not depend on that of rows.
"""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..collective import is_alone, own_first, rows_shared, whole_count
from .weight_norm import StartsFromBatch

CHUNK = 2**17
"""Coordinates of differences a thread holds at once: few enough for a cache, enough for their
overhead."""


Among = Literal["each other", "a batch", "the rest"]
"""Which rows are paired: those of one batch with each other; those of a batch with all rows of
another, at least as large; or the first rows of a batch with all its rows but themselves."""


def _pairings(x: Tensor, y: Tensor, among: Among) -> Iterator[tuple[int, int, int]]:
    """Give ``(i, j, length)``: rows from ``i`` on meet as many from ``j`` on, all pairs once.

    The rows ``i`` are of ``x``, (C, N, B), the rows ``j`` of ``y``, (C, 2 M, B), a batch written
    twice in a row. Among each other, a pair has no order.
    """
    count, others = x.shape[1], y.shape[1] // 2
    within = among == "each other"
    first = 0 if among == "a batch" else 1
    rows = max(1, CHUNK * torch.get_num_threads() // (x.shape[0] * x.shape[2]))
    for start in range(0, count, rows):
        stop = min(start + rows, count)
        for shift in range(first, count // 2 + 1 if within else others):
            # In an even batch, the last shift would meet its pairs from both ends.
            end = min(stop, shift) if within and 2 * shift == count else stop
            if start < end:
                yield start, start + shift, end - start


def _twice(x: Tensor) -> Tensor:
    return torch.cat([x, x], dim=-2)


def _once(x: Tensor) -> Tensor:
    """Sum what belongs to the same row of a batch written twice."""
    one, other = x.chunk(2, dim=-2)
    return one + other


def _kernel(magnitudes: Tensor) -> Tensor:
    """``exp(-||d||_1)`` from ``|d|``, over dimension 0."""
    return magnitudes.sum(dim=0).neg_().exp_()


class _Similarities(torch.autograd.Function):
    """Sums of ``k_ij = exp(-||x_i - y_j||_1)`` over ``j`` and over ``i``.

    x: (C, N, B), y: (C, M, B), M at least N.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, among: Among) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, y)
        ctx.among = among
        y = _twice(y)
        to_x, to_y = torch.zeros_like(x[0]), torch.zeros_like(y[0])
        for i, j, length in _pairings(x, y, among):
            k = _kernel((x.narrow(1, i, length) - y.narrow(1, j, length)).abs_())
            to_x.narrow(0, i, length).add_(k)
            to_y.narrow(0, j, length).add_(k)
        return to_x, _once(to_y)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        to_x, to_y = _SimilaritiesGradient.apply(  # type: ignore[no-untyped-call]
            *ctx.saved_tensors, *upstream, ctx.among
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
        ctx: Any, x: Tensor, y: Tensor, g: Tensor, h: Tensor, among: Among
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, y, g, h)
        ctx.among = among
        y, h = _twice(y), _twice(h)
        to_x, to_y = torch.zeros_like(x), torch.zeros_like(y)
        for i, j, length in _pairings(x, y, among):
            signs = x.narrow(1, i, length) - y.narrow(1, j, length)
            k = _kernel(signs.abs())
            k *= g.narrow(0, i, length) + h.narrow(0, j, length)
            signs.sign_()
            to_x.narrow(1, i, length).addcmul_(signs, k, value=-1)
            to_y.narrow(1, j, length).addcmul_(signs, k)
        return to_x, _once(to_y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        x, y, g, h = ctx.saved_tensors
        y, h, w = _twice(y), _twice(h), _twice(w)
        to_x, to_y, to_g, to_h = (torch.zeros_like(t) for t in (x, y, g, h))
        for i, j, length in _pairings(x, y, ctx.among):
            signs = x.narrow(1, i, length) - y.narrow(1, j, length)
            k = _kernel(signs.abs())
            signs.sign_()
            # u_ij; the derivative of the signs is 0 almost everywhere, so only k_ij varies with x.
            along = v.narrow(1, i, length) - w.narrow(1, j, length)
            k *= along.mul_(signs).sum(dim=0)
            to_g.narrow(0, i, length).sub_(k)
            to_h.narrow(0, j, length).sub_(k)
            k *= g.narrow(0, i, length) + h.narrow(0, j, length)
            to_x.narrow(1, i, length).addcmul_(signs, k)
            to_y.narrow(1, j, length).addcmul_(signs, k, value=-1)
        return to_x, _once(to_y), to_g, _once(to_h), None


def _coordinates_first(projected: Tensor) -> Tensor:
    """(N, B, C) to (C, N, B), in float32 at least.

    With coordinates first, a run of rows is one contiguous block per coordinate, and the sum over
    coordinates adds whole blocks rather than few numbers side by side.
    """
    if projected.dim() != 3:
        raise ValueError(f"projected must have shape (N, B, C), got {tuple(projected.shape)}")
    if torch.finfo(projected.dtype).bits < 32:
        projected = projected.float()
    return projected.permute(2, 0, 1).contiguous()


def _sums(x: Tensor, y: Tensor, among: Among) -> tuple[Tensor, Tensor]:
    to_x, to_y = _Similarities.apply(x, y, among)  # type: ignore[no-untyped-call]
    return to_x, to_y


def _sums_within(x: Tensor) -> Tensor:
    """Sum over the other rows of the batch, those of other processes among them."""
    if torch.compiler.is_compiling():
        others = 1 - torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        return (_all_kernels(x, x) * others.unsqueeze(2)).sum(dim=1)
    if not is_alone():
        return _sums(x, _of_all(x), "the rest")[0]
    # Each pair is met once: a row is first in some, second in others.
    one, other = _sums(x, x, "each other")
    return one + other


def _sums_between(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over the rows of the other batch, those of other processes among them."""
    if torch.compiler.is_compiling():
        kernels = _all_kernels(x, y)
        return kernels.sum(dim=1), kernels.sum(dim=0)
    if is_alone():
        return _sums(x, y, "a batch")
    return _sums(x, _of_all(y), "a batch")[0], _sums(y, _of_all(x), "a batch")[0]


def _all_kernels(x: Tensor, y: Tensor) -> Tensor:
    """Return ``k_ij`` of all pairs, (N, M, B)."""
    return _kernel((x.unsqueeze(2) - y.unsqueeze(1)).abs())


def _of_all(x: Tensor) -> Tensor:
    """The rows of all processes, (C, N, B), own ones first."""
    return own_first(x.transpose(0, 1)).transpose(0, 1).contiguous()


def minibatch_similarities(projected: Tensor) -> Tensor:
    """Return ``o(i)_b``, the sum over ``j != i`` of ``exp(-||M_ib - M_jb||_1)``.

    Can be differentiated twice. Equal coordinates have the derivative 0 through each other.

    Args:
        projected: ``M``, of shape (N, B, C), floating point.

    Returns:
        (N, B), in [0, N - 1], 0 for a row that is alone, of the dtype of ``M``; in half precision
        the sums are float32 inside.

    Raises:
        ValueError: if ``projected`` has not three dimensions.

    Example:
        >>> minibatch_similarities(torch.zeros(4, 2, 3)).tolist()
        [[3.0, 3.0], [3.0, 3.0], [3.0, 3.0], [3.0, 3.0]]
    """
    return _sums_within(_coordinates_first(projected)).to(projected.dtype)


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
    x = _coordinates_first(projected)
    if whole_count(projected.shape[0]) < 4 or projected.shape[0] % 2:
        raise ValueError(
            f"two halves of at least 2 rows are needed, an even number, got {len(projected)} rows"
        )
    real, fake = (half.contiguous() for half in x.chunk(2, dim=1))
    rows = whole_count(real.shape[1])
    pairs = rows * (2 * rows - 1)  # of the whole batch
    own, other = (rows - 1, rows) if normalization == "mean" else (pairs, pairs)
    real_to_fake, fake_to_real = _sums_between(real, fake)
    to_real = torch.cat([_sums_within(real) / own, fake_to_real / other])
    to_fake = torch.cat([real_to_fake / other, _sums_within(fake) / own])
    return torch.cat([to_real, to_fake], dim=1).to(projected.dtype)


def nearest_distances(projected: Tensor) -> Tensor:
    """Return the least ``||M_ib - M_jb||_1`` over ``j != i``, (N, B), without a graph.

    ``projected`` is ``M``, of shape (N, B, C), N at least 2.
    """
    x = _coordinates_first(projected.detach())
    y = _twice(x)
    nearest = torch.full_like(y[0], torch.inf)
    for i, j, length in _pairings(x, y, "each other"):
        distances = (x.narrow(1, i, length) - y.narrow(1, j, length)).abs_().sum(dim=0)
        for row in (i, j):
            part = nearest.narrow(0, row, length)
            torch.minimum(part, distances, out=part)
    return torch.minimum(*nearest.chunk(2))


def _flattened(features: Tensor, count: int) -> Tensor:
    flat = features.flatten(1)
    if flat.shape[1] != count:
        raise ValueError(
            f"rows of shape {tuple(features.shape[1:])} have {flat.shape[1]} values, in_features "
            f"is {count}"
        )
    return flat


class MinibatchDiscrimination(StartsFromBatch):
    """Features and, for each kernel, the similarities to the other rows, for small images.

    The kernels are ``T_.bc = exp(sigma_bc) theta_.bc / ||theta_.bc||`` with ``theta`` from
    N(0, 0.05), ``sigma`` from 0 and biases from -1. (The scripts of 2016-06-08 have N(0, 0.1),
    which only makes directions turn more slowly.) `initialise_from_batch` sets ``sigma`` and the
    biases so that, on its batch, the mean distance to the nearest row is 2 and the mean of every
    new feature 0. Sums grow with the batch: in smaller ones the features lie below 0, and a row
    that is judged alone, which only evaluation mode allows, has sums of 0.

    Args:
        in_features: ``A``, the number of features; of a map (C, H, W) the product.
        num_kernels: ``B``, the number of new features.
        kernel_dim: ``C``, the number of coordinates between which distances are taken.
        theta_std: deviation that ``theta`` is drawn with.
        chance: draws ``theta``; None for torch's own generator.
        sync: see `convergan.collective.rows_shared`.

    Example:
        >>> layer = MinibatchDiscrimination(4 * 3 * 3, num_kernels=10)
        >>> layer(torch.rand(8, 4, 3, 3)).shape  # the map, flattened, and ten similarities
        torch.Size([8, 46])
    """

    def __init__(
        self,
        in_features: int,
        num_kernels: int = 100,
        kernel_dim: int = 5,
        *,
        theta_std: float = 0.05,
        chance: torch.Generator | None = None,
        sync: bool | None = None,
    ) -> None:
        super().__init__()
        self.sync = sync
        directions = torch.empty(in_features, num_kernels, kernel_dim)
        self.directions = nn.Parameter(
            nn.init.normal_(directions, 0.0, theta_std, generator=chance)
        )
        self.log_gains = nn.Parameter(torch.zeros(num_kernels, kernel_dim))
        self.bias = nn.Parameter(torch.full((num_kernels,), -1.0))

    def project(self, features: Tensor) -> Tensor:
        """Return ``M = f T`` of shape (N, B, C)."""
        norms: Tensor = torch.linalg.vector_norm(self.directions, dim=0)
        flat = features @ self.directions.flatten(1)
        projected: Tensor = flat.view(-1, *norms.shape) * (self.log_gains.exp() / norms)
        return projected

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, A), or a map that is flattened to it, to (N, A + B).

        Every row of the result depends on all rows.

        Raises:
            ValueError: if rows have not A values, or in training mode if there is one row.
        """
        features = _flattened(features, len(self.directions))
        with rows_shared(self, features):
            if self.training and whole_count(features.shape[0]) < 2:
                raise ValueError(f"in training it needs at least 2 rows, got {len(features)}")
            similarities = minibatch_similarities(self.project(features)) + self.bias
        return torch.cat([features, similarities.to(features.dtype)], dim=1)

    def start(self, features: Tensor) -> None:
        """Scale distances and centre the new features on one batch.

        A kernel under which all rows are equal keeps its scale.

        Raises:
            ValueError: if rows have not A values, or there is one row.
        """
        features = _flattened(features, len(self.directions))
        if len(features) < 2:
            raise ValueError(f"it starts from at least 2 rows, got {len(features)}")
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
        in_features: ``A``, the number of features; of a map (C, H, W) the product.
        num_kernels: ``B``, half the number of new features.
        kernel_dim: ``C``, the number of coordinates between which distances are taken.
        normalization: as in `cross_similarities`.
        chance: draws the weights; None for torch's own generator.
        sync: see `convergan.collective.rows_shared`.

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
        chance: torch.Generator | None = None,
        sync: bool | None = None,
    ) -> None:
        super().__init__()
        self.sync = sync
        _check_normalization(normalization)
        self.kernel_shape = (num_kernels, kernel_dim)
        self.normalization: Normalization = normalization
        outputs = num_kernels * kernel_dim
        self.projection = nn.Linear(in_features, outputs, device="meta").to_empty(device="cpu")
        nn.init.normal_(self.projection.weight, 0.0, 0.02, generator=chance)
        nn.init.zeros_(self.projection.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map (2 N, A), real rows and then generated ones, to (2 N, A + 2 B).

        Raises:
            ValueError: if rows have not A values, or as `cross_similarities`.
        """
        features = _flattened(features, self.projection.in_features)
        projected = self.projection(features).unflatten(1, self.kernel_shape)
        with rows_shared(self, features):
            similarities = cross_similarities(projected, normalization=self.normalization)
        return torch.cat([features, similarities.to(features.dtype)], dim=1)

    def extra_repr(self) -> str:
        """Show sizes and normalization in ``repr``."""
        kernels, dim = self.kernel_shape
        return f"num_kernels={kernels}, kernel_dim={dim}, normalization={self.normalization!r}"
