"""Components are those of the eigenvectors, whatever the order of pixels."""

import numpy as np
import pytest
import torch

from convergan.data import PrincipalComponents

ROWS = torch.rand(200, 1, 4, 3, generator=torch.Generator().manual_seed(0)) ** 3


def test_they_are_the_leading_singular_vectors_of_the_centred_rows() -> None:
    flat = ROWS.flatten(1).double().numpy()
    mean = flat.mean(axis=0)
    _, _, directions = np.linalg.svd(flat - mean, full_matrices=False)
    found = PrincipalComponents(5).learn(ROWS)(ROWS[:7]).double().numpy()
    expected = (flat[:7] - mean) @ directions[:5].T
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-5)  # a sign is free


def test_all_components_keep_distances() -> None:
    found = PrincipalComponents(12)(ROWS)
    flat = ROWS.flatten(1)
    torch.testing.assert_close(
        torch.cdist(found, found), torch.cdist(flat, flat), atol=2e-3, rtol=0
    )


def test_a_permutation_of_the_pixels_changes_nothing_but_signs() -> None:
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    moved = ROWS.flatten(1)[:, order]
    torch.testing.assert_close(
        PrincipalComponents(3)(moved).abs(), PrincipalComponents(3)(ROWS).abs(), atol=1e-5, rtol=0
    )


def test_levels_are_those_of_the_unit_range() -> None:
    levels = (ROWS * 255).round().to(torch.uint8)
    torch.testing.assert_close(
        PrincipalComponents(2)(levels), PrincipalComponents(2)(levels.float() / 255)
    )


@pytest.mark.parametrize("components", [0, 13])
def test_there_are_as_many_as_a_row_has_numbers(components: int) -> None:
    with pytest.raises(ValueError, match=f"from 1 to the 12 numbers of a row, got {components}"):
        PrincipalComponents(components)(ROWS)
