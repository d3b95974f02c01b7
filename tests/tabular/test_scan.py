from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from convergan.data import DataError
from convergan.tabular.fitting import TableOptions, read_training_table
from convergan.tabular.reading import read_table
from convergan.tabular.scan import scan_table, summary_lines, to_json


def test_a_scan_says_what_becomes_of_every_column(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    lines = [f'{n},{n}.5,"{n},5",2026-01-0{n + 1},{"ab"[n % 2]}' for n in range(4)]
    file.write_text("\n".join(["zip,size,price,day,kind", *lines, "4,,1,2026-02-01,a"]) + "\n")
    scan = scan_table(read_table(file))
    assert [(c.name, c.kind, c.features, c.cells) for c in scan.columns] == [
        ("zip", "numbers", 1, 5),
        ("size", "numbers", 1, 4),
        ("price", "", 0, 5),
        ("day", "", 0, 5),
        ("kind", "categories", 2, 5),
    ]
    assert scan.line() == (
        "5 rows, 5 columns; 2 cannot become features (price, day); 1 have empty cells (size)"
    )
    told = list(summary_lines(scan))
    assert told[-1] == scan.line()
    assert any("refused: column 'price' holds numbers with a decimal comma" in t for t in told)
    assert any("refused: column 'day' holds dates or times" in line for line in told)
    assert to_json(scan)["columns"][4]["distinct"] == 2


def test_marks_among_numbers_are_no_class(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("size,kind\n1,a\n#N/A,b\n2,a\n")
    assert scan_table(read_table(file)).columns[0].notices == [
        "if column 'size' is the target: '#N/A' counts as a class; if it marks unlabelled rows, "
        "use --unlabeled '#N/A'",
        "column 'size' holds 1 cell that counts as empty: '#N/A' (1)",
    ]


@pytest.mark.parametrize("written", ["Infinity", "-inf", "1e400"])
@pytest.mark.filterwarnings("error")
def test_a_scan_refuses_infinite_text_as_a_fit_does(tmp_path: Path, written: str) -> None:
    file = tmp_path / "t.csv"
    rows = [f"{n},{'ab'[n % 2]}" for n in range(30)]
    file.write_text("\n".join(["size,kind", *rows, f"{written},a", "-Infinity,b"]) + "\n")
    require_one_answer(file, "column 'size' is infinite in row 30 (counted from 0)")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([[1.0, 2.0], [3.0], None], "lists of 2 numbers, that of row 1 (counted from 0) has 1"),
        ([[[1.0], [2.0]], [[1.0], [2.0]], None], "must hold flat lists of numbers"),
    ],
)
def test_a_scan_refuses_lists_as_a_fit_does(tmp_path: Path, cells: Any, message: str) -> None:
    file = tmp_path / "t.parquet"
    pd.DataFrame({"size": cells, "kind": ["a", "b", "a"]}).to_parquet(file)
    require_one_answer(file, message)


def require_one_answer(file: Path, message: str) -> None:
    """Require that scan and fit refuse the column named size with one message."""
    with pytest.raises(DataError) as refusal:
        read_training_table(file, TableOptions(target="kind"))
    found = scan_table(read_table(file)).columns[0]
    assert message in str(refusal.value)
    assert (found.refused, found.kind) == (str(refusal.value), "")


def test_a_scan_tells_of_the_index_of_pandas_as_a_fit_does(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    table = pd.DataFrame({"key": [4, 9, 7], "size": [1, 2, 3], "kind": ["a", "b", "a"]})
    table.set_index("key").to_parquet(file)
    told = ["not learned from, as pandas stored it as the index: 'key'"]
    assert scan_table(read_table(file)).notices == told
    assert read_training_table(file, TableOptions(target="kind")).notices == told
