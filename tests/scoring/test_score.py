import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convergan.cli.main import main
from convergan.data import ImageRows, load, to_unit_range
from convergan.metrics import (
    Extractor,
    FeatureMoments,
    find_extractor,
    frechet_distance,
    inception_score,
    nearest_rows,
)
from convergan.scoring.files import CAUTION
from convergan.scoring.score import Scores, score_images
from convergan.scoring.sources import Sets
from convergan.scoring.values import METRICS, ScoreSettings

DIGITS = to_unit_range(load("digits").train.images[:])
MIXING = torch.randn(64, 10, generator=torch.Generator().manual_seed(0))
PIXELS = Extractor(
    name="pixels", network=lambda images: (images.flatten(1), images.flatten(1) @ MIXING)
)


def finished(sets: Sets, extractor: Extractor, plan: ScoreSettings) -> Scores:
    events = score_images(sets, extractor, plan)
    while True:
        try:
            next(events)
        except StopIteration as end:
            found: Scores = end.value
            return found


def sets_of(*sizes: int) -> Sets:
    parts = torch.split(DIGITS[: sum(sizes)], list(sizes))
    samples, reference, held_out = (ImageRows(part, "digits") for part in parts)
    return Sets(samples, reference, held_out, "held out")


@pytest.fixture(scope="module")
def scores() -> Scores:
    return finished(sets_of(60, 200, 50), PIXELS, ScoreSettings(splits=3, batch_size=32))


def test_figures_are_those_of_all_rows_at_once(scores: Scores) -> None:
    samples, reference = (PIXELS.network(rows) for rows in torch.split(DIGITS[:260], [60, 200]))
    by_name = {figure.name: figure for figure in scores.values}
    score = inception_score(logits=samples[1], splits=3)
    assert by_name["inception score"].value == pytest.approx(score.mean, rel=1e-5)
    assert by_name["inception score"].spread == pytest.approx(score.std, rel=1e-3)
    moments = [FeatureMoments(64), FeatureMoments(64)]
    for held, found in zip(moments, (samples, reference), strict=True):
        held.update(found[0])
    distance = frechet_distance(*moments)
    assert by_name["Frechet distance"].value == pytest.approx(distance, rel=1e-5)
    distances, rows = nearest_rows(samples[0], reference[0])
    assert torch.allclose(scores.nearest.distances, distances)
    assert torch.equal(scores.nearest.rows, rows)


def test_every_figure_has_a_floor_and_names_its_extractor(scores: Scores) -> None:
    names = [figure.name for figure in scores.values]
    assert names == [floor.name for floor in scores.floor]
    assert len(names) == 4 + 4 and set(METRICS) == {"is", "fid", "kid", "prdc", "ndb"}
    for figure in (*scores.values, *scores.floor, scores.nearest.share):
        assert figure.definition.endswith(("extractor pixels", "score in one split"))
    assert scores.values[0].interval is not None
    assert scores.seconds.keys() == {"samples", "reference", "held-out rows", "figures"}


def test_few_rows_are_noted(scores: Scores) -> None:
    assert any("50 rows of 64 features: " in note for note in scores.notes)
    assert any("60 samples in 3 splits are few for 10 classes" in note for note in scores.notes)
    assert any("the floor is of 50 rows, the samples are 60" in note for note in scores.notes)


def test_copies_of_the_reference_are_nearer_than_real_rows() -> None:
    sets = sets_of(60, 200, 60)
    copied = sets._replace(samples=ImageRows(DIGITS[60:120], "copies"))
    share = finished(copied, PIXELS, ScoreSettings(metrics=("prdc",))).nearest.share
    assert share.value == 1.0
    honest = finished(sets, PIXELS, ScoreSettings(metrics=("prdc",))).nearest.share
    assert honest.value < 0.2 and honest.interval is not None


def test_rows_sorted_by_class_are_noted_and_mixed_on_request() -> None:
    sets = sets_of(200, 100, 60)
    extractor = find_extractor("mnist")
    order = extractor.network(DIGITS[:200])[1].argmax(dim=1).argsort(stable=True)
    sorted_sets = sets._replace(samples=ImageRows(DIGITS[:200][order], "sorted"))
    plan = ScoreSettings(metrics=("is",), splits=5)
    found = finished(sorted_sets, extractor, plan)
    assert any("in an order that costs score" in note for note in found.notes)
    mixed = finished(sorted_sets, extractor, ScoreSettings(metrics=("is",), splits=5, shuffle=True))
    assert mixed.values[0].value > 1.5 * found.values[0].value
    assert "rows shuffled" in mixed.values[0].definition
    assert not any("order" in note for note in mixed.notes)


