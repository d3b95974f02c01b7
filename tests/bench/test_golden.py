"""The authors' own numbers: their released scripts, replayed through the recipes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytest import approx

from bench.golden import LARGEST, Golden, main, replay
from convergan.collective import draw_like
from convergan.core.chance import draw_into, recorded_draws, supplied_draws
from convergan.layers import Dropout, GaussianNoise
from convergan.objectives import interpolate

Array = np.ndarray[Any, Any]
FOLDER = Path(__file__).parents[1] / "golden"
FILES = {
    "mnist": "mnist_feature_matching",
    "cifar10": "cifar10_feature_matching",
    "svhn": "cifar10_feature_matching",
    "cifar10-minibatch": "cifar10_minibatch",
    "svhn-minibatch": "cifar10_minibatch",
}


def file_for(recipe: str) -> Path:
    return FOLDER / f"{FILES[recipe]}.npz"


@pytest.mark.parametrize("recipe", FILES)
def test_recipe_takes_the_steps_of_the_released_script(recipe: str) -> None:
    figures = replay(Golden(file_for(recipe)), recipe)
    assert {"tested average", "start, generator", "losses before each update"} <= figures.keys()
    assert sum(name.startswith("update") for name in figures) == 4
    assert all(figure <= LARGEST for figure in figures.values()), figures


def changed(recipe: str, path: Path, name: str, value: Array | None) -> Path:
    """A copy of a file with one array changed, or without it."""
    with np.load(file_for(recipe)) as arrays:
        kept = {key: arrays[key] for key in arrays.files if key.removesuffix(".levels") != name}
    if value is not None:
        kept[name] = value
    np.savez(path, **kept)
    return path


@pytest.mark.parametrize(
    "array",
    ["after_5/generator/05_W", "average/discriminator/04_theta", "losses_generator", "fwd/unl"],
)
def test_a_number_of_another_script_is_seen(
    array: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with np.load(file_for("mnist")) as arrays:
        wrong = arrays[array] * (1 + 1e-6)
    path = changed("mnist", tmp_path / "wrong.npz", array, wrong)
    monkeypatch.setattr("sys.argv", ["golden", str(path)])
    assert main() == 1
    assert capsys.readouterr().out.count("above 1e-9") == 1


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["golden", *arguments])
    return main()


def test_bench_prints_a_table_and_exits_with_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, str(file_for("mnist"))) == 0
    shown = capsys.readouterr().out
    assert "through recipe mnist" in shown and "above" not in shown


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """The one line that a file is refused in."""
    assert run(monkeypatch, *args) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_another_recipe_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(file_for("cifar10"))
    line = refused(monkeypatch, capsys, path, "--recipe", "cifar10-minibatch")
    assert "was recorded from CIFAR-10 with feature matching" in line and "cifar10 or svhn" in line


def test_cut_and_foreign_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.npz"
    cut.write_bytes(file_for("mnist").read_bytes()[:100_000])
    assert f"{cut} is no file of recorded numbers" in refused(monkeypatch, capsys, str(cut))
    lacking = changed("mnist", tmp_path / "lacking.npz", "s03/D/draw009", None)
    assert "lacks the array s03/D/draw009" in refused(monkeypatch, capsys, str(lacking))
    wider = np.zeros((3, 9, 5, 5))
    other = changed("cifar10", tmp_path / "other.npz", "built/generator/08_W", wider)
    assert "it was recorded from another script" in refused(monkeypatch, capsys, str(other))
    rows = changed("mnist", tmp_path / "rows.npz", "s02/D/draw008", np.zeros((5, 12)))
    assert "shape" in refused(monkeypatch, capsys, str(rows))
    foreign = tmp_path / "foreign.npz"
    np.savez(foreign, x=np.zeros(3))
    assert "lacks the array noise_layers" in refused(monkeypatch, capsys, str(foreign))
    missing = tmp_path / "missing.npz"
    assert "is no file of recorded numbers" in refused(monkeypatch, capsys, str(missing))


# --- the seam ---


def test_supplied_draws_take_the_place_of_chance() -> None:
    chance = torch.Generator().manual_seed(0)
    x = torch.ones(2, 3, dtype=torch.float64)
    noise = torch.arange(6.0, dtype=torch.float64).view(2, 3)
    kept = torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    with supplied_draws([noise, kept]):
        assert torch.equal(GaussianNoise(0.5)(x, chance), x + noise)
        assert torch.equal(Dropout(0.2)(x, chance), kept.double() / 0.8)
    assert noise[0, 1] == 1  # what was supplied is as it was
    assert not torch.equal(GaussianNoise(0.5)(x, chance), x + noise)


def test_supplied_draws_must_be_as_many_and_of_the_shapes_asked_for() -> None:
    empty = torch.empty(2)
    with pytest.raises(ValueError, match="no supplied draw is left for one of shape"):
        with supplied_draws([]):
            draw_into(empty, torch.Tensor.zero_)
    with pytest.raises(ValueError, match=r"not all of the supplied draws .* one of shape \(2,\)"):
        with supplied_draws([empty]):
            pass
    with pytest.raises(ValueError, match=r"shape \(2,\) is asked for.*shape \(3,\)"):
        with supplied_draws([torch.empty(3)]):
            draw_into(empty, torch.Tensor.zero_)


def test_recorded_draws_are_supplied_again() -> None:
    x = torch.rand(8, 3, dtype=torch.float64)
    chance = torch.Generator().manual_seed(0)

    def drawn() -> list[torch.Tensor]:
        noisy = Dropout(0.5)(GaussianNoise(0.5)(x, chance), chance)
        return [noisy, *interpolate(x, noisy, chance)]

    with recorded_draws() as draws:
        first = drawn()
    assert [draw.dtype for draw in draws] == [torch.float64, torch.float32, torch.int64, x.dtype]
    with supplied_draws(draws), recorded_draws() as again:
        assert all(map(torch.equal, drawn(), first))
    assert all(map(torch.equal, draws, again))
    assert not any(map(torch.equal, drawn(), first)) and len(draws) == 4


def test_noise_depends_on_places_and_not_on_memory() -> None:
    x = torch.zeros(2, 3, 4, 4)

    def noise(like: torch.Tensor) -> torch.Tensor:
        chance = torch.Generator().manual_seed(0)
        return draw_like(like, lambda empty: empty.normal_(generator=chance))

    strided = noise(x.to(memory_format=torch.channels_last))
    assert torch.equal(strided, noise(x))
    assert strided.is_contiguous(memory_format=torch.channels_last)
    assert noise(x).std().item() == approx(1, abs=0.2)
