from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convergan.data import DataError
from convergan.labeling.items import Fields, Passage
from convergan.labeling.table_items import table_items


def quiet(done: int, total: int) -> None:
    pass


def table(file: Path, **columns: Any) -> Path:
    frame = pd.DataFrame({"size": [1.5, 2.0, None], "kind": ["a", None, "b"], **columns})
    frame.to_csv(file, index=False) if file.suffix == ".csv" else frame.to_parquet(file)
    return file


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_is_a_card_without_its_label(tmp_path: Path, suffix: str) -> None:
    items = table_items(table(tmp_path / f"t{suffix}", color=["red", "blue", "red"]), "kind")
    assert items.names == ["0", "1", "2"] and items.labels == ["a", None, "b"]
    card = items.card(2, 0)
    assert isinstance(card, Fields) and card.cells == [("size", ""), ("color", "red")]
    rows = items.rows(quiet)
    assert list(rows.columns) == ["size", "color=blue", "color=red"] or rows.shape == (3, 3)


def test_a_target_that_is_not_there_yet_is_added(tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv")
    items = table_items(file, "mood", drop=["kind"])
    assert items.labels == [None] * 3
    assert any("has no column 'mood'" in text for text in items.notices)
    assert items.columns == ["size"]
    filled = items.fill({"0": "good", "2": "bad, very"})
    assert filled.decode() == 'size,kind,mood\n1.5,a,good\n2.0,,\n,b,"bad, very"\n'
    assert items.filled == "t-labelled.csv" and file.read_text().startswith("size,kind\n")


def test_a_filled_table_has_the_labels_in_its_target(tmp_path: Path) -> None:
    items = table_items(table(tmp_path / "t.csv"), "kind")
    assert items.fill({"1": "c"}).decode() == "size,kind\n1.5,\n2.0,c\n,\n"
    assert "convergan fit t-labelled.csv --target kind --out model" in items.next_step


def test_a_text_is_a_card_with_what_stands_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = table(tmp_path / "t.csv", text=["first", "second\nline", "third"])
    (tmp_path / "width.py").write_text(
        "import numpy as np\ndef width(texts): return np.array([[len(t)] for t in texts])\n"
    )
    items = table_items(file, "kind", text="text", extractor=f"{tmp_path / 'width.py'}:width")
    card = items.card(1, 0)
    assert card == Passage("second\nline", [("size", "2.0")])
    assert items.noun == ("text", "texts")
    np.testing.assert_array_equal(items.rows(quiet), [[5], [11], [5]])


def test_long_cells_and_many_columns_are_cut_short_on_the_card(tmp_path: Path) -> None:
    many = {f"c{n}": [n] * 3 for n in range(80)}
    items = table_items(table(tmp_path / "t.parquet", long=["x" * 900] * 3, **many), "kind")
    card = items.card(0, 0)
    assert isinstance(card, Fields)
    assert card.cells[-1] == ("…", "22 more columns")
    assert len(dict(card.cells)["long"]) == 301


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"drop": ["size"]}, "no column to learn from beside 'kind'"),
        ({"text": "nothing"}, "nothing"),
        ({"drop": ["kind"]}, "is the target"),
    ],
)
def test_wrong_columns_are_refused(tmp_path: Path, options: Any, match: str) -> None:
    with pytest.raises((ValueError, DataError), match=match):
        table_items(table(tmp_path / "t.csv"), "kind", **options)
