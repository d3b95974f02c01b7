"""Plans of sessions in studies that were made before truth was independent.

They go on as they began, so that all of their people have one design; their results say so.
Half of the trials show a generated image, half a real one; a pair has one of each, on the left in
half of the pairs. Whoever counts what came so far can beat that: see `trials`. No image comes twice
within a session, except in attention pairs when real images run out: shown beside an obvious one,
an image is known to be real. Attention trials show a scrambled image.
"""

from collections.abc import Sequence

import numpy as np

from .trials import Pool, Trial, block_count


def plan_half(
    protocol: str, pool: Pool, *, trials: int, attention: int, seed: int, number: int
) -> list[Trial]:
    """Return the trials of a session in their order.

    Args:
        protocol: single, pair or timed.
        pool: enough images.
        trials: in each block, even unless they are pairs; attention trials come on top.
        attention: trials of that kind in each block.
        seed: of the study.
        number: of the session.

    Example:
        >>> pool = Pool(real=[0, 1], generated=[2, 3], attention=[4])
        >>> plan = plan_half("single", pool, trials=4, attention=1, seed=0, number=0)
        >>> sorted(trial.images for trial in plan)
        [(0,), (1,), (2,), (3,), (4,)]
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0, number]))
    blocks = block_count(protocol)
    needed = blocks * (trials if protocol == "pair" else trials // 2)
    shuffled = rng.permutation(pool.real)
    real, spare = shuffled[:needed].reshape(blocks, -1), shuffled[needed:]
    generated = rng.permutation(pool.generated)[:needed].reshape(blocks, -1)
    plan: list[Trial] = []
    for block in range(blocks):
        obvious = rng.permutation(pool.attention)[:attention]
        if protocol == "pair":
            ours = _pairs(real[block], generated[block], block, False, rng)
            others = np.concatenate([spare, shuffled])[: len(obvious)]
            checks = _pairs(others, obvious, block, True, rng)
        else:
            ours = [Trial((int(i),), False, False, block) for i in real[block]]
            ours += [Trial((int(i),), True, False, block) for i in generated[block]]
            checks = [Trial((int(i),), True, True, block) for i in obvious]
        ours = [ours[place] for place in rng.permutation(len(ours))]
        for check in checks:  # never the first trial of a block
            ours.insert(int(rng.integers(1, len(ours) + 1)), check)
        plan += ours
    return plan


def _pairs(
    real: Sequence[int] | np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    generated: Sequence[int] | np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    block: int,
    attention: bool,
    rng: np.random.Generator,
) -> list[Trial]:
    """Put a generated image left in half of the pairs, in one more or less where they are odd."""
    count = len(real)
    left = rng.permutation(np.arange(count) < count // 2 + rng.integers(0, 1 + count % 2))
    return [
        Trial((int(g), int(r)) if first else (int(r), int(g)), bool(first), attention, block)
        for r, g, first in zip(real, generated, left, strict=True)
    ]
