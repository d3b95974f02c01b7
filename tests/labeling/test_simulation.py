import numpy as np
import pytest

from convergan.labeling.simulation import POLICIES, simulate
from tests.labeling.fakes import digits


@pytest.mark.nightly
@pytest.mark.parametrize("policy", POLICIES)
def test_the_error_falls_and_kept_items_are_never_asked(policy: str) -> None:
    items = digits(150)
    rows = items.rows(lambda done, total: None)
    truth = [items.truth[name] for name in items.names]
    kept = frozenset(range(100, 150))
    steps = simulate(rows, truth, kept, policy=policy, most=30, batch=15)
    assert [step.labels for step in steps] == [15, 30]
    assert steps[-1].error < 0.2
    assert steps[-1].measured is not None
    assert steps[-1].measured.sample >= (30 if policy == "random" else 6)
    assert steps[-1].sure[0] >= steps[-1].sure[1]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="policy must be one of tool, random"):
        simulate(np.zeros((3, 1)), ["a", "b", "a"], [], policy="best")
    with pytest.raises(ValueError, match="most must be at most 2"):
        simulate(np.zeros((3, 1)), ["a", "b", "a"], [0], most=3)
