"""How many samples look like data, and how much of the data samples reach.

Around each row of a set lies the ball that reaches to its k-th nearest other row; the balls of a
set together stand for its distribution.

Kynkaanniemi et al. (2019), "Improved precision and recall metric", section 2, equation 2:
*precision* is the share of fakes in some ball of the real rows, *recall* the share of real rows in
some ball of the fakes. Naeem et al. (2020), "Reliable fidelity and diversity metrics", section 3:
*density* is the mean number of balls of real rows around a fake, over k, and may exceed 1;
*coverage* is the share of balls of real rows with a fake inside. The last two rest on no ball of
fakes, so one far fake cannot spoil them.

Paper and released code: not in Salimans et al. (2016). A ball has its border, as in the equations
and in the code of Kynkaanniemi et al.; that of Naeem et al. leaves it out, which differs only for
copies. Both hold N x N distances; this holds blocks of them. Products are in the features' own
precision, float32 at least: give float64 where digits matter more than time.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .keywords import by_keyword
from .matrices import real_and_fake, squared_distances, squared_distances_within
from .tensor_like import TensorLike


class PrecisionRecall(NamedTuple):
    """Four shares and what they were taken of.

    Attributes:
        precision: of fakes that look real, from 0 to 1.
        recall: of real rows that fakes look like, from 0 to 1.
        density: of real balls around a fake, from 0; 1 is expected of real rows.
        coverage: of real balls that hold a fake, from 0 to 1.
        neighbors: k.
        rows: of the real and of the fake set.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    neighbors: int
    rows: tuple[int, int]

    def __str__(self) -> str:
        """Return the shares with their definition in one line."""
        return (
            f"precision {self.precision:.4f}, recall {self.recall:.4f}, density "
            f"{self.density:.4f}, coverage {self.coverage:.4f}: balls to the {self.neighbors} "
            f"nearest, {self.rows[0]:,} real and {self.rows[1]:,} fake rows"
        )


@by_keyword("real", "fake")
@torch.no_grad()
def precision_recall(
    *, real: TensorLike, fake: TensorLike, neighbors: int, block: int = 1024
) -> PrecisionRecall:
    """Return precision, recall, density and coverage of fakes.

    Args:
        real: (N, D), finite.
        fake: (M, D), finite.
        neighbors: k, 1 or more and less than N and M; 3 in the paper of the first two, 5 in that of
            the last two.
        block: rows of each set whose distances are held at a time.

    Raises:
        ValueError: if these are no such matrices or numbers.

    Example:
        >>> real, fake = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[0.5], [9.5]])
        >>> precision_recall(real=real, fake=fake, neighbors=1)[:3]
        (0.5, 1.0, 1.0)
    """
    real, fake = real_and_fake(real, fake)
    if not 1 <= neighbors < min(len(real), len(fake)):
        raise ValueError(
            f"neighbors must be from 1 to less than the {len(real)} real and {len(fake)} fake "
            f"rows, got {neighbors}"
        )
    real_reach, fake_reach = (_squared_reach(rows, neighbors, block) for rows in (real, fake))
    precise = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
    recalled, covered = torch.zeros(2, len(real), dtype=torch.bool, device=real.device)
    inside = 0
    for first, second, squares in squared_distances(real, fake, block=block):
        ours = slice(first, first + squares.shape[0])
        theirs = slice(second, second + squares.shape[1])
        held = squares <= real_reach[ours, None]  # by balls of real rows
        inside += int(held.sum())
        precise[theirs] |= held.any(dim=0)
        covered[ours] |= held.any(dim=1)
        recalled[ours] |= (squares <= fake_reach[theirs]).any(dim=1)
    return PrecisionRecall(
        precision=float(precise.double().mean()),
        recall=float(recalled.double().mean()),
        density=inside / (neighbors * len(fake)),
        coverage=float(covered.double().mean()),
        neighbors=neighbors,
        rows=(len(real), len(fake)),
    )


def _squared_reach(rows: Tensor, neighbors: int, block: int) -> Tensor:
    """Return the squared distance of each row to its k-th nearest other, (N,)."""
    kind = torch.promote_types(rows.dtype, torch.float32)
    nearest = torch.full((len(rows), neighbors), torch.inf, dtype=kind, device=rows.device)

    def meet(first: int, squares: Tensor) -> None:
        kept = nearest[first : first + len(squares)]
        kept.copy_(torch.cat([kept, squares], dim=1).topk(neighbors, largest=False).values)

    for first, second, squares in squared_distances_within(rows, block=block):
        if first == second:
            squares.fill_diagonal_(torch.inf)
        else:
            meet(second, squares.T)
        meet(first, squares)
    return nearest.amax(dim=1)
