"""A user's way through fit and predict, on tables small enough to fit to in a second."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

import convergan
from convergan.cli.main import main
from tests.commands import Call
from tests.tabular.tables import COLUMNS, few, iris, wine

QUICK = ("--max-epochs", "25", "--device", "cpu")
QUICKEST = ("--max-epochs", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model of wine.csv and the table with all labels in full.csv."""
    folder = tmp_path_factory.mktemp("wine")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        few(wine(), "kind").to_csv("wine.csv", index=False)
        wine().to_csv("full.csv", index=False)
        fit = ["fit", "wine.csv", "--target", "kind", "--out", "model", "--drop", "id", *QUICK]
        patch.setattr(sys, "argv", ["convergan", *fit])
        with pytest.raises(SystemExit, match="^0$"):
            main()
    return folder


@pytest.mark.slow
def test_fitting_leaves_a_folder_that_says_how_good_the_model_is(fitted: Path) -> None:
    folder = fitted / "model"
    assert sorted(file.name for file in folder.iterdir()) == [
        *("arrays.safetensors", "environment.json", "model.json", "record.json", "report.html"),
        *("table.json", "to_label.csv"),
    ]
    record = json.loads((folder / "record.json").read_text())
    assert record["labelled"] == {"red": 5, "rosé": 5, "white": 5}
    assert record["risk_table"]["rows"][0] == 15 and record["opinions"][-1]["name"] == "game"
    assert record["class_shares"]["source"] == "uniform"
    assert record["versions"]["convergan"] == convergan.__version__
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3  # risk, losses, log D
    for heading in (
        "What each opinion was worth here",
        "Errors by confidence",
        "Rows to label next",
    ):
        assert f"<h2>{heading}</h2>" in page
    assert "<td>logistic regression</td>" in page and "http" not in page.split("<h2>Record")[0]
    to_label = pd.read_csv(folder / "to_label.csv", dtype={"id": str})
    assert list(to_label.columns) == ["row", "id", "prediction", "probability"]
    assert (to_label["id"] == to_label["row"].map("{:04d}".format)).all()
    assert wine()["kind"].groupby(wine()["kind"]).cumcount()[to_label["row"]].min() >= 5
    assert not list(fitted.glob(".tmp-*"))


def test_predictions_stand_beside_what_was_kept_and_are_compared_with_labels(
    fitted: Path, call: Call
) -> None:
    shuffled = wine().sample(frac=1, random_state=0)[wine().columns[::-1]].assign(more="ignored")
    shuffled.to_csv("shuffled.csv", index=False)
    code, shown, _ = call(
        *("predict", fitted / "model", "shuffled.csv", "--keep", "id,more", "--probabilities")
    )
    assert code == 0
    found = pd.read_csv("shuffled-predicted.csv", dtype={"id": str})
    assert list(found.columns) == [
        *("id", "more", "prediction", "probability"),
        *("probability_red", "probability_rosé", "probability_white"),
    ]
    assert (found["id"] == shuffled["id"].to_numpy()).all()
    wrong = int((found["prediction"] != shuffled["kind"].to_numpy()).sum())
    assert wrong < 30
    assert f"{wrong} of 178 labelled rows" in shown
    assert "no p-values" in shown and "very labels" not in shown
    top = found[["probability_red", "probability_rosé", "probability_white"]].max(axis=1)
    assert np.allclose(top, found["probability"])


def test_rows_of_little_confidence_are_not_answered(fitted: Path, call: Call) -> None:
    code, shown, _ = call(
        *("predict", fitted / "model", fitted / "full.csv", "--reject-below", 0.9, "--out", "p.csv")
    )
    assert code == 0
    found = pd.read_csv("p.csv")
    assert list(found.columns) == ["row", "prediction", "probability"]
    rejected = found["probability"] < 0.9
    assert 0 < rejected.sum() < 178
    assert (found["prediction"].isna() == rejected).all()
    assert f"of {178 - rejected.sum()} labelled rows" in shown
    again = ("predict", fitted / "model", fitted / "full.csv", "--reject-below", 0.9)
    code, alone, told = call(*again, "--json", "-", "--quiet")
    values = json.loads(alone)
    assert (code, told) == (0, "")
    assert (values["predictions"], values["rejected"]) == ("full-predicted.csv", rejected.sum())
    assert values["counts"] == found["prediction"].value_counts().to_dict()
    assert values["error"]["rows"] == 178 - rejected.sum()


