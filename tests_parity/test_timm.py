"""Features of timm's models, beside timm itself."""

from pathlib import Path

import pytest
import timm
import torch

from convergan.metrics import find_extractor


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet"])
def test_features_and_logits_are_those_of_timm(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name).eval()
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    config = timm.data.resolve_model_data_config(model)
    side = config["input_size"][-1]
    extractor = find_extractor(f"timm:{name}:{tmp_path / 'weights.pth'}")
    assert extractor.side == side
    images = torch.rand(2, 3, side, side)
    shift, scale = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        features, logits = extractor.network(images)
        expected = model((images - shift) / scale)
    assert torch.allclose(logits, expected, atol=1e-5)
    assert features.shape == (2, model.num_features) and features.std() > 0


def test_names_that_timm_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no model 'resnet0' of timm"):
        find_extractor("timm:resnet0")
    with pytest.raises(ValueError, match="no file none.pth to take an extractor from"):
        find_extractor("timm:test_resnet:none.pth")
