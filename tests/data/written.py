"""Images and tables that tests write."""

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from PIL import Image

LEVELS = np.random.default_rng(0).integers(0, 256, (7, 5, 4, 3), dtype=np.uint8)  # (N, H, W, C)
LABELS = np.array([0, 1, 2, -1, 1, 0, 2])


def picture(path: Path, level: int = 0, *, mode: str = "L", size: tuple[int, int] = (4, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).convert(mode).save(path)
    return path


def encoded(image: Image.Image) -> dict[str, Any]:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def write_parquet(folder: Path, *, held_out: str = "test") -> Path:
    """Write a data set as the hub has it: Parquet files and their places in README.md."""
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["cat", "dog"]),
            "comment": datasets.Value("string"),
        }
    )
    (folder / "tiny").mkdir(parents=True)
    for split, numbers in (("train", range(5)), (held_out, range(5, 7))):
        columns = {
            "image": [encoded(Image.fromarray(LEVELS[n, :, :, 0])) for n in numbers],
            "label": [n % 2 if n != 3 else None for n in numbers],
            "comment": [f"number {n}" for n in numbers],
        }
        table = datasets.Dataset.from_dict(columns, features=features)
        table.to_parquet(str(folder / "tiny" / f"{split}-00000-of-00001.parquet"))
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: tiny\n  data_files:\n"
        "  - split: train\n    path: tiny/train-*\n"
        f"  - split: {held_out}\n    path: tiny/{held_out}-*\n"
        "  default: true\n---\n# tiny\n"
    )
    return folder


def archive(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "rows.npz", **arrays)
    return str(folder / "rows.npz")
