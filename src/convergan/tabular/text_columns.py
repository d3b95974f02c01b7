"""Columns of texts become columns of lists of numbers, by a pretrained network."""

from collections.abc import Callable
from typing import Any

from ..core.progress import Progress
from ..data import DataError
from ..embedding import TextNetwork, embed_texts, find_text_network
from .columns import FeatureColumn

Report = Callable[[Progress], None]


def embed_column(cells: Any, name: str, network: TextNetwork, report: Report | None = None) -> Any:
    """Return a column of the features of texts, each an array (D,); None where there is no text.

    Raises:
        DataError: if a cell is no text.
    """
    import pandas as pd

    stripped: list[str | None] = []
    for row, (cell, there) in enumerate(zip(cells.tolist(), cells.notna(), strict=True)):
        if there and not isinstance(cell, str):
            raise DataError(
                f"column {name!r} is not of texts: {cell!r:.40} in row {row} (counted from 0); "
                "leave it out of --text"
            )
        stripped.append(cell.strip() or None if there else None)
    present = [text for text in stripped if text is not None]
    rows = iter(embed_texts(present, network, report=report))
    found = [None if text is None else next(rows) for text in stripped]
    return pd.Series(found, index=cells.index, dtype=object)


def network_of(column: FeatureColumn) -> TextNetwork:
    """Return the network that a column of texts was embedded by.

    Raises:
        DataError: if it is not there, or another now.
    """
    try:
        network = find_text_network(column.extractor)
    except ValueError as error:
        raise DataError(f"column {column.name!r} needs its network: {error}") from None
    if network.name != column.network:
        raise DataError(
            f"the model was fitted to features of {column.network}, and {column.extractor} now is "
            f"{network.name}"
        )
    return network
