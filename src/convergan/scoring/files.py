"""What a score leaves in its folder: score.json, a page, pictures, and the best of the samples.

``score.json`` has every figure with its definition, and ``score.html`` shows all but the best.
``nearest.png`` shows how far samples and held-out rows are from their nearest reference row,
``classes.png`` which classes the extractor sees, ``memorised.png`` the samples nearest to a
reference row, each beside it.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.environment import describe_environment
from ..core.files import replace_file, write_json
from ..core.pictures import sample_picture
from ..data import ImageSet, ReadReport
from ..metrics import Extractor, score_contributions, select_best
from .report import alike, score_page, score_pictures
from .score import Scores
from .sources import Sets
from .values import ScoreSettings

CAUTION = (
    "the inception score is a rough guide to quality and not to be optimised: samples chosen or "
    "generators trained by it tend towards adversarial examples (Salimans et al. 2016, section 4); "
    "say so wherever these samples are shown"
)


def write_scores(
    folder: Path,
    sets: Sets,
    extractor: Extractor,
    settings: ScoreSettings,
    scores: Scores,
    names: tuple[str, str],
    words: Sequence[str] = (),
) -> None:
    """Write ``score.json``, the three pictures, and ``score.html`` with all of it.

    Args:
        folder: is created if missing.
        sets: the images.
        extractor: that they were seen by.
        settings: of the score.
        scores: what came out.
        names: of samples and reference on the command line.
        words: of the command line, the program's name first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = _description(sets, extractor, settings, scores, names)
    description = {**found, "environment": describe_environment(words)}
    write_json(folder / "score.json", description)
    pictures = score_pictures(sets, scores)
    for name, picture in pictures.items():
        replace_file(folder / name, picture.png)
    replace_file(folder / "score.html", score_page(description, sets, scores, pictures))


def write_best(folder: Path, samples: ImageSet, scores: Scores, fraction: float) -> Path:
    """Write the samples that the inception score owes most to, the best first.

    Into the folder go ``best.png`` and ``best.npz``, which has ``samples``, ``rows`` and
    ``contributions``; the latter is returned.

    Raises:
        ValueError: if ``fraction``, of the samples to take, is not above 0 and at most 1.
    """
    contributions = score_contributions(logits=scores.samples.logits)
    rows = select_best(contributions, fraction)
    images = alike(samples.take(rows.tolist()))
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        samples=images.numpy(),
        rows=rows.numpy(),
        contributions=contributions[rows].numpy(),
    )
    replace_file(folder / "best.npz", buffer.getvalue())
    replace_file(folder / "best.png", sample_picture(images[:100]))
    return folder / "best.npz"


def _description(
    sets: Sets,
    extractor: Extractor,
    settings: ScoreSettings,
    scores: Scores,
    names: tuple[str, str],
) -> dict[str, Any]:
    counts = (len(scores.samples.features), scores.reference_rows, len(scores.held_out.features))
    sources = (*names, f"{names[1]}: {sets.floor}")
    read = ("samples", "reference", "held_out")
    return {
        **{
            name: {"source": source, "rows": count, **_shown(report)}
            for name, source, count, report in zip(
                read, sources, counts, scores.reports, strict=True
            )
        },
        "extractor": extractor.name,
        "splits": settings.splits,
        "order": "shuffled" if settings.shuffle else "as given",
        "seed": settings.seed,
        "figures": [
            {"samples": value._asdict(), "floor": floor._asdict()}
            for value, floor in zip(scores.values, scores.floor, strict=True)
        ],
        "near": scores.nearest.share._asdict(),
        "notes": scores.notes,
        "seconds": scores.seconds,
    }


def _shown(report: ReadReport) -> dict[str, Any]:
    return {name: value for name, value in report._asdict().items() if value is not None}
