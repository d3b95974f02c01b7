"""What a run with a judge writes, and one whose discriminator is no classifier of rows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest import approx

from convergan.data import Dataset, load, to_unit_range
from convergan.recipes import Recipe, find_recipe
from convergan.recipes.judges import mixture_modes
from convergan.runs.report import write_report
from convergan.runs.run import run
from convergan.runs.settings import Settings
from tests.runs.trainers import trainer


def finish(recipe: Recipe, folder: Path, dataset: Dataset, steps: int = 6) -> dict[str, Any]:
    list(trainer(recipe, folder, dataset, steps).run())
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_judge_leaves_figures_in_the_log_and_beside_those_of_real_rows(tmp_path: Path) -> None:
    recipe = replace(find_recipe("toy"), evaluate_every=3, judged_samples=200)
    data = load("ring")
    result = finish(recipe, tmp_path, data)
    assert [line["step"] for line in log(tmp_path)] == [3, 6]
    names = {"found", "modes", "kl", "high_quality"}
    assert result["judged"] == {name: log(tmp_path)[-1][name] for name in names}
    assert names <= log(tmp_path)[0].keys()
    assert result["real"] == mixture_modes(data.test.images[:200], data)
    assert result["test_error"] is None and "confusion" not in result
    assert len(list((tmp_path / "samples").iterdir())) == 2


def count_rows(samples: Any, dataset: Dataset) -> dict[str, float]:
    return {"rows": float(len(samples)), "light": samples.mean().item()}


@pytest.mark.parametrize(("samples", "split"), [(500, "test"), (501, "train")])
def test_as_many_real_rows_are_judged_as_samples_those_of_the_test_split_if_it_has_them(
    tmp_path: Path, samples: int, split: str
) -> None:
    recipe = replace(find_recipe("digits"), judge=count_rows, judged_samples=samples)
    data = load("digits")
    result = finish(recipe, tmp_path, data)
    rows = getattr(data, split).images[:samples]
    assert result["real"] == {"rows": samples, "light": approx(to_unit_range(rows).mean().item())}
    assert result["judged"]["rows"] == samples
    assert (
        0 <= result["test_error"] <= 1 and result["test_error"] == log(tmp_path)[-1]["test_error"]
    )


def refuse(samples: Any, dataset: Dataset) -> dict[str, float]:
    raise ValueError(f"no figures of {dataset.source}")


def test_a_judge_that_refuses_the_data_does_so_before_a_network_is_built(tmp_path: Path) -> None:
    def unreachable(*arguments: object) -> Any:
        raise AssertionError("a network was built")

    recipe = replace(find_recipe("digits"), judge=refuse, discriminator=unreachable)
    with pytest.raises(ValueError, match="no figures of digits"):
        finish(recipe, tmp_path, load("digits"))
    assert not (tmp_path / "metrics.jsonl").exists() and not (tmp_path / "checkpoints").exists()


judged: list[int] = []


def remember(samples: Any, dataset: Dataset) -> dict[str, float]:
    judged.append(len(samples))
    return {"rows": 1.0}


def test_real_rows_are_judged_once(tmp_path: Path) -> None:
    judged.clear()
    recipe = replace(find_recipe("digits"), judge=remember, judged_samples=30, evaluate_every=100)
    finish(recipe, tmp_path, load("digits"))
    assert judged == [30, 30]  # real rows, then the samples of the last step


# --- no classifier of rows -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_discriminator_that_is_no_classifier_of_rows_is_not_tested(tmp_path: Path) -> None:
    recipe, data = replace(find_recipe("digits"), test_batch=0, evaluate_every=3), load("digits")
    chosen = Settings(recipe="digits", data="digits", labels=50, seed=0, steps=6, device="cpu")
    list(run(recipe, data, chosen, tmp_path))
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["test_error"] is None and "confusion" not in result
    assert not any("test_error" in line for line in log(tmp_path))
    for name in ("test_probabilities.npy", "predictions.csv", "baselines.json", "twin"):
        assert not (tmp_path / name).exists()
    page = write_report(tmp_path).read_text()
    assert "Test error" not in page and "Confusion" not in page and "Curves" in page


def test_rows_without_a_label_are_classified_where_there_are_no_test_rows(tmp_path: Path) -> None:
    recipe, data = find_recipe("digits"), load("digits")
    labels = data.train.labels.clone()
    labels[200:] = -1
    nothing = replace(data.test, images=data.test.images[:0], labels=data.test.labels[:0])
    data = replace(data, train=replace(data.train, labels=labels), test=nothing)
    assert finish(recipe, tmp_path, data)["test_error"] is None
    lines = (tmp_path / "predictions.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["row", *map(str, range(200, 1297))]
    assert not (tmp_path / "test_probabilities.npy").exists()
