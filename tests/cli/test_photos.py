"""A user's way through fit and predict, on small pictures."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.commands import Call
from tests.embedding.pictures import picture, shapes, write

QUICK = ("--extractor", "pixels@8", "--max-epochs", "5", "--device", "cpu")


@pytest.mark.slow
def test_from_a_folder_to_sorted_predictions(call: Call, tmp_path: Path) -> None:
    shapes(tmp_path / "photos", labeled=4, unlabeled=12)
    code, out, err = call("fit", "photos", "--out", "model", *QUICK)
    assert code == 0, err
    assert "32 photographs, 8 labelled: dark 4, light 4" in out
    assert "the same without the game" in out and "No prediction is wrong, measured on 8 " in out
    assert "features 32/32" in err and "comparison 20/20" in err
    assert (tmp_path / "model" / "report.html").is_file()
    shapes(tmp_path / "new", labeled=0, unlabeled=3, seed=5)
    (tmp_path / "new" / "labeled").mkdir()
    (tmp_path / "new" / "unlabeled" / "x.jpg").write_bytes(b"broken")
    code, out, _ = call("predict", "model", "new", "--sort-into", "sorted", "--copy")
    assert code == 0
    assert "to look at: 1 unreadable" in out and "sorted into sorted: 7 copied" in out
    found = {file.parent.name + "/" + file.name for file in (tmp_path / "sorted").rglob("*.*")}
    assert {"dark/dark-0.png", "light/light-2.png", "_unsorted/x.jpg"} <= found
    table = pd.read_csv("new-predicted.csv")
    assert list(table["doubt"].fillna("")) == [""] * 6 + ["unreadable"]
    code, out, _ = call("predict", "model/model.zip", "photos/unlabeled/dark-5.png")
    assert code == 0 and pd.read_csv("dark-5-predicted.csv")["prediction"].tolist() == ["dark"]
    assert "dark-5.png: dark, " in out


def test_without_a_comparison_and_without_the_game(call: Call, tmp_path: Path) -> None:
    shapes(tmp_path / "photos", labeled=2, unlabeled=5)
    code, out, _ = call(
        "fit", "photos", "--out", "model", "--no-comparison", "--without-game", *QUICK
    )
    assert code == 0 and "method" not in out and "network" in out
    assert "error of held-out labels: " in out
    code, out, _ = call("predict", "model", "photos", "--json", "-")
    values = json.loads(out)
    assert values["predictions"] == "photos-predicted.csv" and sum(values["counts"].values()) == 14
    assert values["error"]["rows"] == 4 and values["doubts"]["unreadable"] == 0
    code, out, _ = call("predict", "model", "photos", "--probabilities")
    assert code == 0 and "no p-values: the model was fitted without the game" in out
    assert "probability_dark" in pd.read_csv("photos-predicted.csv")


def test_example(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("example", "digits")
    assert code == 0 and "50 in labeled/, 500 in test/, 1,247 in unlabeled/" in out
    assert "next: convergan fit digits --extractor pixels --out digits-model" in out
    assert call("example", "digits")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--target", "kind"), 2, "photos is a folder of photographs, so --target has no effect"),
        (("--decimal", "comma"), 2, "so --decimal has no effect"),
        (("--extractor", "nothing"), 2, "no extractor 'nothing'"),
        (("--class-prior", "odd"), 2, "--class-prior must be one of"),
        ((), 65, "no photograph has a label, of 1"),
    ],
)
def test_wrong_arguments_of_fit(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    write(tmp_path / "photos" / "1.png", picture(0))
    if arguments:
        write(tmp_path / "photos" / "a" / "2.png", picture(1))
        write(tmp_path / "photos" / "b" / "3.png", picture(2))
    extractor = () if "--extractor" in arguments else ("--extractor", "pixels@8")
    found, _, err = call("fit", "photos", "--out", "model", *extractor, *arguments)
    assert (found, message in err) == (code, True), err
    assert not (tmp_path / "model").exists() and len(err.splitlines()) <= 11


def test_wrong_arguments_of_predict(call: Call, tmp_path: Path) -> None:
    shapes(tmp_path / "photos", labeled=2, unlabeled=2)
    assert call("fit", "photos", "--out", "model", "--no-comparison", *QUICK)[0] == 0
    for arguments, code, message in (
        (("photos", "--copy"), 2, "--copy is for --sort-into FOLDER"),
        (("photos", "--keep", "id"), 2, "model is a model of photographs, so --keep has no effect"),
        (("photos", "--sort-into", "photos"), 2, "--sort-into photos is not empty"),
        (("none",), 65, "none is neither a photograph nor a folder of them"),
    ):
        found, _, err = call("predict", "model", *arguments)
        assert (found, message in err) == (code, True), err
    (tmp_path / "model" / "model.zip").write_bytes(b"PK")
    found, _, err = call("predict", "model", "photos")
    assert (found, "holds no model of photographs" in err) == (65, True), err


def test_options_of_photographs_are_refused_of_tables(call: Call, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("x,kind\n1,a\n2,b\n")
    for arguments, message in (
        (
            ("--target", "kind", "--workers", "2"),
            "table.csv is a table, so --workers has",
        ),
        (("--target", "kind", "--extractor", "minilm"), "so --extractor without --text has no eff"),
        ((), "which column has the labels? name it with --target"),
    ):
        code, _, err = call("fit", "table.csv", "--out", "model", *arguments)
        assert (code, message in err) == (2, True), err
