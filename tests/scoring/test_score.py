from pathlib import Path

import pytest
import torch
from PIL import Image

from convergan.data import DataError, ImageFiles, ImageRows
from convergan.metrics import (
    Extractor,
    FeatureMoments,
    find_extractor,
    frechet_distance,
    inception_score,
    nearest_rows,
)
from convergan.scoring.score import Scores
from convergan.scoring.values import METRICS, ScoreSettings
from tests.scoring.digits import DIGITS, PIXELS, finished, sets_of


def test_figures_are_those_of_all_rows_at_once(scores: Scores) -> None:
    samples, reference = (PIXELS.network(rows) for rows in torch.split(DIGITS[:260], [60, 200]))
    by_name = {figure.name: figure for figure in scores.values}
    score = inception_score(logits=samples[1], splits=3)
    assert by_name["inception score"].value == pytest.approx(score.mean, rel=1e-5)
    assert by_name["inception score"].spread == pytest.approx(score.std, rel=1e-3)
    moments = [FeatureMoments(64), FeatureMoments(64)]
    for held, found in zip(moments, (samples, reference), strict=True):
        held.update(found[0])
    distance = frechet_distance(*moments)
    assert by_name["Frechet distance"].value == pytest.approx(distance, rel=1e-5)
    distances, rows = nearest_rows(queries=samples[0], rows=reference[0])
    assert torch.allclose(scores.nearest.distances, distances)
    assert torch.equal(scores.nearest.rows, rows)


def test_every_figure_has_a_floor_and_names_its_extractor(scores: Scores) -> None:
    names = [figure.name for figure in scores.values]
    assert names == [floor.name for floor in scores.floor]
    assert len(names) == 4 + 4 and set(METRICS) == {"is", "fid", "kid", "prdc", "ndb"}
    for figure in (*scores.values, *scores.floor, scores.nearest.share):
        assert figure.definition.endswith(("extractor pixels", "score in one split"))
    assert scores.values[0].interval is not None
    assert scores.seconds.keys() == {"samples", "reference", "held-out rows", "figures"}


def test_few_rows_are_noted(scores: Scores) -> None:
    assert any("50 rows of 64 features: " in note for note in scores.notes)
    assert any("60 samples in 3 splits are few for 10 classes" in note for note in scores.notes)
    assert any("the floor is of 50 rows, the samples are 60" in note for note in scores.notes)


def test_rows_sorted_by_class_are_noted_and_mixed_on_request() -> None:
    sets = sets_of(200, 100, 60)
    extractor = find_extractor("mnist")
    order = extractor.network(DIGITS[:200])[1].argmax(dim=1).argsort(stable=True)
    sorted_sets = sets._replace(samples=ImageRows(DIGITS[:200][order], "sorted"))
    plan = ScoreSettings(metrics=("is",), splits=5)
    found = finished(sorted_sets, extractor, plan)
    assert any("in an order that costs score" in note for note in found.notes)
    mixed = finished(sorted_sets, extractor, ScoreSettings(metrics=("is",), splits=5, shuffle=True))
    assert mixed.values[0].value > 1.5 * found.values[0].value
    assert "rows shuffled" in mixed.values[0].definition
    assert not any("order" in note for note in mixed.notes)


def test_fewer_samples_than_splits_are_refused_before_the_first_image() -> None:
    def never(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raise AssertionError

    with pytest.raises(ValueError, match="^splits must be from 1 to the 5 samples, got 10$"):
        finished(sets_of(5, 20, 5), Extractor(name="never", network=never), ScoreSettings())


def test_an_image_in_colour_is_named_where_the_network_takes_grey_ones(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_text("not an image")
    for number in range(1, 6):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
    Image.new("RGB", (8, 8), (9, 0, 0)).save(tmp_path / "4.png")
    grey, files = sets_of(5, 30, 20), ImageFiles(tmp_path)
    plan = ScoreSettings(metrics=("is",), splits=1, batch_size=3)
    network = find_extractor("mnist")
    with pytest.raises(DataError, match="^samples: .* takes grey images alone.* as 4.png; store"):
        finished(grey._replace(samples=files), network, plan)
    rows = ImageRows(torch.eye(3).reshape(3, 3, 1, 1).expand(3, 3, 8, 8), "a.npz")
    with pytest.raises(DataError, match="^held-out rows: .*, such as image 0 of a.npz; store"):
        finished(grey._replace(held_out=rows), network, plan)
