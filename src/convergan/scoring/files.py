"""What a score leaves in its folder: score.json, a page, pictures, and the best of the samples.

``score.json`` has every figure with its definition, and ``score.html`` shows all but the best.
``nearest.png`` shows how far samples and held-out rows are from their nearest reference row,
``classes.png`` which classes the extractor sees, ``memorised.png`` the samples nearest to a
reference row, each beside it.
"""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..core.files import replace_file, write_json
from ..core.html import (
    Bullets,
    Caution,
    Folded,
    Paragraph,
    Picture,
    Preformatted,
    Section,
    Table,
    plot,
    render,
)
from ..core.pictures import sample_picture
from ..core.version import __version__
from ..data import ImageSet, ReadReport
from ..metrics import Extractor, score_contributions, select_best
from ..metrics.extractor import coloured, resized
from .score import Scores
from .sources import Sets
from .values import MetricValue, ScoreSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAIRS = 32
"""Samples in ``memorised.png``."""
SHOWN_CLASSES = 50
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
) -> None:
    """Write ``score.json``, the three pictures, and ``score.html`` with all of it.

    The folder is created if missing; ``names`` are those of samples and reference on the command
    line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = _description(sets, extractor, settings, scores, names)
    write_json(folder / "score.json", description)
    pictures = _pictures(sets, scores)
    for name, picture in pictures.items():
        replace_file(folder / name, picture.png)
    replace_file(folder / "score.html", _page(description, scores, pictures))


def figure_rows(scores: Scores) -> list[tuple[str, str, str]]:
    """Return the name of each figure, and how it reads of the samples and of held-out rows."""
    rows = [
        (figure.name, _spell(figure), _spell(floor))
        for figure, floor in zip(scores.values, scores.floor, strict=True)
    ]
    near = scores.nearest.share
    return [*rows, (near.name, _spell(near), "1% by definition")]


def definitions(scores: Scores) -> list[str]:
    """Return the definition of each figure, those that several have once."""
    figures = (*scores.values, scores.nearest.share)
    return list(dict.fromkeys(figure.definition for figure in figures))


def _spell(figure: MetricValue) -> str:
    text = f"{figure.value:.4g}" if figure.spread is None else f"{figure.value:.4f}"
    text += f" +- {figure.spread:.4f}" if figure.spread is not None else ""
    if figure.interval is None:
        return text
    low, high = figure.interval
    return f"{text} ({low:.4g} to {high:.4g})"


def _page(description: dict[str, Any], scores: Scores, pictures: dict[str, Picture]) -> bytes:
    samples, reference, held_out = (
        description[name] for name in ("samples", "reference", "held_out")
    )
    text = (
        f"{samples['rows']:,} samples against {reference['rows']:,} reference rows, by the "
        f"extractor {description['extractor']}. The floor is what {held_out['rows']:,} held-out "
        f"real rows get ({held_out['source']})."
    )
    head = ("metric", "samples", "floor: held-out real rows")
    opening = [Paragraph(_came_out(scores), lead=True), Paragraph(text)]
    sections = [
        Section("", [*opening, *([Caution(scores.notes)] if scores.notes else [])]),
        Section("Figures", [Table(head, figure_rows(scores), numbers=(1, 2))]),
        Section("Definitions", [Bullets(definitions(scores))]),
        Section("Distances to the nearest reference row", [pictures["nearest.png"]]),
        Section("Classes", [pictures["classes.png"]]),
        Section("Samples nearest to a reference row, each left of it", [pictures["memorised.png"]]),
        Section(
            "How it was made",
            [Folded("Settings and results", Preformatted(json.dumps(description, indent=2)))],
        ),
    ]
    return render(f"{samples['source']} against {reference['source']}", sections)


def _came_out(scores: Scores) -> str:
    """Return the first figure of the samples beside that of held-out rows, in a sentence."""
    figure, floor = scores.values[0], scores.floor[0]
    return (
        f"{figure.name}: {_spell(figure)} of the samples, {_spell(floor)} of real rows that were "
        "held out."
    )


def _pictures(sets: Sets, scores: Scores) -> dict[str, Picture]:
    return {
        "nearest.png": plot(
            lambda axes: _draw_nearest(axes, scores),
            "distances of samples and of held-out rows to their nearest reference row",
        ),
        "classes.png": plot(
            lambda axes: _draw_classes(axes, scores),
            "share of each class that the extractor sees in samples and in held-out rows",
        ),
        "memorised.png": Picture(_pairs(sets, scores), "pairs of a sample and a reference row"),
    }


def write_best(folder: Path, samples: ImageSet, scores: Scores, fraction: float) -> Path:
    """Write the samples that the inception score owes most to, the best first.

    Into the folder go ``best.png`` and ``best.npz``, which has ``samples``, ``rows`` and
    ``contributions``; the latter is returned.

    Raises:
        ValueError: if ``fraction``, of the samples to take, is not above 0 and at most 1.
    """
    contributions = score_contributions(logits=scores.samples.logits)
    rows = select_best(contributions, fraction)
    images = _alike(samples.take(rows.tolist()))
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
        "versions": {"convergan": __version__, "torch": torch.__version__},
    }


def _shown(report: ReadReport) -> dict[str, Any]:
    return {name: value for name, value in report._asdict().items() if value is not None}


def _draw_nearest(axes: "Axes", scores: Scores) -> None:
    nearest = scores.nearest
    for values, label in ((nearest.distances, "samples"), (nearest.floor, "held-out real rows")):
        axes.hist(values.numpy(), bins=60, density=True, histtype="step", label=label)
    axes.set(xlabel="distance to the nearest reference row, in features", ylabel="density")


def _draw_classes(axes: "Axes", scores: Scores) -> None:
    classes = scores.samples.logits.shape[1]
    shares = [
        found.logits.argmax(dim=1).bincount(minlength=classes).double() / len(found.logits)
        for found in (scores.samples, scores.held_out)
    ]
    order = shares[1].argsort(descending=True, stable=True)[:SHOWN_CLASSES]
    if classes <= SHOWN_CLASSES:
        order = torch.arange(classes)
    for share, label in zip(shares, ("samples", "held-out real rows"), strict=True):
        axes.step(range(len(order)), share[order].numpy(), where="mid", label=label)
    axes.set_xticks(range(len(order)), [str(k) for k in order.tolist()], rotation=90, fontsize=7)
    axes.set(xlabel="class that the extractor sees", ylabel="share", ylim=(0, None))


def _pairs(sets: Sets, scores: Scores) -> bytes:
    """Picture the samples nearest to a reference row, each left of that row, nearest first."""
    order = scores.nearest.distances.argsort(stable=True)[:PAIRS]
    theirs = scores.nearest.rows[order].tolist()
    pairs = zip(sets.samples.take(order.tolist()), sets.reference.take(theirs), strict=True)
    return sample_picture(_alike([image for pair in pairs for image in pair]))


def _alike(images: list[Tensor]) -> Tensor:
    """Stack images, in colour if one is, at the side of the last if sizes differ."""
    colour = any(len(image) == 3 for image in images)
    shown = [coloured(image[None]) if colour else image[None] for image in images]
    side = min(shown[-1].shape[2:])
    same = len({image.shape for image in shown}) == 1
    return torch.cat(shown if same else [resized(image, side) for image in shown])
