"""Devices by name, with a GPU and without."""

import pytest
import torch

from convergan.core.devices import choose_device, require_device


@pytest.mark.parametrize("there", [True, False])
def test_auto_is_the_gpu_where_there_is_one_and_other_names_stay(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device("auto") == ("cuda" if there else "cpu")
    assert [choose_device(name) for name in ("cpu", "cuda", "tpu")] == ["cpu", "cuda", "tpu"]


@pytest.mark.parametrize("name", ["auto", "CPU", "cuda:0", "tpu", ""])
def test_a_device_of_another_name_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ValueError, match=f"device must be auto, cpu or cuda, got '{name}'"):
        require_device(name)


def test_a_gpu_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    require_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    require_device("cpu")
    with pytest.raises(ValueError, match="device cuda was asked for, but there is none"):
        require_device("cuda")
