"""The page of a run, from what is in its folder."""

import base64
import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.stats import binomtest

from convergan.core.environment import note_environment
from convergan.core.pictures import png
from convergan.data import load
from convergan.recipes import find_recipe
from convergan.runs.report import write_report
from convergan.runs.run import run
from convergan.runs.settings import Settings


def test_a_report_shows_what_samples_and_real_rows_are_worth(tmp_path: Path) -> None:
    recipe = replace(find_recipe("toy"), judged_samples=200)
    chosen = Settings(recipe="toy", data="ring", labels=0, seed=0, steps=3, device="cpu")
    list(run(recipe, load("ring"), chosen, tmp_path))
    page = write_report(tmp_path).read_text()
    assert "<h2>Samples against real rows</h2>" in page and "<td>high quality</td>" in page
    assert "Test error" not in page


def write_run(folder: Path, classes: list[str], files: dict[str, str]) -> None:
    settings = {"recipe": "<b>.py:mine", "data": "data & more", "labels": 5, "seed": 0}
    settings |= {"steps": 10, "device": "cpu"}
    config = {"settings": settings, "classes": classes}
    for name, text in {"config.json": json.dumps(config), **files}.items():
        (folder / name).write_text(text)


def test_a_report_of_a_run_that_has_just_begun_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, ["one"], {})
    page = write_report(tmp_path).read_text()
    assert "<h1>&lt;b&gt;.py:mine on data &amp; more</h1>" in page
    assert "Not finished: 0 of 10 steps" in page and "<img" not in page
    assert page.count("<h2>") == page.count("<h2>How it was made</h2>") == 1
    assert "<details><summary>All settings</summary>" in page


@pytest.mark.parametrize(
    "classes", [["<script>"], ["μέγα", "$x^{", "<script>"], [f"<{k}>" for k in range(21)]]
)
def test_classes_of_any_number_and_name_have_a_confusion_matrix(
    tmp_path: Path, classes: list[str]
) -> None:
    counts = [[3] * len(classes)] * len(classes)
    result = {
        "test_error": 0.5,
        "steps": 10,
        "seconds": 1,
        "state_sha256": "a",
        "confusion": counts,
    }
    write_run(tmp_path, classes, {"result.json": json.dumps(result)})
    page = write_report(tmp_path).read_text()
    assert page.count("<img") == 1 and "<script" not in page
    heads = [f'<th scope="col" class="number">{html.escape(name)}</th>' for name in classes]
    assert all((head in page) is (len(classes) <= 20) for head in heads)


FINISHED = {"test_error": 0.125, "steps": 12345, "seconds": 1234.5, "state_sha256": "abc123"}


def test_a_finished_run_has_its_length_its_hash_and_its_table(tmp_path: Path) -> None:
    baselines = [
        {"name": "k <nearest>", "test_error": 0.25, "seconds": 2.04, "note": "k = 5"},
        {"name": "lost", "test_error": None, "seconds": 0, "note": "too many rows"},
    ]
    files = {"result.json": json.dumps(FINISHED), "baselines.json": json.dumps(baselines)}
    write_run(tmp_path, ["one"], files)
    assert write_report(tmp_path) == tmp_path / "report.html"
    page = (tmp_path / "report.html").read_text()
    assert "5 labels, seed 0, cpu; 12,345 steps in 1,234 seconds." in page
    assert '<p class="lead">12.50\u00a0% of test rows are wrong, with 5 labels. Beside it' in page
    assert "on the same labels: k &lt;nearest&gt; 25.00\u00a0%.</p>" in page
    assert "Hash of the final state: abc123" in page and "not finished" not in page
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in page.split("<tr>")]
    assert [row for row in cells if row] == [
        ["GAN", "12.50%", "1234.5", "12,345 steps"],
        ["k &lt;nearest&gt;", "25.00%", "2.0", "k = 5"],
        ["lost", "-", "0.0", "too many rows"],
    ]


def test_the_error_has_its_interval_and_the_twin_beside_the_best(tmp_path: Path) -> None:
    result = FINISHED | {"test_error": 0.25, "confusion": [[30, 20], [5, 45]]}
    best = {"name": "label spreading", "test_error": 0.2, "seconds": 1.0, "note": ""}
    files = {"result.json": json.dumps(result), "baselines.json": json.dumps([best])}
    write_run(tmp_path, ["one", "two"], files)
    (tmp_path / "twin").mkdir()
    (tmp_path / "twin" / "result.json").write_text(json.dumps(FINISHED | {"test_error": 0.3}))
    found = binomtest(25, 100).proportion_ci()
    assert (
        f"25.00 % of 100 test rows are wrong (95 % interval {100 * found.low:.2f} to "
        f"{100 * found.high:.2f}), with 5 labels. Beside it on the same labels: label spreading "
        "20.00 %, supervised twin 30.00 %."
    ) in write_report(tmp_path).read_text().replace("\u00a0", " ")


def test_the_command_and_the_machine_are_shown(tmp_path: Path) -> None:
    write_run(tmp_path, ["one"], {})
    note_environment(tmp_path, ["/usr/bin/convergan", "train", "a b.py:mine"])
    note_environment(tmp_path, ["another"])  # changes nothing
    page = write_report(tmp_path).read_text()
    assert "<td>convergan train &#39;a b.py:mine&#39;</td>" in page
    assert f"torch {torch.__version__}" in page and "UTC" in page


def test_curves_are_of_the_losses_and_of_the_test_errors_that_the_log_has(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"step": 1, "seconds": 0.1, "skipped": "the loss is not finite"},
        {"step": 50, "seconds": 1.0, "generator_loss": 0.5},
        {"step": 60, "seconds": 1.2, "generator_loss": 0.4},
    ]
    pictures = []
    for _ in range(3):
        log = "".join(json.dumps(line) + "\n" for line in lines)
        write_run(tmp_path, ["one"], {"metrics.jsonl": log})
        page = write_report(tmp_path).read_text()
        assert f"Not finished: {lines[-1]['step']} of 10 steps" in page
        pictures.append(re.findall(r'<img[^>]* alt="([^"]*)"', page))
        lines.append({"step": 70, "test_error": 0.2, "test_error_last": 0.3})
    assert pictures == [
        ["losses against steps"],
        ["losses against steps"],  # of one point there is no curve
        ["test error against steps, other methods as lines", "losses against steps"],
    ]


def test_the_newest_grid_of_samples_is_shown(tmp_path: Path) -> None:
    write_run(tmp_path, ["one"], {})
    (tmp_path / "samples").mkdir()
    for step in (500, 12000):
        image = png(torch.full((1, 100, 200), step / 12000))
        (tmp_path / "samples" / f"step-{step:09d}.png").write_bytes(image)
    page = write_report(tmp_path).read_text()
    assert "<h2>Samples after 12,000 steps</h2>" in page
    assert base64.b64encode(image).decode() in page and page.count("<img") == 1
    assert 'class="enlarged" width="800"' in page  # four times its own, in a column of 900


def test_a_folder_that_is_no_run_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not the folder of a run: it has no config.json"):
        write_report(tmp_path)
    assert not list(tmp_path.iterdir())
