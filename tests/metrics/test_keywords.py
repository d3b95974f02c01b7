import inspect

import pytest
import torch

from convergan.metrics import (
    different_bins,
    kernel_distance,
    mode_coverage,
    nearest_rows,
    precision_recall,
    small_sample_note,
)
from convergan.metrics.keywords import by_keyword
from tests import oracles
from tests.oracles import chance

REAL, FAKE = oracles.draw(30, 3), oracles.draw(20, 3, seed=1)


@by_keyword("top", "bottom")
def ratio(*, top: float, bottom: float, scale: float = 1.0) -> float:
    return scale * top / bottom


def test_a_call_by_position_is_told_the_keywords_at_its_own_line() -> None:
    with pytest.warns(DeprecationWarning) as caught:
        assert ratio(1, 4, scale=2) == 0.5  # type: ignore[call-arg]
    [warning] = caught
    assert str(warning.message) == (
        "ratio by position ends with convergan 0.15, as the order can be mistaken; "
        "write ratio(top=..., bottom=...)"
    )
    assert warning.filename == __file__


def test_keywords_warn_of_nothing_and_help_shows_them_alone() -> None:
    assert ratio(bottom=4, top=1) == 0.25
    kinds = {p.kind for p in inspect.signature(ratio).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_one_by_position_and_one_by_keyword_still_work() -> None:
    with pytest.warns(DeprecationWarning, match="top=..., bottom=..."):
        assert ratio(1, bottom=4) == 0.25  # type: ignore[call-arg]


def test_what_never_was_a_call_is_refused() -> None:
    with pytest.raises(TypeError, match="^ratio takes top, bottom and keywords, got 3$"):
        ratio(1, 2, 3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="multiple values for (keyword )?argument 'top'"):
        with pytest.warns(DeprecationWarning):
            ratio(1, top=2)  # type: ignore[call-arg, misc]
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'bottom'"):
        ratio(top=1)  # type: ignore[call-arg]


def test_positions_of_before_give_the_figures_of_before() -> None:
    with pytest.warns(DeprecationWarning, match=r"precision_recall\(real=..., fake=...\)"):
        shares = precision_recall(REAL, FAKE, neighbors=3)  # type: ignore[call-arg]
    assert shares == precision_recall(real=REAL, fake=FAKE, neighbors=3)
    assert shares != precision_recall(real=FAKE, fake=REAL, neighbors=3)
    with pytest.warns(DeprecationWarning, match=r"different_bins\(real=..., fake=...\)"):
        bins = different_bins(REAL, FAKE + 1, bins=5, chance=chance())  # type: ignore[call-arg]
    assert bins == different_bins(real=REAL, fake=FAKE + 1, bins=5, chance=chance())
    with pytest.warns(DeprecationWarning, match=r"kernel_distance\(real=..., fake=...\)"):
        kernel = kernel_distance(REAL, FAKE, subset_size=9, chance=chance())  # type: ignore[call-arg]
    assert kernel == kernel_distance(real=REAL, fake=FAKE, subset_size=9, chance=chance())
    with pytest.warns(DeprecationWarning, match=r"nearest_rows\(queries=..., rows=...\)"):
        nearest = nearest_rows(FAKE, REAL)  # type: ignore[call-arg]
    assert torch.equal(nearest[1], nearest_rows(queries=FAKE, rows=REAL)[1])
    with pytest.warns(DeprecationWarning, match=r"mode_coverage\(samples=..., centres=...\)"):
        modes = mode_coverage(FAKE, REAL, std=1.0)  # type: ignore[call-arg]
    assert modes == mode_coverage(samples=FAKE, centres=REAL, std=1.0)
    with pytest.warns(DeprecationWarning, match=r"small_sample_note\(count=..., width=...\)"):
        note = small_sample_note(3, 5)  # type: ignore[call-arg]
    assert note == small_sample_note(count=3, width=5)
