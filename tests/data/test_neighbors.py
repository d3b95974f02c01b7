import pytest
import torch

from convergan.data import nearest_neighbors


def test_neighbors_are_those_of_a_slow_search_where_all_components_are_kept() -> None:
    rows = torch.randn(40, 2, 3, generator=torch.Generator().manual_seed(0))
    found = nearest_neighbors(rows, 3, components=6, chunk_size=7)
    for row in range(40):
        distances = [
            (float((rows[row] - rows[other]).square().sum()), other)
            for other in range(40)
            if other != row
        ]
        assert found[row].tolist() == [other for _, other in sorted(distances)[:3]]


def test_components_without_variance_do_not_matter() -> None:
    chance = torch.Generator().manual_seed(0)
    rows = torch.cat([torch.randn(30, 2, generator=chance), torch.ones(30, 50)], dim=1)
    assert nearest_neighbors(rows, 2, components=2).equal(nearest_neighbors(rows[:, :2], 2))


def test_images_and_their_levels_in_the_unit_range_have_the_same_neighbors() -> None:
    images = torch.randint(0, 256, (20, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    bytes_ = images.to(torch.uint8)
    assert nearest_neighbors(bytes_, 2).equal(nearest_neighbors(bytes_.float() / 255, 2))


@pytest.mark.parametrize("count", [0, 3])
def test_more_neighbors_than_other_rows_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"between 1 and 2, got {count}"):
        nearest_neighbors(torch.zeros(3, 2), count)
