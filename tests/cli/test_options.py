"""Threads of torch, and exact repetition on a GPU."""

import os
from collections.abc import Iterator

import pytest
import torch

from convergan.cli.options import prepare


@pytest.fixture(autouse=True)
def _torch_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("OMP_NUM_THREADS", "LOCAL_WORLD_SIZE", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.setenv(name, "")  # so that what prepare sets is undone
        monkeypatch.delenv(name)
    threads, exact = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(exact)


@pytest.mark.parametrize(
    ("cores", "processes", "threads"),
    [
        (1, None, 1),
        (3, None, 3),
        (4, None, 4),
        (64, None, 4),
        (None, None, 1),  # where the number of cores is not known
        (8, "4", 2),
        (7, "2", 3),
        (64, "4", 4),
        (2, "8", 1),
    ],
)
def test_zero_threads_are_one_for_each_core_up_to_four_shared_by_the_processes(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, processes: str | None, threads: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    if processes:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
    torch.set_num_threads(5)
    prepare(0, "cpu")
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("threads", [1, 3, 6])
def test_threads_that_are_given_are_taken_whatever_else_is_set(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    prepare(threads, "cpu")
    assert torch.get_num_threads() == threads


def test_zero_threads_leave_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    torch.set_num_threads(3)  # as torch does when it is loaded
    prepare(0, "cpu")
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_gpu_is_made_to_repeat_exactly_and_a_cpu_left_alone(device: str) -> None:
    torch.use_deterministic_algorithms(False)
    prepare(1, device)
    assert torch.are_deterministic_algorithms_enabled() is (device == "cuda")
    expected = ":4096:8" if device == "cuda" else None
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == expected


def test_a_workspace_that_the_user_chose_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    prepare(1, "cuda")
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