@pytest.mark.slow
def test_a_fresh_process_and_the_estimator_predict_the_same(fitted: Path, call: Call) -> None:
    arguments = ("predict", fitted / "model", fitted / "full.csv", "--probabilities")
    assert call(*arguments, "--out", "here.parquet")[0] == 0
    subprocess.run(
        [sys.executable, "-m", "convergan", *map(str, arguments), "--out", "there.parquet"],
        check=True,
        capture_output=True,
    )
    here, there = pd.read_parquet("here.parquet"), pd.read_parquet("there.parquet")
    pd.testing.assert_frame_equal(here, there, check_exact=True)
    model = convergan.SemiSupervisedGANClassifier.load(fitted / "model")
    rows = pd.read_csv(fitted / "full.csv").drop(columns=["id", "kind"])
    assert (model.predict_proba(rows).max(axis=1) == here["probability"]).all()


def test_labels_that_were_fitted_to_are_no_test(fitted: Path, call: Call) -> None:
    _, shown, _ = call("predict", fitted / "model", fitted / "wine.csv")
    assert "of 15 labelled rows" in shown
    assert "the model was fitted to these very labels" in shown


@pytest.mark.slow
def test_csv_and_parquet_give_the_same_model(call: Call) -> None:
    few(wine(), "kind").to_csv("wine.csv", index=False)
    few(wine(), "kind").to_parquet("wine.parquet")
    for suffix in ("csv", "parquet"):
        fit = ("fit", f"wine.{suffix}", "--target", "kind", "--out", suffix, "--drop", "id")
        assert call(*fit, *QUICKEST)[0] == 0
    for name in ("arrays.safetensors", "to_label.csv"):
        assert Path("csv", name).read_bytes() == Path("parquet", name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "suffix", "kind"),
    [
        ([3, 5, -1], ".csv", "int64"),
        ([True, False, False], ".csv", "bool"),
        ([1.0, 2.0, 3.0], ".parquet", "Int64"),
        (["b", "a", "NA"], ".parquet", "string"),
    ],
)
def test_predictions_are_of_the_kind_of_the_labels(
    labels: list[Any], suffix: str, kind: str, call: Call
) -> None:
    table = iris(labels)
    if suffix == ".csv":
        table.to_csv("iris.csv", index=False)
    else:
        table.to_parquet("iris.parquet")
    fit = ("fit", f"iris{suffix}", "--target", "kind", "--out", "model", *QUICKEST)
    code, shown, _ = call(*fit)
    assert code == 0
    assert ("use --unlabeled -1" in shown) == (-1 in labels)
    assert call("predict", "model", f"iris{suffix}", "--out", "found.csv")[0] == 0
    assert call("predict", "model", f"iris{suffix}", "--out", "found.parquet")[0] == 0
    found = pd.read_csv("found.csv", keep_default_na=False)["prediction"]
    assert set(found) <= set(labels)
    stored = pd.read_parquet("found.parquet", dtype_backend="numpy_nullable")["prediction"]
    assert stored.dtype == {"int64": "Int64", "bool": "boolean"}.get(kind, kind)


@pytest.mark.slow
def test_a_column_of_embeddings_is_as_many_features(call: Call) -> None:
    table = iris(["a", "b", "c"])
    pd.DataFrame({"embedding": list(table[COLUMNS].to_numpy()), "kind": table["kind"]}).to_parquet(
        "embedded.parquet"
    )
    table.to_parquet("iris.parquet")
    for name in ("embedded", "iris"):
        code, shown, _ = call(
            *("fit", f"{name}.parquet", "--target", "kind", "--out", name, *QUICKEST)
        )
        assert code == 0 and "150 rows, 4 features, 15 labelled: a 5, b 5, c 5" in shown
    arrays = [Path(name, "arrays.safetensors").read_bytes() for name in ("embedded", "iris")]
    assert arrays[0] == arrays[1]
    assert call("predict", "embedded", "embedded.parquet")[0] == 0
    assert len(pd.read_parquet("embedded-predicted.parquet")) == 150


