import numpy as np
import pytest
import torch

from convergan.data import nearest_neighbors


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
