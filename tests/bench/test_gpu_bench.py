"""The one script for a machine with a GPU, on what there is here."""

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import devices, gpu
from bench.devices import apart, step_apart
from bench.gpu import STATES, main
from bench.small import small
from convergan.data import DataError
from convergan.recipes import find_recipe

QUICK = ("--device", "cpu", "--repeats", "6", "--recipes", "toy")


def table(folder: Path, *more: str) -> tuple[int, Any]:
    """The exit status, and what was written."""
    status = main([*QUICK, *more, "--out", str(folder)])
    return status, json.loads((folder / "gpu.json").read_text())


def by_section(written: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in written["rows"]:
        found.setdefault(row["section"], []).append(row)
    return found


@pytest.fixture
def no_golden_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gpu, "ROOT", tmp_path)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "train_on", lambda name, plan: gpu.Result(f"{name} trained", {}))


@pytest.mark.nightly
@pytest.mark.usefixtures("no_training")
def test_sections_end_in_a_table_and_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, written = table(tmp_path, "--recipes", "mnist", "toy")
    assert status == 0
    assert (written["device"], written["torch"]) == ("CPU", torch.__version__)
    sections = by_section(written)
    assert list(sections) == ["tests", "golden", "recipes", "speed", "training"]
    [tests] = sections["tests"]
    assert (tests["state"], tests["shown"]) == ("left out", "needs a GPU")
    assert [row["name"] for row in sections["recipes"]] == ["mnist", "toy"]
    assert all(row["figures"]["apart"] == 0 for row in sections["recipes"])
    assert [row["name"] for row in sections["speed"]] == ["mnist float32", "mnist bfloat16"]
    for row in sections["speed"]:
        figures = row["figures"]
        assert figures["floor"] == pytest.approx(figures["flops"] / figures["rate"])
        assert figures["seconds"] > 0 and row["state"] == "right"
    assert [row["shown"] for row in sections["training"]] == ["cifar10 trained"]
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == len(written["rows"]) + 2
    assert shown[-1] == "8 right, 0 failed, 1 left out, 0 out of time"


@pytest.mark.usefixtures("no_golden_files")
def test_what_fails_is_one_line_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*arguments: Any) -> float:
        raise RuntimeError("of two\nlines")

    def missing(source: str) -> Any:
        raise DataError("no network")

    monkeypatch.setattr(gpu, "step_apart", faulty)
    monkeypatch.setattr(gpu, "load", missing)
    status, written = table(tmp_path)
    assert status == 1
    sections = by_section(written)
    [row] = sections["recipes"]
    assert (row["state"], row["shown"]) == ("failed", "RuntimeError: of two lines")
    [row] = sections["training"]
    assert row["state"] == "left out"
    assert row["shown"] == "uoft-cs/cifar10 cannot be had here: no network"


@pytest.mark.usefixtures("no_golden_files", "no_training")
def test_a_difference_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "step_apart", lambda *arguments: 2 * gpu.APART)
    assert table(tmp_path)[0] == 1


@pytest.mark.slow
def test_training_takes_the_time_that_is_left() -> None:
    plan = gpu.Plan(torch.device("cpu"), (), "digits", 1, time.monotonic() + 3)
    result = gpu.train_on("digits", plan)
    seconds, errors = zip(*result.figures["curve"], strict=True)
    assert plan.left() <= 0 and sorted(seconds) == list(seconds)
    assert all(0 <= error <= 1 for error in errors)
    assert f"{result.figures['steps']} of 4000 steps" in result.shown


def test_what_the_minutes_do_not_reach_is_named(tmp_path: Path) -> None:
    status, written = table(tmp_path, "--minutes", "1e-9")
    assert status == 0 and len(written["rows"]) == 6
    assert all(row["state"] == "out of time" for row in written["rows"])
    assert {row["state"] for row in written["rows"]} <= set(STATES)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("there is no CUDA device here; run this on a machine with one")
    assert not list(tmp_path.iterdir())


# --- one step beside the CPU's ---


def test_a_step_on_other_numbers_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, dataset = small(find_recipe("toy"))
    calls = iter([False, False, True])  # of the parts of a batch the unlabelled rows

    def slightly_off(tensor: Tensor, device: torch.device) -> Tensor:
        return tensor.to(device, torch.float64) * (1 + 1e-6 * next(calls, False))

    assert step_apart(recipe, dataset, torch.device("cpu")) == 0
    monkeypatch.setattr(devices, "in_float64", slightly_off)
    assert step_apart(recipe, dataset, torch.device("cpu")) > gpu.APART


def test_differences_are_shares_but_of_what_is_nothing() -> None:
    there = {"weight": torch.tensor([1.0, 100.0]), "noise": torch.tensor([1e-20])}
    here = {"weight": torch.tensor([2.0, 100.0]), "noise": torch.tensor([2e-20])}
    empty = {"nothing": torch.empty(0)}
    assert apart(here | empty, there | empty) == pytest.approx(0.01)
    assert math.isnan(apart(here | {"noise": torch.tensor([torch.nan])}, there))