@pytest.mark.slow
def test_missing_values_and_categories_need_no_option(call: Call) -> None:
    table = iris(["a", "b", "c"]).assign(place=["north", "south", "east"] * 50)
    table.loc[7, "width"] = np.nan
    table.to_csv("iris.csv", index=False)
    fit = ("fit", "iris.csv", "--target", "kind", *QUICKEST)
    code, shown, _ = call(*fit, "--out", "model")
    assert code == 0 and "150 rows, 7 features" in shown
    assert "note: numbers are missing in 'width': medians stand for them" in shown
    code, _, told = call(*fit, "--out", "refused", "--missing", "refuse")
    assert code == 65
    assert told == (
        "convergan: column 'width' has no value in row 7 (counted from 0); write one, fit "
        "with --missing median, or fit without it, with --drop width\n"
    )
    code, shown, _ = call(*fit, "--out", "means", "--missing", "mean")
    assert code == 0 and "'width' is filled with its mean in 1 rows" in shown
    table.loc[:, "length"] = np.nan
    table.loc[3, "place"] = "west"
    table.drop(columns="kind").to_csv("later.csv", index=False)
    for model, told in (("model", "medians stand for them"), ("means", "filled with its mean")):
        code, shown, _ = call("predict", model, "later.csv")
        assert code == 0 and told in shown
        assert "such as 'west' (1 in all)" in shown and "error" not in shown


def test_pools_of_hundreds_give_p_values(call: Call) -> None:
    table = pd.concat([iris(["a", "b", "c"])] * 2, ignore_index=True)
    table.to_csv("iris.csv", index=False)
    fit = ("fit", "iris.csv", "--target", "kind", "--out", "model", "--features", "length,width")
    assert call(*fit, *QUICKEST)[0] == 0
    table["species"] = "d"
    table.rename(columns={"kind": "old", "species": "kind"}).to_csv("other.csv", index=False)
    code, shown, _ = call("predict", "model", "other.csv")
    assert code == 0
    assert "unlike the unlabelled rows of fit, p < 0.01: 0 rows" in shown
    assert "error: 100.00%, 300 of 300 labelled rows" in shown
    assert "labels that the model does not know, so never predicts: 'd'" in shown
    assert pd.read_csv("other-predicted.csv")["ood_pvalue"].between(0, 1).all()


def test_few_labels_and_keys_among_features_are_noted(call: Call) -> None:
    table = few(iris([0, 1, 2]), "kind", per_class=1)
    table.insert(0, "number", range(150))
    table.to_csv("iris.csv", index=False)
    arguments = ("fit", "iris.csv", "--target", "kind", "--out", "model", "--max-epochs", 1)
    code, shown, _ = call(*arguments, "--device", "cpu")
    assert code == 0
    assert "note: class 0 has 1 labeled row" in shown
    assert "note: column 'number' rises from row to row as a key does" in shown
    assert "no label could be held out, as no class has two: powers are the usual ones" in shown
    page = Path("model/report.html").read_text()
    assert '<div class="caution">' in page and "Nothing can be said about errors: " in page


def test_what_a_fit_found_is_printed(call: Call) -> None:
    iris(["a", "b", "c"]).to_csv("iris.csv", index=False)
    fit = ("fit", "iris.csv", "--target", "kind", "--out", "model", *QUICKEST)
    code, shown, _ = call(*fit, "--class-prior", "labels", "--without-game", "--json", "f.json")
    assert code == 0
    record = json.loads(Path("model/record.json").read_text())
    assert json.loads(Path("f.json").read_text()) == record
    made = json.loads(Path("model/environment.json").read_text())
    assert made["command"].startswith("convergan fit iris.csv --target kind")
    risk = record["risk_table"]
    assert f"error of held-out labels: {risk['risk'][0]:.2%}, " in shown
    assert f"of 15, 95% interval {risk['low'][0]:.2%} to {risk['high'][0]:.2%}" in shown
    powers = dict(re.findall(r"(trees|graph|network) +[│ ] *(?:[-\d.%]+) +[│ ] *([\d.]+)", shown))
    found = {one["name"]: f"{one['power']:.2f}" for one in record["opinions"]}
    assert powers["graph"] == found["graph"] and powers["network"] == found["network"]
    assert (
        "shares of the classes, those of the labels, with one more of each class: a 33.3%" in shown
    )
    assert record["arguments"]["game"] is False and record["class_shares"]["source"] == "labels"
    assert "log D" not in Path("model/report.html").read_text()
    _, shown, _ = call("predict", "model", "iris.csv")
    assert "no p-values: the model was fitted without the game" in shown
    assert "ood_pvalue" not in pd.read_csv("iris-predicted.csv").columns


def test_the_guard_is_gone_and_says_so(call: Call) -> None:
    iris(["a", "b", "c"]).to_csv("iris.csv", index=False)
    fit = ("fit", "iris.csv", "--target", "kind", *QUICKEST)
    code, plain, told = call(*fit, "--out", "plain")
    assert (code, told) == (0, "") and "--guard" not in plain
    for option in ("--guard", "--no-guard"):
        code, shown, _ = call(*fit, "--out", option[2:], option)
        assert code == 0 and shown.count("--guard and --no-guard have no effect and will go") == 1
        arrays = [Path(name, "arrays.safetensors").read_bytes() for name in ("plain", option[2:])]
        assert arrays[0] == arrays[1]


