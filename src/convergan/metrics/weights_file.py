"""Weights that others wrote: bytes that hash to what is pinned, and only then tensors.

Paper and released code: not in Salimans et al. (2016).
"""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor


def read_pinned(file: Path, sha256: str) -> bytes:
    """Return the bytes of a file if it is the one that is meant.

    Args:
        file: to read.
        sha256: hexadecimal digits, all 64 or the first of them.

    Raises:
        ValueError: if there is no such file, or its hash begins otherwise.
    """
    if not file.is_file():
        raise ValueError(f"there are no weights at {file}")
    data = file.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if not found.startswith(sha256.lower()):
        raise ValueError(f"{file} hashes to {found}, expected {sha256}")
    return data


def parse_tensors(data: bytes, source: str) -> Mapping[str, Tensor]:
    """Parse what `torch.save` wrote, tensors by name and nothing that runs.

    Args:
        data: what the file holds.
        source: of the data in messages.

    Returns:
        Tensors on the CPU.

    Raises:
        ValueError: if it holds anything else.
    """
    try:
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, by what is wrong with the file
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{source} does not hold tensors by name: {reason}") from None
    if not isinstance(found, Mapping) or not all(isinstance(t, Tensor) for t in found.values()):
        raise ValueError(f"{source} does not hold tensors by name")
    return found
