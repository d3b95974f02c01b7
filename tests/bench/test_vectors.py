import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.step import count_flops, prepare, step_flops
from bench.vectors import flops_of_steps, hold_out, main, work_done
from convergan.core.files import replace_file
from convergan.data import Dataset, Rows
from convergan.recipes import find_recipe


def test_products_are_counted_as_torch_counts_them() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))

    def pass_there_and_back() -> None:
        network(torch.ones(4, 7)).sum().backward()

    with FlopCounterMode(display=False) as counter:
        pass_there_and_back()
    by_hand = 2 * 4 * (2 * 7 * 5 + 3 * 5 * 3)  # rows need no gradient in the first layer
    assert count_flops(pass_there_and_back) == counter.get_total_flops() == by_hand


@pytest.mark.slow
def test_work_is_counted_in_steps_of_the_released_recipe() -> None:
    state, steps = prepare(find_recipe("mnist"), (1, 28, 28))
    counted = count_flops(lambda: next(steps))
    assert counted == pytest.approx(step_flops(state, 100), rel=0.01)
    assert work_done(find_recipe("mnist"), [7, 10]) == pytest.approx([7, 10])
    [worth] = work_done(find_recipe("mnist-vectors"), [1000])
    assert 1000 < worth < 2000


@pytest.mark.slow
def test_steps_that_cost_less_at_first_are_counted_as_they_are() -> None:
    recipe = find_recipe("mnist-vectors")  # whose teacher comes after step 100
    early, late = flops_of_steps(recipe, [50, 150])
    assert late > 1.3 * early
    [first, both] = work_done(recipe, [100, 200])
    assert both == pytest.approx(first * (1 + late / early))


def test_the_last_training_rows_are_held_out_and_test_rows_are_left_alone() -> None:
    images, labels = torch.arange(12.0).view(6, 2), torch.arange(6)
    test = Rows(-images, labels)
    found = hold_out(Dataset("mine", ("one",), Rows(images, labels), test), 2)
    assert found.train.images[:].equal(images[:4]) and found.test.images[:].equal(images[4:])
    assert found.train.labels.tolist() == [0, 1, 2, 3] and found.test.labels.tolist() == [4, 5]


def small_set(folder: Path) -> Path:
    source = folder / "rows.npz"
    images = np.random.default_rng(0).integers(0, 256, (400, 4, 4), dtype=np.uint8)
    np.savez(source, x_train=images, y_train=np.arange(400) % 2)
    return source


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("bench.vectors.HELD_OUT", 50)
    monkeypatch.setattr("bench.vectors.flops_of_steps", lambda recipe, numbers: [1] * len(numbers))
    monkeypatch.setattr("sys.argv", ["vectors", *map(str, arguments)])
    main()


def test_a_run_that_was_stopped_goes_on_to_the_figures_of_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ("--data", small_set(tmp_path), "--labels", 10, "--precision", "float32")
    options = ("digits-without-graph", *data, "--steps", 4, "--looks", 2, "--out")
    run(monkeypatch, *options, tmp_path / "whole")
    whole = figures(tmp_path / "whole")
    assert [(line["step"], line["work"]) for line in whole] == [(2, 2), (4, 4)]
    run(monkeypatch, *options, tmp_path / "whole")
    assert figures(tmp_path / "whole") == whole  # nothing was left to do

    with monkeypatch.context() as stopping:
        stopping.setattr("bench.vectors.replace_file", keep_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(stopping, *options, tmp_path / "stopped")
    assert figures(tmp_path / "stopped") == whole[:1]
    run(monkeypatch, *options, tmp_path / "stopped")
    assert figures(tmp_path / "stopped") == whole
    one, other = (next((tmp_path / n).glob("*.safetensors")) for n in ("whole", "stopped"))
    assert one.name == other.name and one.read_bytes() == other.read_bytes()


def figures(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "errors.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(x).items() if k != "cpu_seconds"} for x in lines]


def keep_and_stop(path: Path, data: bytes) -> None:
    replace_file(path, data)
    raise KeyboardInterrupt


def test_an_unknown_recipe_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "mnist-vector", "--data", small_set(tmp_path), "--out", tmp_path / "new")
    assert "did you mean mnist-vectors" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
