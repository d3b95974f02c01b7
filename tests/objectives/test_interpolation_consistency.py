import torch

from convergan.objectives import interpolate


def test_every_mixed_row_lies_between_two_rows_with_its_target_at_the_same_share() -> None:
    rows = torch.eye(6, dtype=torch.float64).view(6, 1, 2, 3)
    mixed, targets = interpolate(
        rows, torch.eye(6, dtype=torch.float64), torch.Generator().manual_seed(0)
    )
    assert mixed.shape == rows.shape
    torch.testing.assert_close(mixed.flatten(1), targets)  # rows are their own targets here
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(6, dtype=torch.float64))
    assert bool((targets.diagonal() > 0).all())
    assert int((targets > 0).sum(dim=1).max()) == 2
