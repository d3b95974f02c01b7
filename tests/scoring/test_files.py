"""How figures read, and the best of the samples."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convergan.metrics import score_contributions
from convergan.scoring.files import definitions, figure_rows, write_best
from convergan.scoring.score import Scores
from convergan.scoring.values import MetricValue
from tests.scoring.digits import DIGITS, sets_of


def test_a_figure_is_shown_with_what_is_known_of_its_spread(scores: Scores) -> None:
    values = [
        MetricValue("plain", 1234.56, None, None, "one"),
        MetricValue("spread", 2.0, 0.25, None, "two"),
        MetricValue("both", 2.0, 0.25, (1.5, 2.25), "two"),
    ]
    near = MetricValue("near", 0.125, None, (0.1, 0.2), "three")
    shown = scores._replace(
        values=values, floor=values[::-1], nearest=scores.nearest._replace(share=near)
    )
    assert figure_rows(shown) == [
        ("plain", "1235", "2.0000 +- 0.2500 (1.5 to 2.25)"),
        ("spread", "2.0000 +- 0.2500", "2.0000 +- 0.2500"),
        ("both", "2.0000 +- 0.2500 (1.5 to 2.25)", "1235"),
        ("near", "0.125 (0.1 to 0.2)", "1% by definition"),
    ]
    assert definitions(shown) == ["one", "two", "three"]


def test_the_best_are_the_rows_that_the_score_owes_most_to_the_first_first(
    scores: Scores, tmp_path: Path
) -> None:
    archive = write_best(tmp_path, sets_of(60, 200, 50).samples, scores, 0.1)
    owed = score_contributions(logits=scores.samples.logits)
    with np.load(archive) as best:
        assert best["rows"].tolist() == owed.topk(6).indices.tolist()
        assert torch.equal(torch.from_numpy(best["samples"]), DIGITS[best["rows"]])
        assert best["contributions"].tolist() == owed.topk(6).values.tolist()
    assert archive == tmp_path / "best.npz"
    with Image.open(tmp_path / "best.png") as picture:
        assert picture.mode == "L"


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_no_share_of_the_samples_is_refused_and_nothing_written(
    scores: Scores, tmp_path: Path, share: float
) -> None:
    with pytest.raises(ValueError, match=f"above 0 and at most 1, got {share}"):
        write_best(tmp_path, sets_of(60, 200, 50).samples, scores, share)
    assert not list(tmp_path.iterdir())
