"""The page and the pictures of a score: samples beside real rows, figures beside their floor."""

import json
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..core.environment import environment_table
from ..core.html import (
    Bullets,
    Caution,
    Folded,
    Paragraph,
    Part,
    Picture,
    Preformatted,
    Section,
    Table,
    plot,
    render,
)
from ..core.pictures import grid, png, sample_picture
from ..data import ImageSet
from ..metrics import Extracted
from ..metrics.extractor import coloured, resized
from .score import Scores
from .sources import Sets
from .values import NEAR, MetricValue

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAIRS = 32
"""Samples that are shown beside the reference row nearest to each."""
SHOWN, COLUMNS = 32, 8
"""Samples and real rows that the page begins with, and how many stand in a line."""
SHOWN_CLASSES = 50
HELD_OUT = "held-out real rows"
HIGHER = ("inception score", "precision", "recall", "density", "coverage")
"""Figures of which a higher one is better; of the others a lower one is."""
SPREADS = (
    "After ± is the standard deviation over splits or subsets of the rows. In brackets is the 95 % "
    "interval of the bootstrap: how far the figure moves by the chance of which rows were drawn. "
    "That of the inception score is of all rows in one split, so it need not hold the mean of the "
    "splits."
)


def figure_rows(scores: Scores) -> list[tuple[str, str, str]]:
    """Return the name of each figure, and how it reads of the samples and of held-out rows."""
    rows = [
        (figure.name, _spell(figure), _spell(floor))
        for figure, floor in zip(scores.values, scores.floor, strict=True)
    ]
    near = scores.nearest.share
    return [*rows, (near.name, _spell_share(near), f"{NEAR:.0%} by definition")]


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


def _spell_share(figure: MetricValue) -> str:
    low, high = figure.interval or (figure.value, figure.value)
    return f"{figure.value:.1%} ({low:.1%} to {high:.1%})"


def score_pictures(sets: Sets, scores: Scores) -> dict[str, Picture]:
    """Return the pictures that stand in the folder as well, by the names of their files."""
    return {
        "nearest.png": plot(
            lambda axes: _draw_nearest(axes, scores),
            "distances of samples and of held-out rows to their nearest reference row",
        ),
        "classes.png": plot(
            lambda axes: _draw_classes(axes, scores),
            "share of each class that the extractor sees in samples and in held-out rows",
        ),
        "memorised.png": Picture(
            _pairs(sets, scores), "pairs of a sample and a reference row", enlarged=True
        ),
    }


def score_page(
    description: dict[str, Any], sets: Sets, scores: Scores, pictures: dict[str, Picture]
) -> bytes:
    """Return the page, of UTF-8.

    Args:
        description: what ``score.json`` says.
        sets: the images.
        scores: their figures.
        pictures: of `score_pictures`.
    """
    sections = [
        Section("", _opening(description, scores)),
        Section("Samples", [_some(sets.samples, scores.samples, "samples")]),
        Section("Real rows that were held out", [_some(sets.held_out, scores.held_out, HELD_OUT)]),
        Section("Figures", _figures(scores)),
        Section("Are samples copies?", _copies(scores, pictures)),
        Section("Classes", [pictures["classes.png"]]),
        Section(
            "How it was made",
            [
                environment_table(description["environment"]),
                Folded("Settings and results", Preformatted(json.dumps(description, indent=2))),
            ],
        ),
    ]
    sources = (description[name]["source"] for name in ("samples", "reference"))
    return render(" against ".join(sources), sections)


def _opening(description: dict[str, Any], scores: Scores) -> list[Part]:
    samples, reference, held_out = (
        description[name] for name in ("samples", "reference", "held_out")
    )
    extractor = description["extractor"].partition("[")[0]
    text = (
        f"{samples['rows']:,} samples against {reference['rows']:,} real rows, by the extractor "
        f"{extractor}. {held_out['rows']:,} real rows that were held out ({held_out['source']}) "
        "are scored like the samples: what they get, a generator would get that has learned the "
        "data and nothing by heart."
    )
    return [
        Paragraph(_came_out(scores), lead=True),
        Paragraph(text),
        *([Caution(scores.notes)] if scores.notes else []),
    ]


