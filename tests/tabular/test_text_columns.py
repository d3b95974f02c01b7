from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from convergan.data import DataError
from convergan.embedding import find_text_network
from convergan.tabular import (
    FitOptions,
    TableOptions,
    assess_rows,
    fit_table,
    predict_table,
    read_model,
    read_training_table,
    write_model,
)
from convergan.tabular.columns import LIST
from convergan.tabular.text_columns import embed_column

OWN = "def mine(texts):\n    return [[len(t), t.count('a'), t.count('b')] for t in texts]\n"


@pytest.fixture
def extractor(tmp_path: Path) -> str:
    (tmp_path / "own.py").write_text(OWN)
    return f"{tmp_path / 'own.py'}:mine"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    chance = np.random.default_rng(0)
    texts = ["".join(chance.choice(list("aac"), 20)) for _ in range(40)]
    texts += ["".join(chance.choice(list("bbc"), 20)) for _ in range(40)]
    kinds = ["a"] * 3 + [""] * 37 + ["b"] * 3 + [""] * 37
    frame = pd.DataFrame({"id": range(80), "body": texts, "kind": kinds, "size": 1.5})
    frame.to_csv(tmp_path / "texts.csv", index=False)
    return tmp_path / "texts.csv"


def test_texts_are_learned_from_and_predicted(table: Path, extractor: str) -> None:
    options = TableOptions(target="kind", texts=["body"], extractor=extractor)
    rows = read_training_table(table, options)
    assert [column.kind for column in rows.columns] == [LIST]
    assert list(rows.features) == ["body[0]", "body[1]", "body[2]"]
    assert list(rows.beside)[0] == "body"
    fitted = fit_table(rows, FitOptions(max_epochs=5))
    folder = table.with_name("model")
    write_model(folder, rows, fitted, assess_rows(rows, fitted), FitOptions())
    found = predict_table(read_model(folder), table)
    assert found.table["prediction"].tolist() == ["a"] * 40 + ["b"] * 40
    assert "body" in pd.read_csv(folder / "to_label.csv")


def test_other_columns_only_where_they_are_named(table: Path, extractor: str) -> None:
    options = TableOptions(target="kind", texts=["body"], features=["size"], extractor=extractor)
    assert list(read_training_table(table, options).features)[0] == "size"


def test_a_missing_text_is_a_missing_list(extractor: str) -> None:
    cells = pd.Series(["ab", None, "  ", "b"])
    found = embed_column(cells, "body", find_text_network(extractor))
    assert found[1] is None and found[2] is None and found[0].tolist() == [2, 1, 1]


def test_another_network_is_refused(table: Path, extractor: str) -> None:
    options = TableOptions(target="kind", texts=["body"], extractor=extractor)
    rows = read_training_table(table, options)
    fitted = fit_table(rows, FitOptions(max_epochs=1))
    folder = table.with_name("model")
    write_model(folder, rows, fitted, assess_rows(rows, fitted), FitOptions())
    own = table.with_name("own.py")
    own.write_text(OWN.replace("'b'", "'c'"))
    with pytest.raises(DataError, match="was fitted to features of own.py:mine.*now is own.py:min"):
        predict_table(read_model(folder), table)
    own.unlink()
    with pytest.raises(DataError, match="column 'body' needs its network"):
        predict_table(read_model(folder), table)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": ["size"]}, "column 'size' is not of texts: 1.5 in row 0"),
        ({"texts": ["kind"]}, "'kind' is the target"),
        ({"texts": ["body"], "drop": ["id"]}, "--drop has no effect"),
        ({"texts": ["bdy"]}, "bdy"),
    ],
)
def test_wrong_columns(
    table: Path, extractor: str, changes: dict[str, list[str]], message: str
) -> None:
    parquet = table.with_suffix(".parquet")
    pd.read_csv(table).to_parquet(parquet)
    options = TableOptions(target="kind", extractor=extractor, **changes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        read_training_table(parquet, options)
