"""What fit and predict print of any classifier."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .console import print_line, print_table, write_values

if TYPE_CHECKING:
    from ..estimator import SemiSupervisedGANClassifier
    from ..photos.prediction import PhotoPredictions
    from ..tabular.prediction import ErrorRate, Predictions


def show_opinions(model: "SemiSupervisedGANClassifier") -> None:
    """Print what each opinion counts, and the shares of the classes where they are not alike."""
    from ..tabular.findings import OPINIONS, SOURCES, opinion_rows, share_rows

    print_table(OPINIONS, opinion_rows(model))
    if (source := model.class_shares_.source) != "uniform":
        found = ", ".join(" ".join(filter(None, row)) for row in share_rows(model)[:10])
        more = ", ..." if len(model.classes_) > 10 else ""
        print_line(f"shares of the classes, {SOURCES[source]}: {found}{more}")


def show_error(error: "ErrorRate | None", what: str) -> None:
    """Print the error where labels are known."""
    if error is None:
        return
    rows, wrong, low, high = error
    print_line(
        f"error: {wrong / rows:.2%}, {wrong:,} of {rows:,} labelled {what}, 95% interval "
        f"{low:.2%} to {high:.2%}"
    )


def write_predictions(
    json: Path | None,
    file: Path,
    found: "Predictions | PhotoPredictions",
    more: Mapping[str, object],
) -> None:
    """Write what predict found as JSON, where that is wanted.

    Args:
        json: of `convergan.cli.options.JsonFile`.
        file: of the predictions.
        found: by any classifier.
        more: that is known of this kind alone.
    """
    values = {
        "predictions": str(file),
        "counts": found.counts,
        "error": found.error and found.error._asdict(),
        "notices": found.notices,
    }
    write_values(json, {**values, **more})
