"""Devices by any name of torch's, and the one thread of a fit."""

from threading import Event, Thread

import pytest
import torch

from convergan.estimator.devices import find_device, one_thread


@pytest.mark.parametrize("there", [True, False])
def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert find_device("auto") == ("cuda" if there else "cpu")
    assert find_device("cpu") == "cpu"


def test_a_gpu_keeps_its_number_and_is_refused_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert find_device("cuda:1") == "cuda:1"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device is 'cuda:1', but torch finds no GPU: use 'auto'"):
        find_device("cuda:1")


def test_a_name_that_torch_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="another name of torch's, got 'abacus'$"):
        find_device("abacus")


def test_the_threads_come_back_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    with pytest.raises(KeyError), one_thread():
        assert asked == [1]
        raise KeyError
    assert asked == [1, 3]


def test_a_second_fit_waits_for_the_first() -> None:
    inside = Event()

    def fit() -> None:
        with one_thread():
            inside.set()

    second = Thread(target=fit)
    with one_thread():
        second.start()
        assert not inside.wait(0.05)
    assert inside.wait(10)
    second.join()
