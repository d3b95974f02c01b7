import pytest
import torch

from convergan.metrics import classify, default_extractor, extract, find_extractor, load_classifier

IMAGES = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def test_a_packaged_classifier_gives_its_logits_and_what_its_dense_layer_sees() -> None:
    network = load_classifier("mnist")
    features, logits = extract(find_extractor("mnist"), IMAGES)
    assert torch.equal(logits.double().softmax(dim=1), classify(network, IMAGES))
    assert torch.equal(network.output(features), logits)


def test_its_name_tells_weights_resize_and_widths() -> None:
    assert find_extractor("cifar10").name == (
        "cifar10[sha256 51c8ec3d, grey to 3 channels, whole image to 32x32 bilinear with "
        "antialias, 1,024 features, 10 logits with bias]"
    )


def test_other_sides_are_scaled_and_grey_becomes_colour_but_colour_never_grey() -> None:
    assert extract(find_extractor("fashion_mnist"), IMAGES[:, :, :8, :8]).logits.shape == (5, 10)
    assert extract(find_extractor("cifar10"), IMAGES).features.shape == (5, 1024)
    with pytest.raises(ValueError, match=r"images must be \(N, 1, 28, 28\), got \(5, 3, 28, 28\)"):
        extract(find_extractor("mnist"), IMAGES.repeat(1, 3, 1, 1))


def test_where_none_is_named_it_is_the_data_sets_own_or_one_of_photographs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources = ("ylecun/mnist", "zalando-datasets/fashion_mnist", "uoft-cs/cifar10:plain_text")
    assert [*map(default_extractor, sources)] == ["mnist", "fashion_mnist", "cifar10"]
    assert default_extractor("my_photos/") == "efficientnet-lite0"
    monkeypatch.setattr("convergan.metrics.features.PACKAGE", "not_installed")
    with pytest.raises(ValueError, match="knows my_photos/: name an extractor .* 'efficientnet'"):
        default_extractor("my_photos/")


@pytest.mark.parametrize("spec", ["minst", "", "efficientnet-lite1", "weights.pth", "model.onnx"])
def test_an_unknown_extractor_is_answered_with_those_that_there_are(spec: str) -> None:
    with pytest.raises(
        ValueError, match=f"^no extractor '{spec}'; there are mnist, fashion_mnist,"
    ):
        find_extractor(spec)
