import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor

from convergan.metrics import ImageClassifier, classify, load_classifier, read_classifier
from convergan.metrics.classifier import SHA256, WEIGHTS, classifier_weights, weights_sha256
from tests import oracles

IMAGES = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def written(folder: Path, data: bytes) -> Path:
    file = folder / "judge.safetensors"
    file.write_bytes(data)
    return file


def untrained(seed: int = 0) -> ImageClassifier:
    return ImageClassifier((1, 28, 28), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", sorted(SHA256))
def test_packaged_weights_are_the_pinned_ones_and_few(name: str) -> None:
    data = (WEIGHTS / f"{name}.safetensors").read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256[name]
    network = load_classifier(name)
    shape, count = ((3, 32, 32), 166_410) if name == "cifar10" else ((1, 28, 28), 28_938)
    assert sum(p.numel() for p in network.parameters()) == count
    assert network(torch.zeros(7, *shape)).shape == (7, 10)


def test_images_of_another_shape_have_no_classifier() -> None:
    with pytest.raises(ValueError, match=r"\(1, 28, 28\) or \(3, 32, 32\), got \(1, 32, 32\)"):
        ImageClassifier((1, 32, 32), torch.Generator())


def test_every_packaged_file_is_named() -> None:
    assert {file.stem for file in WEIGHTS.glob("*.safetensors")} == set(SHA256)


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(
        ValueError, match="^no packaged classifier 'svhn', there are mnist, fashion_mnist, cifar10$"
    ):
        load_classifier("svhn")


def test_weights_come_back_to_the_bit(tmp_path: Path) -> None:
    network = untrained()
    data = classifier_weights(network)
    again = read_classifier(written(tmp_path, data), sha256=weights_sha256(data))
    assert torch.equal(network(IMAGES), again(IMAGES))
    assert classifier_weights(again) == data


def test_a_changed_byte_is_found_before_anything_is_parsed(tmp_path: Path) -> None:
    data = classifier_weights(untrained())
    expected = weights_sha256(data)
    data = b"\xff" * 8 + data[8:]  # an absurd length of the header
    file = written(tmp_path, data)
    with pytest.raises(ValueError, match=f"hashes to {weights_sha256(data)}, expected {expected}$"):
        read_classifier(file, sha256=expected)
    with pytest.raises(ValueError, match="does not hold the weights of a classifier: ") as caught:
        read_classifier(file)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3)}, file)
    with pytest.raises(ValueError, match="does not hold the weights of a classifier: ") as caught:
        read_classifier(file)
    assert "\n" not in str(caught.value)


def test_building_and_loading_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    load_classifier("mnist")
    assert torch.equal(untrained(1)(IMAGES), untrained(1)(IMAGES))
    assert not torch.equal(untrained(1)(IMAGES), untrained(2)(IMAGES))
    assert torch.equal(torch.get_rng_state(), before)


def test_probabilities_are_the_softmax_of_the_logits_in_float64() -> None:
    network = untrained()
    probabilities = classify(network, IMAGES, batch_size=3)
    assert probabilities.dtype == torch.float64 and not probabilities.requires_grad
    for row, logits in zip(probabilities, network(IMAGES).detach(), strict=True):
        *shares, _ = oracles.class_probabilities(logits.tolist(), float("-inf"))
        assert row.tolist() == pytest.approx(shares, rel=1e-5)


def test_any_function_to_logits_can_be_the_classifier() -> None:
    images = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    probabilities = classify(lambda batch: batch.view(-1, 1) * torch.tensor([0.0, 2.0]), images)
    assert probabilities[:, 1].tolist() == pytest.approx([0.5, oracles.sigmoid(2)])


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (torch.zeros(0, 1, 28, 28), r"none of them 0, got torch.float32 \(0, 1, 28, 28\)"),
        (torch.zeros(3, 28, 28), r"got torch.float32 \(3, 28, 28\)"),
        (torch.zeros(3, 1, 28, 28).byte(), r"got torch.uint8 \(3, 1, 28, 28\)"),
        (IMAGES * 2 - 1, r"in \[0, 1\], got -[01].*"),
        (IMAGES * 255, r"in \[0, 1\], got .* to 25\d"),
        (IMAGES / 0 * 0, r"in \[0, 1\], got nan to nan"),
        (torch.zeros(3, 1, 32, 32), r"images must be \(N, 1, 28, 28\), got \(3, 1, 32, 32\)"),
    ],
)
def test_what_are_no_such_images_is_refused(images: Tensor, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        classify(untrained(), images)


def test_a_module_gets_images_in_the_dtype_of_its_weights() -> None:
    network, images = load_classifier("mnist"), torch.rand(3, 1, 28, 28).double()
    expected = classify(network, images.float())
    assert torch.equal(classify(network, images), expected)
    assert torch.equal(classify(network, images.numpy()), expected)
    found = classify(network.double(), images.float())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