def test_the_page_shows_names_that_look_like_tags_as_they_are(call: Call) -> None:
    table = iris(["<script>", "μέγα", "大"]).rename(columns={"kind": "a<b>"})
    table.to_csv("<i>大&.csv", index=False)
    assert call("fit", "<i>大&.csv", "--target", "a<b>", "--out", "model", *QUICKEST)[0] == 0
    page = Path("model/report.html").read_text()
    assert "<h1>a&lt;b&gt; from &lt;i&gt;大&amp;.csv</h1>" in page
    for name in ("&lt;script&gt;", "μέγα", "大"):
        assert f'<td>{name}</td><td class="number">5</td>' in page
    assert "<script" not in page and "<i>" not in page and "<b>" not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image-shape", "1,2,3"), "--image-shape (1, 2, 3) has 6 values, X has 4 features"),
        (("--estimators", 0), "--estimators must be an integer of 1 or more, got 0"),
        (("--class-prior", "even"), "--class-prior must be one of auto, labels, uniform, "),
        (("--max-seconds", 0), "--max-seconds must be above 0, got 0.0"),
        (("--device", "tpu"), "--device must be auto, cpu, cuda or another name of torch's, got"),
    ],
)
def test_what_the_estimator_refuses_leaves_no_folder(
    arguments: tuple[object, ...], message: str, call: Call
) -> None:
    iris(["a", "b", "c"]).to_csv("iris.csv", index=False)
    code, _, told = call("fit", "iris.csv", "--target", "kind", "--out", "model", *arguments)
    assert code == 2
    assert told.startswith(f"convergan: {message}") and told.count("\n") == 1
    assert [file.name for file in Path.cwd().iterdir()] == ["iris.csv"]


@pytest.mark.slow
def test_rows_may_be_images(call: Call) -> None:
    data = load_digits(n_class=2, as_frame=True)
    few(data.data.head(100).assign(digit=data.target), "digit").to_csv("digits.csv", index=False)
    fit = ("fit", "digits.csv", "--target", "digit", "--out", "model", *QUICKEST)
    assert call(*fit, "--image-shape", "1,8,8")[0] == 0
    record = json.loads(Path("model/record.json").read_text())
    assert record["arguments"]["image_shape"] == [1, 8, 8]
    assert call("predict", "model", "digits.csv")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["wine.csv", "--target", "knd"], 2, "wine.csv has no column 'knd'; did you mean 'kind'?"),
        (["lost.csv", "--target", "kind"], 65, "there is no file lost.csv"),
        (["wine.xlsx", "--target", "kind"], 2, "a table is .csv, .tsv or .parquet, got wine.xlsx"),
        (["wine.csv", "--target", "id", "--drop", "kind"], 65, "at least two classes"),
        (["wine.csv", "--target", "empty"], 65, "target 'empty' is empty in all 178 rows"),
        (["wine.csv", "--target", "hue"], 65, "numbers that are not whole, such as 1.04"),
        (["wine.csv", "--target", "kind"], 65, "column 'name' is text of 178 kinds"),
        (["wine.csv", "--target", "kind", "--drop", "nme"], 2, "did you mean 'name'?"),
        (["wine.csv", "--target", "kind", "--features", "kind"], 2, "'kind' is the target"),
        (
            ["wine.csv", "--target", "kind", "--features", "hue", "--drop", "id"],
            2,
            "--drop has no effect",
        ),
        (["wine.csv", "--target", "kind", "--missing", "zero"], 2, "mean or refuse, got 'zero'"),
        (["wine.csv", "--target", "price"], 65, "'price' looks like one of regression: 178 diff"),
        (["wine.csv", "--target", "day"], 65, "'day' holds dates or times, such as '2026-01-01'"),
        (["wine.csv", "--target", "kind", "--features", "far"], 65, "'far' is infinite in row 3"),
        (["wine.csv", "--target", "kind", "--image-shape", "8x8"], 2, "C,H,W such as 1,28,28"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_a_line(
    arguments: list[str], code: int, message: str, call: Call
) -> None:
    table = few(wine(), "kind").assign(empty=np.nan, id="same", price=np.arange(178) ** 2)
    table["name"] = [f"bottle {number}" for number in range(178)]
    table["day"] = pd.date_range("2026-01-01", periods=178).astype(str)
    table["far"] = np.where(np.arange(178) == 3, np.inf, 1.0)
    table.to_csv("wine.csv", index=False)
    left, shown, told = call("fit", *arguments, "--out", "model")
    assert (left, shown) == (code, "")
    assert message in told
    assert told.startswith("convergan: ") and told.count("\n") == 1
    assert [file.name for file in Path.cwd().iterdir()] == ["wine.csv"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["lost", "full.csv"], 65, "lost is not a model folder: convergan fit writes one"),
        (["model", "lost.csv"], 65, "there is no file lost.csv"),
        (["model", "full.csv", "--keep", "di"], 2, "no column 'di'; did you mean 'id'?"),
        (["model", "full.csv", "--reject-below", "80"], 2, "must be from 0 to 1, got 80"),
        (["model", "full.csv", "--out", "p.txt"], 2, "a table is .csv, .tsv or .parquet"),
        (["model", "full.csv", "--out", "./full.csv"], 2, "is the table itself; choose another"),
        (
            ["model", "narrow.csv"],
            65,
            "narrow.csv lacks 2 of the model's columns: 'alcohol', 'hue'",
        ),
        (["model", "text.csv"], 65, "'hue' holds numbers, got categories: 'dark' in row 2"),
        (["model", "far.csv"], 65, "column 'hue' is infinite in row 0"),
        (["model", "taken.csv", "--keep", "prediction"], 2, "--keep prediction: predictions have"),
    ],
)
def test_what_cannot_be_predicted_is_refused_in_a_line(
    arguments: list[str], code: int, message: str, call: Call, fitted: Path
) -> None:
    full = wine().head(5)
    full.to_csv("full.csv", index=False)
    full.drop(columns=["hue", "alcohol"]).to_csv("narrow.csv", index=False)
    full.assign(hue=[1, 1, "dark", 1, 1]).to_csv("text.csv", index=False)
    full.assign(hue=np.inf).to_csv("far.csv", index=False)
    full.assign(prediction=1).to_csv("taken.csv", index=False)
    Path("model").symlink_to(fitted / "model")
    before = sorted(Path.cwd().iterdir())
    left, shown, told = call("predict", *arguments)
    assert (left, shown) == (code, "")
    assert message in told
    assert told.startswith("convergan: ") and told.count("\n") == 1
    assert sorted(Path.cwd().iterdir()) == before


