"""Distance of images that small deformations of either hardly change.

Simard, LeCun & Denker (1993), "Efficient Pattern Recognition Using a New Transformation Distance".
Moving, turning and bending an image ``x`` draws a surface through its descriptor ``h(x)``; near it
that is the plane ``h(x) + T(x) a``, with a row of ``T`` for each deformation: here polynomials of
second degree in the place of a pixel, across and down, twelve in all. The distance between two
images is that of their planes,

``min over a, b of |h(x) + T(x) a - h(y) - T(y) b|^2 + s (|a|^2 + |b|^2)``,

where the stiffness ``s`` keeps them near the images, for far away the plane is not the surface.
With ``T T^T + s = L L^T`` and ``Q = L^-1 T``, the least is
``|g|^2 - |u|^2 - v^T (1 - C C^T)^-1 v``, where ``g = h(y) - h(x)`` is the gap, ``u = Q(x) g``,
``C = Q(y) Q(x)^T`` and ``v = C u - Q(y) g``: twelve equations for a pair of images.

Paper and released code: not in Salimans et al. (2016).
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from .batches import to_unit_range
from .neighbors import Neighbors, nearest_neighbors, principal_axes
from .upright import pixel_centres

WAYS = 12
"""Deformations of an image: six polynomials across and down."""
CHUNK = 2000
"""Images deformed at a time."""


def tangent_neighbors(
    images: Tensor,
    count: int,
    *,
    descriptor: Callable[[Tensor], Tensor],
    stiffness: float,
    components: int = 80,
    candidates: int = 40,
    chunk_size: int = 64,
) -> Neighbors:
    """Find each image's nearest others by the distance of their tangent planes.

    Exact among the nearest ``candidates`` by plain distance of the descriptors.

    Args:
        images: (N, C, H, W), uint8 or float32 in [0, 1].
        count: neighbors per image, at most ``candidates``.
        descriptor: map from images to (N, A), in whose space distances are taken.
        stiffness: squared distance that is paid for a deformation by one pixel (root mean square
            over the image), in units of the descriptor; positive.
        components: leading principal components of the descriptors to keep, at most A.
        candidates: images compared by their planes; all others where there are fewer.
        chunk_size: images whose systems are held at a time.

    Raises:
        ValueError: if there are fewer candidates or other images than neighbors, or if the
            stiffness is not positive.
    """
    if not stiffness > 0:
        raise ValueError(f"stiffness must be positive, got {stiffness}")
    candidates = min(candidates, len(images) - 1)
    if not 0 < count <= candidates:
        raise ValueError(f"count must be between 1 and {candidates}, got {count}")
    points, tangents = _tangent_planes(to_unit_range(images), descriptor, components)
    near = nearest_neighbors(points, candidates, components=components)
    planes = _whiten(points, tangents, stiffness)
    distances = torch.cat(
        [
            _plane_distances(planes, rows, near.indices[rows], near.squared_distances[rows])
            for rows in torch.split(torch.arange(len(images)), chunk_size)
        ]
    )
    nearest = distances.topk(count, largest=False)
    return Neighbors(near.indices.gather(1, nearest.indices), nearest.values)


class _Planes(NamedTuple):
    """Whitened tangents and the point (N, 13, P); products of the two (12, N)."""

    axes: Tensor
    heights: Tensor


def _whiten(points: Tensor, tangents: Tensor, stiffness: float) -> _Planes:
    products = tangents @ tangents.mT + stiffness * torch.eye(WAYS)
    axes = torch.linalg.solve_triangular(torch.linalg.cholesky(products), tangents, upper=False)
    heights = (axes @ points[:, :, None])[:, :, 0]
    return _Planes(torch.cat([axes, points[:, None]], dim=1), heights.T.contiguous())


def _tangent_planes(
    images: Tensor, descriptor: Callable[[Tensor], Tensor], components: int
) -> tuple[Tensor, Tensor]:
    """Principal components of the descriptors, (N, P), and of their derivatives, (N, 12, P)."""
    described = descriptor(images)
    axes = principal_axes(described, components)
    points = (described - described.mean(dim=0)) @ axes
    tangents = []
    for chunk in torch.split(images, CHUNK):
        both_ways = [
            (descriptor(forth) - descriptor(back)) @ axes / 2 for forth, back in _deform(chunk)
        ]
        tangents.append(torch.stack(both_ways, dim=1))
    return points, torch.cat(tangents)


def _deform(images: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images deformed by one pixel (root mean square) forth and back, in twelve ways."""
    height, width = images.shape[2:]
    down, across = torch.meshgrid(pixel_centres(height), pixel_centres(width), indexing="ij")
    here = torch.stack([across, down], dim=2)  # (H, W, 2), as `grid_sample` wants it
    pixel = torch.tensor([2 / width, 2 / height])
    one, third = torch.ones_like(down), 1 / 3  # the mean square of a place
    amounts = (one, across, down, across**2 - third, across * down, down**2 - third)
    for axis, amount in itertools.product(range(2), amounts):
        motion = torch.zeros_like(here)
        motion[:, :, axis] = amount / amount.square().mean().sqrt() * pixel[axis]
        forth, back = (
            grid_sample(images, grid.expand(len(images), -1, -1, -1), align_corners=False)
            for grid in (here + motion, here - motion)
        )
        yield forth, back


def _plane_distances(planes: _Planes, rows: Tensor, others: Tensor, gaps: Tensor) -> Tensor:
    """Squared distances (R, M) of the planes of (R,) rows to those of (R, M) others.

    Pairs stand last, so that the equations of all are solved in the same few operations.

    Args:
        planes: of all images.
        rows: (R,).
        others: (R, M).
        gaps: squared distances (R, M) of their points.
    """
    number, pairs = others.shape[1], others.numel()
    both = planes.axes[others.flatten()].view(len(rows), -1, planes.axes.shape[2])
    products = (both @ planes.axes[rows].mT).view(pairs, -1).T.contiguous()
    products = products.view(WAYS + 1, WAYS + 1, pairs)  # theirs, own
    between = products[:WAYS, :WAYS]
    own = products[WAYS, :WAYS] - planes.heights[:, rows].repeat_interleave(number, dim=1)
    theirs = planes.heights[:, others.flatten()] - products[:WAYS, WAYS]
    system = torch.cat([torch.eye(WAYS)[:, :, None].expand(-1, -1, pairs), theirs[:, None]], dim=1)
    gained = own.square().sum(dim=0)
    for column, slope in zip(between.unbind(dim=1), own, strict=True):  # own planes eliminated
        system[:, :WAYS].addcmul_(column[:, None], column, value=-1)
        system[:, WAYS].addcmul_(column, slope, value=-1)
    for way in range(WAYS):  # and theirs, by Gauss
        row = system[way, way:] / system[way, way]
        gained.addcmul_(row[-1], system[way, WAYS])
        system[way + 1 :, way + 1 :].addcmul_(system[way, way + 1 : WAYS, None], row[1:], value=-1)
    return (gaps - gained.view_as(gaps)).clamp(min=0)
