"""The page of a score: how figures read, what stands first, and that samples are shown."""

import re

import torch

from convergan.core.environment import describe_environment
from convergan.scoring.report import (
    alike,
    definitions,
    figure_rows,
    score_page,
    score_pictures,
)
from convergan.scoring.score import Scores
from convergan.scoring.values import MetricValue
from tests.scoring.digits import sets_of

DESCRIPTION = {
    "samples": {"source": "mine.npz", "rows": 60},
    "reference": {"source": "<digits>", "rows": 200},
    "held_out": {"source": "<digits>: test rows", "rows": 50},
    "extractor": "pixels[8x8]",
    "environment": describe_environment(["convergan", "score", "mine.npz"]),
}


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
        ("near", "12.5% (10.0% to 20.0%)", "1% by definition"),
    ]
    assert definitions(shown) == ["one", "two", "three"]


def test_the_page_opens_with_what_came_out_and_shows_samples_before_real_rows(
    scores: Scores,
) -> None:
    values = [
        MetricValue("inception score", 2.5, 0.25, (2.0, 2.75), "one"),
        MetricValue("Frechet distance", 30.0, None, None, "two"),
        MetricValue("precision", 0.5, None, None, "three"),
    ]
    floor = [value._replace(value=2 * value.value) for value in values]
    shown, sets = scores._replace(values=values, floor=floor), sets_of(60, 200, 50)
    page = score_page(DESCRIPTION, sets, shown, score_pictures(sets, shown)).decode()
    assert "<h1>mine.npz against &lt;digits&gt;</h1>" in page
    assert (
        '<p class="lead">Inception score 2.5 against 5 of held-out real rows (higher is better); '
        "Frechet distance 30 against 60 (lower is better).</p>"
    ) in page
    assert re.findall(r'<img[^>]* alt="(\d+ of the [^"]*)"', page) == [
        "32 of the samples",
        "32 of the held-out real rows",
    ]
    assert "<td>precision</td>" in page and "2.5000 ± 0.2500 (2 to 2.75)" in page
    assert page.count("<details>") == 2 and "convergan score mine.npz</td>" in page


def test_images_of_several_sides_and_colours_are_made_alike() -> None:
    grey, colour = torch.zeros(1, 8, 8), torch.ones(3, 4, 4)
    assert alike([grey, colour]).shape == (2, 3, 4, 4)
    assert alike([grey, grey]).shape == (2, 1, 8, 8)
