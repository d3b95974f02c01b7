from pathlib import Path

import numpy as np
import pytest

from bench.held_out import main


def hold_out(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["held_out", *map(str, arguments)])
    main()


def test_training_rows_become_a_set_with_test_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "all.npz", tmp_path / "held.npz"
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    np.savez(source, x_train=images, y_train=np.arange(20) % 2)
    hold_out(monkeypatch, source, out, "--train", 0, 12, "--test", 15, 20)
    assert capsys.readouterr().out == f"{out}: 12 training rows, 5 test\n"
    with np.load(out) as held:
        assert np.array_equal(held["x_train"][:, 0], images[:12])
        assert np.array_equal(held["x_test"][:, 0], images[15:])
        assert held["y_test"].tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    "ranges, said",
    [
        ("--train 0 900 --test 800 1000", "rows of --train and --test are the same in part"),
        ("--train 0 900 --test 900 2000", "--test 900 2000 is no range of the 1297 rows"),
        ("--train 900 0 --test 900 1000", "--train 900 0 is no range of the 1297 rows"),
        ("--train 5 5 --test 900 1000", "--train 5 5 is no range of the 1297 rows"),
        ("--train -9 5 --test 900 1000", "--train -9 5 is no range of the 1297 rows"),
    ],
)
def test_ranges_that_are_none_are_refused(
    ranges: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as left:
        hold_out(monkeypatch, "digits", tmp_path / "held.npz", *ranges.split())
    assert left.value.code == 2 and said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_unknown_source_and_a_file_of_another_kind_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ("--train", 0, 5, "--test", 5, 9)
    for source, out, said in (
        (tmp_path / "none.npz", tmp_path / "held.npz", "there is no file"),
        ("digits", tmp_path / "held", "must be a .npz file in a folder that exists"),
        ("digits", tmp_path / "nowhere" / "held.npz", "must be a .npz file in a folder"),
    ):
        with pytest.raises(SystemExit):
            hold_out(monkeypatch, source, out, *rows)
        assert said in capsys.readouterr().err