def test_damage_and_other_versions_are_refused_in_a_line(call: Call, fitted: Path) -> None:
    def refusal(name: str, change: Callable[[str], str]) -> str:
        file = fitted / "model" / name
        intact = file.read_bytes()
        file.write_text(change(intact.decode("latin-1")), encoding="latin-1")
        code, shown, told = call("predict", fitted / "model", fitted / "full.csv")
        file.write_bytes(intact)
        assert (code, shown, told.count("\n")) == (65, "", 1)
        return told

    assert "damaged: its hash is another" in refusal(
        "table.json", lambda text: text.replace("alcohol", "alcohols")
    )
    assert "of another version of convergan: format 1 is read here" in refusal(
        "table.json", lambda text: text.replace('"format": 1', '"format": 2')
    )
    assert "table.json is damaged: Unterminated string" in refusal(
        "table.json", lambda text: text[:-5]
    )
    assert "model.json is damaged, or another model's" in refusal(
        "model.json", lambda text: text + " "
    )
    assert "arrays.safetensors is damaged" in refusal(
        "arrays.safetensors", lambda text: text[:-1] + "x"
    )


def test_a_folder_that_is_there_is_not_written_to(call: Call) -> None:
    Path("model").mkdir()
    code, _, told = call("fit", "wine.csv", "--target", "kind", "--out", "model")
    assert code == 2
    assert told == "convergan: model exists; a model is written to a new folder, choose another\n"


@pytest.mark.slow
def test_control_c_stops_the_fit_and_leaves_nothing(call: Call) -> None:
    few(wine(), "kind").to_csv("wine.csv", index=False)
    before = signal.getsignal(signal.SIGINT)

    def press() -> None:
        while signal.getsignal(signal.SIGINT) is before:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press, daemon=True)
    presser.start()
    fit = ("fit", "wine.csv", "--target", "kind", "--drop", "id", "--out", "model")
    code, _, told = call(*fit, "--max-epochs", 100_000, "--device", "cpu")
    presser.join()
    assert code == 130
    assert told == "convergan: stopped by SIGINT while fitting; nothing was written\n"
    assert [file.name for file in Path.cwd().iterdir()] == ["wine.csv"]
