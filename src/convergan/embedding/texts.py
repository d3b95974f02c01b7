"""Texts to features, computed once and kept."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.progress import Progress
from .images import METHOD, Array
from .store import FeatureStore
from .text_networks import TextNetwork

AT_A_TIME = 64
"""Texts in one product of the network."""


def embed_texts(
    texts: Sequence[str],
    network: TextNetwork,
    *,
    report: Callable[[Progress], None] | None = None,
    keep: bool = True,
) -> Array:
    """Return the features (n, D) of texts, float32, those that are in the cache from there.

    Args:
        texts: n of them.
        network: what describes them.
        report: is called with the progress after each few texts.
        keep: whether to use the cache.

    Raises:
        ValueError: if the network gives something else than finite features of each text.
    """
    contents = [hashlib.sha256(text.encode(errors="surrogatepass")).digest() for text in texts]
    by_content = dict(zip(contents, texts, strict=True))
    with FeatureStore(network.name, keep=keep) as store:
        rows = store.rows(by_content)
        # Texts of like lengths go together, as the network fills up the shorter ones.
        missing = sorted((c for c in by_content if c not in rows), key=lambda c: len(by_content[c]))
        for start in range(0, len(missing), AT_A_TIME):
            some = missing[start : start + AT_A_TIME]
            if report:
                report(Progress(METHOD, len(rows), len(by_content), {}))
            found = _checked(network, network.run([by_content[content] for content in some]), some)
            new = dict(zip(some, found, strict=True))
            store.add(new, {})
            rows |= new
    if report:
        report(Progress(METHOD, len(rows), len(by_content), {}))
    width = next((len(row) for row in rows.values()), 0)
    return np.array([rows[content] for content in contents]).reshape(len(texts), width)


def _checked(network: TextNetwork, found: Any, some: Sequence[bytes]) -> Array:
    rows = np.asarray(found, dtype=np.float32)
    if rows.ndim != 2 or len(rows) != len(some) or not np.isfinite(rows).all():
        raise ValueError(
            f"extractor {network.name} must give finite features ({len(some)}, width) of "
            f"{len(some)} texts, got {rows.dtype} {rows.shape}"
        )
    return rows
