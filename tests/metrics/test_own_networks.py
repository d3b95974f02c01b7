import importlib.util
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convergan.metrics import extract, find_extractor

IMAGES = torch.rand(3, 1, 6, 6, generator=torch.Generator().manual_seed(0))


class Means(nn.Module):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images.flatten(1), images.mean(dim=(2, 3))


def test_a_function_in_a_file_gives_logits_or_both(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "def logits(images):\n    return images.mean(dim=(2, 3))\n"
        "def both(images):\n    return images.flatten(1), images.mean(dim=(2, 3))\n"
        "def text(images):\n    return 'cat'\n"
    )
    found = extract(find_extractor(f"{file}:logits"), IMAGES)
    assert torch.equal(found.features, found.logits)
    assert torch.equal(extract(find_extractor(f"{file}:both"), IMAGES).features, IMAGES.flatten(1))
    with pytest.raises(ValueError, match="mine.py:text must return logits, or .*, got str$"):
        extract(find_extractor(f"{file}:text"), IMAGES)
    with pytest.raises(ValueError, match="has no function 'lost'; it has logits, both, text$"):
        find_extractor(f"{file}:lost")
    before = find_extractor(f"{file}:both").name
    file.write_text(file.read_text() + "\n")
    assert find_extractor(f"{file}:both").name != before


@pytest.mark.slow
def test_an_exported_network_gives_what_it_gave(tmp_path: Path) -> None:
    file = tmp_path / "means.pt2"
    batch = torch.export.Dim("batch", min=1)
    torch.export.save(
        torch.export.export(Means(), (IMAGES,), dynamic_shapes={"images": {0: batch}}), file
    )
    found = extract(find_extractor(str(file)), IMAGES[:2])
    assert torch.equal(found.features, IMAGES[:2].flatten(1))


traces = pytest.mark.filterwarnings(
    "ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*torch.jit.*:FutureWarning"
)
"""For a test that makes a file of TorchScript, which torch warns of by its version."""


@traces
def test_a_torchscript_network_gives_what_it_gave(tmp_path: Path) -> None:
    file = tmp_path / "means.pt"
    torch.jit.trace(Means(), IMAGES).save(str(file))  # type: ignore[no-untyped-call]
    found = extract(find_extractor(str(file)), IMAGES[:2])
    assert torch.equal(found.features, IMAGES[:2].flatten(1))
    assert find_extractor(str(file)).name.startswith("means.pt[sha256 ")


@traces
@pytest.mark.parametrize("category", [DeprecationWarning, FutureWarning])
def test_who_brings_a_torchscript_network_sees_no_warning_of_it(
    category: type[Warning], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "means.pt"
    torch.jit.trace(Means(), IMAGES).save(str(file))  # type: ignore[no-untyped-call]
    load = torch.jit.load

    def warns(*arguments: Any, **more: Any) -> Any:
        warnings.warn("`torch.jit.load` is deprecated", category, stacklevel=2)
        return load(*arguments, **more)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(torch.jit, "load", warns)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        find_extractor(str(file))
    assert not shown


@pytest.mark.parametrize("suffix", [".pt", ".pt2"])
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"network{suffix}"
    with pytest.raises(ValueError, match=f"^no file .*network{suffix} to take an extractor from$"):
        find_extractor(str(file))
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="is neither a network of torch.export") as caught:
        find_extractor(str(file))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    importlib.util.find_spec("transformers") is not None, reason="transformers is installed"
)
def test_the_hub_names_the_extra_that_it_needs() -> None:
    with pytest.raises(ValueError, match=r"^hf:some/model needs .*'convergan\[transformers\]'$"):
        find_extractor("hf:some/model")


@pytest.mark.slow
def test_a_model_in_a_folder_sees_what_its_preprocessor_says(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], num_labels=5, layer_type="basic"
    )
    model = transformers.ResNetForImageClassification(config).eval()
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        '{"size": {"height": 32, "width": 32}, "image_mean": [0.5, 0.4, 0.3], '
        '"image_std": [0.2, 0.3, 0.4]}'
    )
    extractor = find_extractor(f"hf:{tmp_path}")
    assert "32x32" in extractor.name
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    shift, scale = (
        torch.tensor(numbers).view(3, 1, 1) for numbers in ([0.5, 0.4, 0.3], [0.2, 0.3, 0.4])
    )
    found = extract(extractor, images)
    assert torch.allclose(found.logits, model(pixel_values=(images - shift) / scale).logits)
    assert found.features.shape == (2, 8)
    with pytest.raises(ValueError, match="^no image-classification model '.*lost': "):
        find_extractor(f"hf:{tmp_path}/lost")


def test_timm_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match="timm:resnet18 needs timm, .*: pip install timm"):
        find_extractor("timm:resnet18")
