import math

import torch

from convergan.data import nearest_neighbors, spread_labels


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
        found, torch.tensor([3, 8]), torch.tensor([0, 1]), 2, alpha=0.8, rounds=300
    )
    torch.testing.assert_close(spread, expected.float())


def test_two_clusters_take_the_class_of_their_one_label() -> None:
    noise = 0.1 * torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    rows = noise + torch.tensor([[0.0, 0.0], [5.0, 5.0]]).repeat(20, 1)
    spread = spread_labels(
        nearest_neighbors(rows, 5), torch.tensor([0, 1]), torch.tensor([1, 0]), 2
    )
    assert spread.argmax(dim=1).tolist() == [1, 0] * 20


def test_rows_that_no_label_reaches_are_uniform_and_equal_rows_do_no_harm() -> None:
    rows = torch.cat([torch.zeros(8, 2), torch.full((8, 2), 9.0)])
    spread = spread_labels(nearest_neighbors(rows, 3), torch.tensor([0]), torch.tensor([2]), 4)
    assert bool(spread.isfinite().all())
    torch.testing.assert_close(spread[8:], torch.full((8, 4), 0.25))


def test_sharpness_keeps_the_order_of_classes_and_makes_the_first_surer() -> None:
    rows = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    found = nearest_neighbors(rows, 3)
    labeled, labels = torch.tensor([3, 8]), torch.tensor([0, 1])
    plain, sharp = (
        spread_labels(found, labeled, labels, 2, sharpness=power) for power in (1.0, 3.0)
    )
    cubes = plain.double() ** 3
    torch.testing.assert_close(sharp.double(), cubes / cubes.sum(dim=1, keepdim=True))
    assert bool((sharp.amax(dim=1) >= plain.amax(dim=1)).all())
