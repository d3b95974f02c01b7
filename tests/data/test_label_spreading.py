import math

import numpy as np
import pytest
import torch

from convergan.data import nearest_neighbors, spread_labels
from tests import oracles


def test_neighbors_are_those_of_a_slow_search_where_all_components_are_kept() -> None:
    rows = torch.randn(40, 2, 3, generator=torch.Generator().manual_seed(0))
    found = nearest_neighbors(rows, 3, components=6, chunk_size=7).indices
    for row in range(40):
        distances = [
            (float((rows[row] - rows[other]).square().sum()), other)
            for other in range(40)
            if other != row
        ]
        assert found[row].tolist() == [other for _, other in sorted(distances)[:3]]


@pytest.mark.parametrize("sorting", [True, False])
@pytest.mark.parametrize("chunk_size", [64, 1000])
@pytest.mark.parametrize(
    ("number", "count"), [(128, 1), (128, 127), (129, 3), (257, 4), (300, 2), (300, 200), (385, 3)]
)
def test_neighbors_are_exact_over_many_blocks(
    number: int, count: int, chunk_size: int, sorting: bool
) -> None:
    rows = torch.randn(number, 3, generator=torch.Generator().manual_seed(0))
    if sorting:  # neighbors are then close in number too, and share a block
        rows = rows[rows[:, 0].argsort()] * torch.tensor([9.0, 1.0, 1.0])
    found = nearest_neighbors(rows, count, components=3, chunk_size=chunk_size)
    points = rows.double().numpy()
    for row in range(number):
        squares = ((points - points[row]) ** 2).sum(axis=1)
        squares[row] = np.inf
        order = np.argsort(squares)[:count]
        assert set(found.indices[row].tolist()) == set(order.tolist())
        np.testing.assert_allclose(
            found.squared_distances[row].numpy(), squares[order], rtol=1e-4, atol=1e-4
        )


def test_rows_that_are_all_alike_have_other_rows_as_neighbors() -> None:
    found = nearest_neighbors(torch.ones(300, 4), 150)
    assert found.squared_distances.abs().max().item() < 1e-5
    for row, neighbors in enumerate(found.indices.tolist()):
        assert row not in neighbors and len(set(neighbors)) == 150
        assert min(neighbors) >= 0 and max(neighbors) < 300


def test_components_without_variance_do_not_matter() -> None:
    chance = torch.Generator().manual_seed(0)
    rows = torch.cat([torch.randn(30, 2, generator=chance), torch.ones(30, 50)], dim=1)
    few, all_of_them = nearest_neighbors(rows, 2, components=2), nearest_neighbors(rows[:, :2], 2)
    assert few.indices.equal(all_of_them.indices)


