"""Where tensors are: the CPU, or a GPU with CUDA."""

import torch


def require_device(device: str) -> None:
    """Refuse a device that PyTorch has not got here.

    Raises:
        ValueError: if it is neither ``cpu`` nor ``cuda``, or ``cuda`` is not there.
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda was asked for, but there is none; use cpu or auto")


def choose_device(name: str) -> str:
    """Turn ``auto`` into ``cuda`` where there is one, else ``cpu``; keep any other name."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
