import pytest
import torch

from convergan.layers import CrossBatchNorm, VirtualBatchNorm
from convergan.layers.scale_and_shift import ScaleAndShift


@pytest.mark.parametrize("make", [lambda: CrossBatchNorm(4), lambda: VirtualBatchNorm(4)])
def test_weights_of_earlier_versions_load(make: type[ScaleAndShift]) -> None:
    layer, other = make(), make()
    earlier = {"gamma": layer.weight.detach(), "beta": layer.bias.detach() + 3}
    other.load_state_dict(earlier)
    assert torch.equal(other.weight, layer.weight) and (other.bias == 3).all()
    assert earlier.keys() == {"gamma", "beta"}


def test_earlier_names_are_told() -> None:
    layer = VirtualBatchNorm(4)
    with pytest.warns(DeprecationWarning, match="^gamma is called weight, as in torch"):
        assert layer.gamma is layer.weight
    with pytest.warns(DeprecationWarning, match="^beta is called bias, as in torch"):
        assert layer.beta is layer.bias


def test_scales_start_from_the_chance_given_or_from_torchs() -> None:
    def drawn(chance: torch.Generator | None) -> torch.Tensor:
        return VirtualBatchNorm(5, chance=chance).weight.detach()

    assert torch.equal(
        drawn(torch.Generator().manual_seed(1)), drawn(torch.Generator().manual_seed(1))
    )
    torch.manual_seed(2)
    one = drawn(None)
    torch.manual_seed(2)
    assert torch.equal(one, drawn(None)) and not torch.equal(one, drawn(None))
