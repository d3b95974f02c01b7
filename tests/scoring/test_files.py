"""What a score leaves in its folder, and the best of the samples."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convergan.metrics import score_contributions
from convergan.scoring.files import write_best, write_scores
from convergan.scoring.score import Scores
from convergan.scoring.values import ScoreSettings
from tests.scoring.digits import DIGITS, PIXELS, sets_of


def test_a_score_leaves_figures_pictures_and_how_it_was_made(
    scores: Scores, tmp_path: Path
) -> None:
    folder, words = tmp_path / "new" / "score", ["/bin/convergan", "score", "mine.npz"]
    plan = ScoreSettings(splits=3, batch_size=32)
    sets = sets_of(60, 200, 50)
    write_scores(folder, sets, PIXELS, plan, scores, ("mine.npz", "digits"), words)
    found = json.loads((folder / "score.json").read_text())
    made = found["environment"]
    assert made["command"] == "convergan score mine.npz" and made["date"].endswith("UTC")
    assert found["figures"][0]["samples"]["value"] == scores.values[0].value
    assert {file.name for file in folder.iterdir()} == {
        *("score.json", "score.html"),
        *("nearest.png", "classes.png", "memorised.png"),
    }


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
