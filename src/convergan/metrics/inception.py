"""The network of the paper: Inception of 2015-12-05, from the library torch-fidelity.

Salimans et al. (2016), section 4: the inception score is by "the Inception model". The released
code takes the frozen graph of 2015-12-05, leaves out the last bias and keeps its 1,008 outputs, of
which 1,000 are classes. Images of levels 0 to 255 are resized to 299x299 as TensorFlow 1 does,
bilinearly at ``i * in / 299`` without antialiasing, then mapped by ``(x - 128) / 128``.

torch-fidelity has these layers with these weights in torch's format, and the resize. Its own
``forward`` takes whole levels only; here the same layers run on floating point levels as given, as
in the released code. For whole levels both give the same bits.
"""

import hashlib
import io
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .extractor import Extractor, coloured
from .weights_file import read_pinned

FILE = "weights-inception-2015-12-05-6726825d.pth"
"""What torch-fidelity calls the file; the digits are the first of its SHA-256."""
PREFIX = "6726825d"
ANCHOR = 11.23678
"""Inception score of CIFAR-10's 50,000 training rows in 10 splits, as torch-fidelity reports."""
LAYERS = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1"),
    *("Conv2d_3b_1x1", "Conv2d_4a_3x3", "MaxPool_2"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d"),
    *("Mixed_6e", "Mixed_7a", "Mixed_7b", "Mixed_7c", "AvgPool"),
)
SIDE = 299


def inception(
    file: Path | None = None, sha256: str = PREFIX, *, device: torch.device | str = "cpu"
) -> Extractor:
    """Return the extractor.

    Args:
        file: of the weights; None for the one in torch's download cache.
        sha256: what the file hashes to, all digits or the first of them.
        device: where images will be.

    Raises:
        ValueError: if torch-fidelity is not installed, or the weights are not there or hash to
            something else.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except (ImportError, RuntimeError):  # RuntimeError: a torchvision for another torch
        raise ValueError(
            "inception needs torch-fidelity and a torchvision that fits torch: "
            "pip install 'convergan[inception]'"
        ) from None
    place = file or Path(torch.hub.get_dir()) / "checkpoints" / FILE
    if file is None and not place.is_file():
        raise ValueError(
            f"there are no weights at {place}; torch-fidelity's releases have {FILE}: put it there,"
            " or name it: inception:FILE"
        )
    data = read_pinned(place, sha256)  # before anything is parsed
    network = FeatureExtractorInceptionV3(
        "inception-v3-compat",
        ["2048", "logits_unbiased"],
        feature_extractor_weights_path=io.BytesIO(data),
    )
    name = (
        f"inception-2015-12-05[sha256 {hashlib.sha256(data).hexdigest()[:8]}, grey to 3 channels, "
        f"whole image to {SIDE}x{SIDE} as TensorFlow 1, (255 x - 128) / 128, 2,048 features, 1,008 "
        "logits without bias]"
    )
    return Extractor(
        name=name, network=partial(_features_and_logits, network.to(device)), side=SIDE
    )


def _features_and_logits(network: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    from torch_fidelity.interpolate_compat_tensorflow import (
        interpolate_bilinear_2d_like_tensorflow1x,
    )

    rows = interpolate_bilinear_2d_like_tensorflow1x(
        coloured(images.float()) * 255, size=(SIDE, SIDE), align_corners=False
    )
    rows = (rows - 128) / 128
    for name in LAYERS:
        rows = network.get_submodule(name)(rows)
    features = rows.flatten(1)  # (B, 2048)
    return features, features @ network.fc.weight.T
