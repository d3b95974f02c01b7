"""What fit and predict print of any classifier."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.table import Table

from .console import output, print_line

if TYPE_CHECKING:
    from ..estimator import SemiSupervisedGANClassifier
    from ..tabular.prediction import ErrorRate


def show_opinions(model: "SemiSupervisedGANClassifier") -> None:
    """Print what each opinion counts, and the shares of the classes where they are not alike."""
    from ..tabular.findings import OPINIONS, SOURCES, opinion_rows, share_rows

    opinions = Table(*OPINIONS)
    for row in opinion_rows(model):
        opinions.add_row(*row)
    output.print(opinions)
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


def print_notices(notices: Iterable[str]) -> None:
    """Print what the user should know."""
    for notice in notices:
        print_line(f"note: {notice}")
