"""Every metric keeps torchmetrics' contract: states, reset, copies, merging, collections."""

import copy
import importlib
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed
from torch import nn
from torchmetrics import Metric, MetricCollection

import convergan
from convergan import metrics
from convergan.metrics.streaming import FrechetDistance, InceptionScore, KernelDistance
from tests import oracles
from tests.commands import run_in_two
from tests.metrics.streaming.loops import (
    FAKE,
    KINDS,
    REAL,
    TWO_SETS,
    WIDTH,
    add,
    figures,
    filled,
    same_states,
)

every = pytest.mark.parametrize("name", KINDS)


@every
@pytest.mark.parametrize("batch", [1, 7, 100])
def test_figures_are_the_exact_ones_whatever_the_batches(name: str, batch: int) -> None:
    metric = KINDS[name].make()
    add(metric, REAL, FAKE, batch=batch)
    assert isinstance(metric, Metric)
    assert figures(metric) == pytest.approx(KINDS[name].exact(REAL, FAKE), rel=1e-10, abs=1e-13)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_low_precision_is_summed_as_the_exact_functions_do(name: str, dtype: torch.dtype) -> None:
    real, fake = (REAL - 40).to(dtype), (FAKE - 40).to(dtype)
    metric = KINDS[name].make()
    add(metric, real, fake)
    assert figures(metric) == pytest.approx(KINDS[name].exact(real, fake), rel=1e-9, abs=1e-13)


@every
def test_arrays_and_lists_are_taken(name: str) -> None:
    metric, expected = KINDS[name].make(), figures(filled(name))
    if name == "inception score":
        metric.update(FAKE[:8].numpy())
        metric.update(FAKE[8:].tolist())
    else:
        metric.update(REAL.numpy(), real=True)
        metric.update(FAKE.tolist(), real=False)
    assert figures(metric) == pytest.approx(expected, rel=1e-10, abs=1e-13)


@every
def test_reset_forgets_and_a_second_round_gives_the_same(name: str) -> None:
    metric = filled(name)
    before = figures(metric)
    metric.reset()
    assert same_states(metric, KINDS[name].make())
    add(metric, REAL, FAKE)
    assert figures(metric) == before


@every
def test_a_copy_and_a_pickle_go_on_where_they_were_taken(name: str) -> None:
    metric = KINDS[name].make()
    add(metric, REAL[:20], FAKE[:20])
    copies = [copy.deepcopy(metric), pickle.loads(pickle.dumps(metric)), metric.clone()]
    for some in (metric, *copies):
        add(some, REAL[20:], FAKE[20:])
    expected = figures(metric)
    assert [figures(some) for some in copies] == [expected] * 3


@every
def test_states_are_saved_when_they_are_persistent(name: str) -> None:
    metric = KINDS[name].make()
    assert not metric.state_dict()
    metric.persistent(True)
    add(metric, REAL[:20], FAKE[:20])
    saved = copy.deepcopy(metric.state_dict())
    assert set(saved) == set(metric._defaults)
    loaded = KINDS[name].make()
    loaded.persistent(True)
    loaded.load_state_dict(saved)
    for some in (metric, loaded):
        add(some, REAL[20:], FAKE[20:])
    assert same_states(metric, loaded) and figures(metric) == figures(loaded)


@every
def test_merged_states_are_those_of_all_rows(name: str) -> None:
    left, right = KINDS[name].make(), KINDS[name].make()
    add(left, REAL[:20], FAKE[:20])
    add(right, REAL[20:], FAKE[20:])
    right.merge_state(left)  # torchmetrics puts the other's rows first
    assert figures(right) == pytest.approx(figures(filled(name)), rel=1e-10, abs=1e-13)


@every
def test_states_move_and_no_precision_of_the_module_touches_them(name: str) -> None:
    metric = filled(name)
    expected = copy.deepcopy(metric)
    moved = nn.ModuleDict({"metric": metric}).to("cpu").half().to(torch.bfloat16).double()
    metric.half().set_dtype(torch.float16)
    assert same_states(moved["metric"], expected)
    assert figures(moved["metric"]) == figures(expected)
    away = KINDS[name].make().to("meta")
    assert away.device.type == "meta"
    states = [getattr(away, state) for state in away._defaults]
    assert all(state.device.type == "meta" for state in states if isinstance(state, torch.Tensor))
    away.reset()
    states = [getattr(away, state) for state in away._defaults]
    assert all(state.device.type == "meta" for state in states if isinstance(state, torch.Tensor))


@every
def test_rounds_may_be_inside_and_outside_of_inference_mode(name: str) -> None:
    metric, expected = KINDS[name].make(), figures(filled(name))
    with torch.inference_mode():
        add(metric, REAL, FAKE)
        assert figures(metric) == expected
        metric.reset()
        add(metric, REAL[:9], FAKE[:9])
    add(metric, REAL[9:], FAKE[9:])
    assert figures(metric) == pytest.approx(expected, rel=1e-10, abs=1e-13)


@every
def test_no_graph_is_kept_and_no_global_chance_is_drawn(name: str) -> None:
    before = torch.get_rng_state()
    metric = KINDS[name].make()
    add(metric, REAL.clone().requires_grad_(), FAKE.clone().requires_grad_())
    states = [getattr(metric, state) for state in metric._defaults]
    held = [part for state in states for part in (state if isinstance(state, list) else [state])]
    assert held and not any(part.requires_grad for part in held)
    figures(metric)
    assert torch.equal(before, torch.get_rng_state())


