"""The commands that judge samples and images."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convergan.cli.main import main
from convergan.data import load
from convergan.metrics import classify, read_classifier
from convergan.scoring.files import CAUTION
from tests.commands import convergan
from tests.metrics.bars import BARS, trained

Score = Callable[..., tuple[int, str, str]]


@pytest.fixture
def score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Score:
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


@pytest.mark.slow
def test_without_an_extractor_one_is_chosen_and_named(score: Score) -> None:
    small = ("--rows", 20, "--samples", 20, "--metrics", "fid")
    code, shown, _ = score("digits", "--against", "digits", *small)
    assert code == 0
    assert shown.startswith("extractor: efficientnet-lite0, as the real images are digits; see --e")


def test_a_folder_is_scored_with_table_json_pictures_and_the_best(
    score: Score, tmp_path: Path
) -> None:
    (tmp_path / "fakes").mkdir()
    for number, image in enumerate(load("digits").train.images[:70, 0].numpy()):
        Image.fromarray(image).save(tmp_path / "fakes" / f"{number:03}.png")
    (tmp_path / "fakes" / "broken.png").write_text("not an image")
    code, table, _ = score(
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
    assert page.count("data:image/png;base64,") == 5
    assert 'alt="32 of the samples"' in page and "<details>" in page


@pytest.mark.slow
def test_a_run_is_scored_by_samples_of_its_newest_checkpoint(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["convergan", "train", "digits", "--labels", "20", "--steps", "2", "--out", "run"]
    monkeypatch.setattr(sys, "argv", [*words, "--no-baselines", "--threads", "1"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    options = ("--against", "digits", "--extractor", "mnist", "--metrics", "kid")
    code, _, _ = score("run", *options, "--samples", 60, "--rows", 100, "--out", "there")
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
            "less than the 648 real and 5 fake rows, got 5; --metrics is,fid,kid,ndb leaves it out",
        ),
        (
            (
                *("digits", "--against", "digits", "--samples", "5", "--extractor", "mnist"),
                *("--splits", "10"),
            ),
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
    score: Score, tmp_path: Path, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "far.npz", samples=np.linspace(0, 300, 640).reshape(10, 1, 8, 8))
    (tmp_path / "broken.py").write_text("def nan(images):\n    return images.sum((2, 3)) / 0 * 0\n")
    found, _, errors = score(*arguments)
    assert found == code
    assert reason in errors.splitlines()[-1] and errors.splitlines()[-1].startswith("convergan: ")
    assert not (tmp_path / "scores").exists()


def test_weights_that_cannot_be_verified_are_one_line_saying_what_is_missing(
    score: Score, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    code, _, errors = score("--verify-weights")
    assert code == 65
    assert errors.startswith("convergan: weights cannot be verified: ") and errors.count("\n") == 1


def test_classifier_writes_weights_and_shows_their_accuracy_and_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(
        tmp_path / "bars.npz",
        x_train=BARS.train.images[:].numpy(),
        y_train=BARS.train.labels.numpy(),
        x_test=BARS.test.images[:].numpy(),
        y_test=BARS.test.labels.numpy(),
    )
    out = tmp_path / "new" / "bars.safetensors"
    ask = ("classifier", tmp_path / "bars.npz", "--out", out, "--epochs", 2, "--threads", 1)
    assert convergan(*ask) == 0
    shown = capsys.readouterr().out.splitlines()
    assert out.read_bytes() == trained(epochs=2)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    network = read_classifier(out, sha256=digest)
    predicted = classify(network, BARS.test.images[:] / 255).argmax(dim=1)
    accuracy = float((predicted == BARS.test.labels).double().mean())
    assert shown == [f"test accuracy: {accuracy:.2%}", f"sha256: {digest}", f"weights: {out}"]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("digits", "--out", "a.safetensors"), 65, "digits has (1, 8, 8) rows in 10"),
        (("digits", "--out", "a.pt"), 2, "weights are written as .safetensors, got --out a.pt"),
        (("digits", "--out", "a.safetensors", "--epochs", "0"), 2, "epochs must be at least 1"),
        (("digits", "--out", "a.safetensors", "--seed", "-1"), 2, "seed must not be negative"),
    ],
)
def test_classifier_refuses_in_one_line_and_writes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    got = convergan("classifier", *arguments, "--threads", 1)
    stderr = capsys.readouterr().err
    assert got == code and reason in stderr and stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