def test_fewer_samples_than_splits_are_refused_before_the_first_image() -> None:
    def never(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raise AssertionError

    with pytest.raises(ValueError, match="^splits must be from 1 to the 5 samples, got 10$"):
        finished(sets_of(5, 20, 5), Extractor(name="never", network=never), ScoreSettings())


def test_a_device_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="^device must be auto, cpu or cuda, got 'tpu'$"):
        ScoreSettings(device="tpu")


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        (("fids",), "no metric 'fids'; there are is, fid, kid, prdc, ndb"),
        (("is", "is"), "is twice"),
    ],
)
def test_unknown_and_repeated_metrics_are_refused(metrics: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ScoreSettings(metrics=metrics)


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Callable[..., tuple[int, str, str]]":
    """Return a function that runs the command and gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        words = ["convergan", "score", *map(str, arguments), "--threads", "1", "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            main()
        assert isinstance(left.value.code, int)
        return left.value.code, *capsys.readouterr()

    return run


Ask = Callable[..., tuple[int, str, str]]


def test_a_folder_is_scored_with_table_json_pictures_and_the_best(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "fakes").mkdir()
    for number, image in enumerate((DIGITS[:70, 0] * 255).byte().numpy()):
        Image.fromarray(image).save(tmp_path / "fakes" / f"{number:03}.png")
    (tmp_path / "fakes" / "broken.png").write_text("not an image")
    code, table, _ = ask(
        *("fakes", "--against", "digits", "--extractor", "mnist", "--metrics", "is,prdc"),
        *("--rows", 100, "--splits", 2, "--best", 0.1),
    )
    assert code == 0
    assert "inception score" in table and "coverage" in table and "1 unreadable images" in table
    assert CAUTION.split(";")[0] in " ".join(table.split())
    folder = tmp_path / "scores" / "fakes"
    written = {file.name for file in folder.iterdir()}
    pictures = {"best.png", "classes.png", "memorised.png", "nearest.png"}
    assert written == pictures | {"best.npz", "score.json", "score.html"}
    with np.load(folder / "best.npz") as best:
        assert best["samples"].shape == (7, 1, 8, 8)
        assert list(best["contributions"]) == sorted(best["contributions"], reverse=True)
    found = json.loads((folder / "score.json").read_text())
    assert found["samples"]["rows"] == 70 and found["reference"]["rows"] == 100
    assert found["samples"]["unreadable"] == ["broken.png (not an image)"]
    assert len(found["figures"]) == 5
    assert "mnist[sha256 b670803d" in found["figures"][0]["samples"]["definition"]
    assert found["figures"][0]["floor"]["value"] > 1 and len(found["samples"]["sha256"]) == 64
    page = (folder / "score.html").read_text()
    for figure in found["figures"]:
        assert figure["samples"]["definition"] in page
        assert f"{figure['floor']['value']:.4g}"[:4] in page
    assert "1 unreadable images" in page and "<h1>fakes against digits</h1>" in page
    assert page.count("data:image/png;base64,") == 3


@pytest.mark.slow
def test_a_run_is_scored_by_samples_of_its_newest_checkpoint(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["convergan", "train", "digits", "--labels", "20", "--steps", "2", "--out", "run"]
    monkeypatch.setattr(sys, "argv", [*words, "--no-baselines", "--threads", "1"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    options = ("--against", "digits", "--extractor", "mnist", "--metrics", "kid")
    code, _, _ = ask("run", *options, "--samples", 60, "--rows", 100, "--out", "there")
    assert code == 0
    found = json.loads((tmp_path / "there" / "score.json").read_text())
    assert found["samples"]["rows"] == 60 and found["held_out"]["rows"] == 60


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ((), 2, "SAMPLES is missing: score SAMPLES --against REAL, where SAMPLES are scored"),
        (
            ("digits",),
            2,
            "--against is missing: score SAMPLES --against REAL, where SAMPLES are scored",
        ),
        (("digits", "--against", "digits", "--metrics", "fids"), 2, "no metric 'fids'; there are"),
        (("digits", "--against", "digits", "--extractor", "minst"), 2, "no extractor 'minst'; the"),
        (("digits", "--against", "digits", "--splits", "0"), 2, "splits must be 1 or more, got 0"),
        (("digits", "--against", "digits", "--best", "2"), 2, "best must be above 0 and at most 1"),
        (
            ("lost.npz", "--against", "digits", "--extractor", "mnist"),
            65,
            "there is no file lost.n",
        ),
        (("empty", "--against", "digits", "--extractor", "mnist"), 65, "empty holds no image file"),
        (("far.npz", "--against", "digits", "--extractor", "mnist"), 65, "image 0 has 0 to 29.58"),
        (
            ("digits", "--against", "digits", "--samples", "5", "--extractor", "mnist"),
            2,
            "splits must be from 1 to the 5 samples, got 10",
        ),
        (
            ("digits", "--against", "digits", "--extractor", "broken.py:nan"),
            2,
            "gives features that are not finite, the first for image 0 of the batch",
        ),
    ],
)
def test_bad_input_is_one_clear_line(
    ask: Ask, tmp_path: Path, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "far.npz", samples=np.linspace(0, 300, 640).reshape(10, 1, 8, 8))
    (tmp_path / "broken.py").write_text("def nan(images):\n    return images.sum((2, 3)) / 0 * 0\n")
    found, _, errors = ask(*arguments)
    assert found == code
    assert reason in errors.splitlines()[-1] and errors.splitlines()[-1].startswith("convergan: ")
    assert not (tmp_path / "scores").exists()


def test_weights_that_cannot_be_verified_are_one_line_saying_what_is_missing(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    code, _, errors = ask("--verify-weights")
    assert code == 65
    assert errors.startswith("convergan: weights cannot be verified: ") and errors.count("\n") == 1