def test_a_collection_of_all_of_them_takes_each_batch_once() -> None:
    collection = MetricCollection({name.replace(" ", "_"): KINDS[name].make() for name in TWO_SETS})
    add(collection, REAL, FAKE)
    found = {
        name: float(value if value.dim() == 0 else value[0])
        for name, value in flat(collection.compute()).items()
    }
    expected = dict(
        zip(
            ("precision", "recall", "density", "coverage"),
            exact("precision and recall"),
            strict=True,
        )
    )
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    assert found["frechet_distance"] == pytest.approx(exact("frechet distance")[0], rel=1e-10)
    assert found["kernel_distance"] == pytest.approx(exact("kernel distance")[0], rel=1e-10)
    assert found["different_bins"] == exact("different bins")[0]
    groups = sorted(len(members) for members in collection.compute_groups.values())
    assert groups == [1, 3]  # three share the rows that they hold


def exact(name: str) -> list[float]:
    return KINDS[name].exact(REAL, FAKE)


def flat(found: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {key: value[0] if isinstance(value, tuple) else value for key, value in found.items()}


@every
def test_what_was_not_added_is_told(name: str) -> None:
    metric = KINDS[name].make()
    reason = "splits must be at most the 0 rows" if name == "inception score" else "real rows"
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        with pytest.raises(ValueError, match=reason):
            metric.compute()


@every
@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (torch.ones(5), "one row is a sample"),
        (torch.rand(2, 3, 8, 8), "these look like images, take features of them first"),
        (torch.ones(5, WIDTH).long(), "convert them to float32 or float64$"),
        (torch.full((5, WIDTH), torch.nan), "must be finite, row 0 is not$"),
        (torch.ones(5, WIDTH + 1), f"must have {WIDTH} columns, got {WIDTH + 1}$"),
    ],
)
def test_rows_that_do_not_fit_are_told_in_one_line_and_change_nothing(
    name: str, rows: torch.Tensor, reason: str
) -> None:
    metric = filled(name)
    before = copy.deepcopy(metric)
    given = () if name == "inception score" else (True,)
    with pytest.raises(ValueError, match=reason):
        metric.update(rows, *given)
    assert same_states(metric, before)


def work(rank: int, file: str) -> None:
    """What one of two processes does: uneven parts, then all rows in the second one."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=2
    )
    for name in KINDS:
        for first in (21, 0):
            mine = slice(first, None) if rank else slice(0, first)
            metric = KINDS[name].make()
            if first or rank:
                add(metric, REAL[mine], FAKE[mine])
            before = copy.deepcopy(metric)
            metric._update_count = 1  # an empty one warns otherwise, which is an error here
            expected = KINDS[name].exact(REAL, FAKE)
            assert figures(metric) == pytest.approx(expected, rel=1e-10, abs=1e-13), name
            assert same_states(metric, before), name
    torch.distributed.destroy_process_group()


@pytest.mark.nightly
def test_two_processes_give_the_figures_of_one(tmp_path: Path) -> None:
    run_in_two(work, tmp_path / "meet")


def test_figures_are_numbers() -> None:
    logits = InceptionScore(num_classes=WIDTH, splits=2)
    logits.update(FAKE)
    score = logits.compute()
    assert float(score) == float(score.mean) and float(score.std) > 0
    assert float(filled("kernel distance").compute()) == exact("kernel distance")[0]
    assert isinstance(float(filled("frechet distance").compute()), float)


def test_what_the_extractor_does_not_say_must_be_given() -> None:
    with pytest.raises(ValueError, match="^give num_features=..., as the extractor does not say"):
        FrechetDistance(lambda images: images)
    with pytest.raises(ValueError, match="^give num_classes=..., as the extractor does not say"):
        InceptionScore()


def test_settings_of_torchmetrics_go_through() -> None:
    metric = KernelDistance(compute_on_cpu=True, sync_on_compute=False)
    assert metric.compute_on_cpu and not metric.sync_on_compute
    with pytest.raises(ValueError, match="Unexpected keyword arguments: `sofa`"):
        KernelDistance(sofa=1)


def test_the_package_of_metrics_needs_no_torchmetrics_and_streaming_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = [name for name in sys.modules if name.startswith("convergan.metrics")]
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.split(".")[0] == "torchmetrics"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(convergan, "metrics", None)
    again = importlib.import_module("convergan.metrics")
    assert again is not metrics and callable(again.inception_score)
    with pytest.raises(ImportError) as caught:
        importlib.import_module("convergan.metrics.streaming")
    assert str(caught.value) == (
        "convergan.metrics.streaming needs torchmetrics: pip install 'convergan[torchmetrics]'"
    )


def test_a_network_by_name_moves_with_the_metric() -> None:
    metric = FrechetDistance("mnist")
    images = oracles.draw(4, 784).sigmoid().view(4, 1, 28, 28).float()
    metric.update(images, real=True)
    assert metric.real_moments.shape == (1570, 1568)
    before = metric.extractor
    assert metric.to("cpu").extractor is before
    assert metric.to("meta").extractor is not before


def test_the_programs_of_the_scores_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "scores.md").read_text()
    first, second = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {
        "real_features": REAL.numpy(),
        "fake_features": FAKE,
        "probabilities": FAKE.softmax(dim=1),
    }
    exec(compile(first, "docs/scores.md", "exec"), names)
    assert names["distance"] == exact("frechet distance")[0]
    assert float(names["score"]) == pytest.approx(exact("inception score")[0], rel=1e-12)
    exec(compile(second, "docs/scores.md", "exec"), names)
    found = names["distances"].compute()
    assert 0.1 < float(found["fid"]) and 0 < float(found["kid"].mean)
    assert 1 < float(names["score"].compute()) < 10
    assert capsys.readouterr().out.count("\n") == 2