def _came_out(scores: Scores) -> str:
    """Return the first two figures of the samples beside those of held-out rows."""
    pairs = list(zip(scores.values, scores.floor, strict=True))[:2]
    said = [
        f"{figure.name} {figure.value:.4g} against {floor.value:.4g}{where} "
        f"({_better(figure.name)} is better)"
        for (figure, floor), where in zip(pairs, (f" of {HELD_OUT}", ""), strict=False)
    ]
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def _better(name: str) -> str:
    return "higher" if name in HIGHER else "lower"


def _some(images: ImageSet, read: Extracted, name: str) -> Picture:
    """Picture some of the images that could be read, spread evenly over all."""
    count = len(read.features)
    rows = torch.linspace(0, count - 1, min(SHOWN, count)).long().tolist()
    shown = alike(images.take(rows))
    return Picture(png(grid(shown, COLUMNS)), f"{len(rows)} of the {name}", enlarged=True)


def _figures(scores: Scores) -> list[Part]:
    rows = [
        (name, *(text.replace("+-", "±") for text in texts), _better(name))
        for name, *texts in figure_rows(scores)
    ]
    head = ("figure", "samples", HELD_OUT, "better is")
    return [
        Table(head, rows, numbers=(1, 2)),
        Paragraph(SPREADS),
        Folded("Definitions, to print beside the figures", Bullets(definitions(scores))),
    ]


def _copies(scores: Scores, pictures: dict[str, Picture]) -> list[Part]:
    share = scores.nearest.share
    text = (
        f"{share.value:.1%} of the samples are nearer to a reference row than {1 - NEAR:.0%} of "
        f"the {HELD_OUT} are, where {NEAR:.0%} would be chance: copies would be nearer."
    )
    return [
        Paragraph(text),
        pictures["nearest.png"],
        Paragraph("The samples that are nearest to a reference row, each left of it:"),
        pictures["memorised.png"],
    ]


def _draw_nearest(axes: "Axes", scores: Scores) -> None:
    nearest = scores.nearest
    for values, label in ((nearest.distances, "samples"), (nearest.floor, HELD_OUT)):
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
    for left, share, label in zip((-0.4, 0.0), shares, ("samples", HELD_OUT), strict=True):
        places = [place + left for place in range(len(order))]
        axes.bar(places, 100 * share[order].numpy(), width=0.4, align="edge", label=label)
    axes.set_xticks(range(len(order)), [str(k) for k in order.tolist()])
    if len(order) > 10:
        axes.tick_params(axis="x", labelrotation=90, labelsize=7)
    axes.set(xlabel="class that the extractor sees", ylabel="rows, %")
    axes.margins(y=0.2)  # room for the legend


def _pairs(sets: Sets, scores: Scores) -> bytes:
    """Picture the samples nearest to a reference row, each left of that row, nearest first."""
    order = scores.nearest.distances.argsort(stable=True)[:PAIRS]
    theirs = scores.nearest.rows[order].tolist()
    pairs = zip(sets.samples.take(order.tolist()), sets.reference.take(theirs), strict=True)
    return sample_picture(alike([image for pair in pairs for image in pair]))


def alike(images: list[Tensor]) -> Tensor:
    """Stack images, (C, H, W) each: in colour if one is, at the side of the last if sizes differ.

    Args:
        images: in [0, 1], C = 1 or 3.

    Returns:
        (N, C, H, W).
    """
    colour = any(len(image) == 3 for image in images)
    shown = [coloured(image[None]) if colour else image[None] for image in images]
    side = min(shown[-1].shape[2:])
    same = len({image.shape for image in shown}) == 1
    return torch.cat(shown if same else [resized(image, side) for image in shown])
