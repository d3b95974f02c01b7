import pytest
import torch
from torch import nn

from convergan.networks import evaluating


def test_each_module_gets_its_own_mode_back_also_after_an_error() -> None:
    one = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2).eval())
    other = nn.Dropout().eval()
    with pytest.raises(ZeroDivisionError), evaluating(one, other):
        assert not any(module.training for network in (one, other) for module in network.modules())
        raise ZeroDivisionError
    assert [one.training, one[0].training, one[1].training, other.training] == [
        *(True, True, False, False)
    ]


def test_running_averages_are_left_as_they_are() -> None:
    network = nn.BatchNorm1d(2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with evaluating(network):
        network(torch.randn(8, 2))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