def test_images_and_their_levels_in_the_unit_range_have_the_same_neighbors() -> None:
    images = torch.randint(0, 256, (20, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    bytes_ = images.to(torch.uint8)
    found = nearest_neighbors(bytes_, 2), nearest_neighbors(bytes_.float() / 255, 2)
    assert found[0].indices.equal(found[1].indices)


@pytest.mark.parametrize("count", [0, 3])
def test_more_neighbors_than_other_rows_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"between 1 and 2, got {count}"):
        nearest_neighbors(torch.zeros(3, 2), count)


def test_spreading_ends_where_a_dense_solution_of_the_equation_does() -> None:
    rows = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    found = nearest_neighbors(rows, 3)
    w = torch.zeros(30, 30, dtype=torch.float64)
    for i in range(30):
        last = float(found.squared_distances[i, -1])
        for j, squared in zip(found.indices[i], found.squared_distances[i], strict=True):
            w[i, j] += math.exp(-float(squared) / last)
    w = w + w.T
    half = w.sum(dim=1).rsqrt()
    given = torch.zeros(30, 2, dtype=torch.float64)
    given[3, 0] = given[8, 1] = 1
    s = half[:, None] * w * half
    solved = torch.linalg.solve(torch.eye(30, dtype=torch.float64) - 0.8 * s, given)
    expected = solved / solved.sum(dim=1, keepdim=True)
    spread = spread_labels(
        rows, torch.tensor([3, 8]), torch.tensor([0, 1]), 2, neighbors=3, alpha=0.8, rounds=300
    )
    torch.testing.assert_close(spread, expected.float())


def test_two_clusters_take_the_class_of_their_one_label() -> None:
    noise = 0.1 * torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    rows = noise + torch.tensor([[0.0, 0.0], [5.0, 5.0]]).repeat(20, 1)
    spread = spread_labels(rows, torch.tensor([0, 1]), torch.tensor([1, 0]), 2)
    assert spread.argmax(dim=1).tolist() == [1, 0] * 20


def test_rows_that_no_label_reaches_are_uniform_and_equal_rows_do_no_harm() -> None:
    rows = torch.cat([torch.zeros(8, 2), torch.full((8, 2), 9.0)])
    spread = spread_labels(rows, torch.tensor([0]), torch.tensor([2]), 4, neighbors=3)
    assert bool(spread.isfinite().all())
    torch.testing.assert_close(spread[8:], torch.full((8, 4), 0.25))


def test_sharpness_keeps_the_order_of_classes_and_makes_the_first_surer() -> None:
    rows = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    labeled, labels = torch.tensor([3, 8]), torch.tensor([0, 1])
    plain, sharp = (
        spread_labels(rows, labeled, labels, 2, neighbors=3, sharpness=power)
        for power in (1.0, 3.0)
    )
    cubes = plain.double() ** 3
    torch.testing.assert_close(sharp.double(), cubes / cubes.sum(dim=1, keepdim=True))
    assert bool((sharp.amax(dim=1) >= plain.amax(dim=1)).all())


def overlapping() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows of which the first label's class takes more than its share, and four labels."""
    rows = torch.randn(60, 3, generator=torch.Generator().manual_seed(1))
    return rows, torch.tensor([3, 8, 20, 30]), torch.tensor([0, 1, 2, 2])


def test_balanced_classes_are_those_of_the_slow_loop() -> None:
    rows, labeled, labels = overlapping()
    plain = spread_labels(rows, labeled, labels, 3, sharpness=2.0).double().numpy()
    expected = oracles.balanced(plain, np.array([0.25, 0.25, 0.5]), rounds=50)
    spread = spread_labels(rows, labeled, labels, 3, sharpness=2.0, balanced=True)
    np.testing.assert_allclose(spread.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_balanced_classes_have_the_shares_of_the_labels_and_rows_still_sum_to_one() -> None:
    rows, labeled, labels = overlapping()
    plain, spread = (
        spread_labels(rows, labeled, labels, 3, balanced=balanced) for balanced in (False, True)
    )
    shares = torch.tensor([0.25, 0.25, 0.5])
    assert (plain.mean(dim=0) - shares).abs().max().item() > 0.04
    torch.testing.assert_close(spread.mean(dim=0), shares, rtol=0, atol=1e-3)
    torch.testing.assert_close(spread.sum(dim=1), torch.ones(60))


def test_balancing_classes_that_are_balanced_changes_nothing() -> None:
    half = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    rows = torch.cat([half, -half])  # every row has its opposite
    labeled, labels = torch.tensor([4, 34]), torch.tensor([0, 1])
    plain, balanced = (
        spread_labels(rows, labeled, labels, 2, neighbors=3, balanced=flag)
        for flag in (False, True)
    )
    torch.testing.assert_close(plain.mean(dim=0), torch.full((2,), 0.5))
    torch.testing.assert_close(balanced, plain)


def test_a_class_without_labels_stays_empty_when_classes_are_balanced() -> None:
    rows = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    labeled, labels = torch.tensor([3, 8]), torch.tensor([0, 2])
    spread = spread_labels(rows, labeled, labels, 3, balanced=True)
    torch.testing.assert_close(spread.mean(dim=0), torch.tensor([0.5, 0.0, 0.5]), rtol=0, atol=0.01)
