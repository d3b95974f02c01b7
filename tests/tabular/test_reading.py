import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.api.types import is_numeric_dtype

from convergan.data import DataError
from convergan.tabular.columns import learn
from convergan.tabular.naming import find_column
from convergan.tabular.reading import Table, read_table, write_table


def written(folder: Path, text: str, name: str = "table.csv") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def values(table: Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.values(table.names).frame
    return frame


def test_only_an_empty_cell_of_text_has_no_value(tmp_path: Path) -> None:
    file = written(tmp_path, "kind,size\nNA,1\n,2\nNone,NA\n")
    found = read_table(file)
    kind, table = found.stored(["kind"])["kind"], values(found)
    assert kind.tolist()[::2] == ["NA", "None"]
    assert kind.isna().tolist() == [False, True, False]
    assert table["size"].isna().tolist() == [False, False, True]
    assert is_numeric_dtype(table["size"])


def test_a_column_of_nothing_but_marks_has_no_values(tmp_path: Path) -> None:
    table = values(read_table(written(tmp_path, "size,kind\nNA,a\n?,b\n")))
    assert table["size"].isna().all() and is_numeric_dtype(table["size"])


def test_identifiers_keep_their_zeros_and_truth_values_may_be_missing(tmp_path: Path) -> None:
    file = written(tmp_path, "id,old\n007,True\n010,\n")
    table = read_table(file)
    assert table.stored(["id"])["id"].tolist() == ["007", "010"]
    assert values(table)["old"].dtype == "boolean"


def test_marks_of_the_encoding_and_blanks_are_no_part_of_names_or_categories(
    tmp_path: Path,
) -> None:
    table = read_table(written(tmp_path, "\ufeffa, b\n1, x\n2,x \n"))
    assert table.stored(["a", "b"]).to_dict("list") == {"a": ["1", "2"], "b": [" x", "x "]}
    assert learn(values(table)["b"], "b").categories == ("x",)


def test_tabs_separate_columns_of_tsv(tmp_path: Path) -> None:
    file = written(tmp_path, "a\tb\n1\t2,5\n", "table.tsv")
    assert read_table(file).stored("ab").to_dict("list") == {"a": ["1"], "b": ["2,5"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a table: it has no line with names"),
        ("a,b\n", "has no rows"),
        ("a,a\n1,2\n", "has two columns 'a'"),
        ("a,b\n1,2,3\n4,5,6\n", "rows with more cells than its first line has names"),
        ("a,b\n1,2\n4,5,6\n", "more cells than its first line has names: line 3 has 3"),
    ],
)
def test_text_that_is_no_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(written(tmp_path, text))


def test_other_encodings_formats_and_lost_files_are_refused(tmp_path: Path) -> None:
    latin = tmp_path / "latin.csv"
    latin.write_bytes("a\nИван и Пётр\n".encode("cp1251"))
    with pytest.raises(DataError, match="not text in UTF-8; it may be .* with --encoding"):
        read_table(latin)
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_table(written(tmp_path, "a,b\n", "table.parquet"))
    with pytest.raises(DataError, match="there is no file .*lost.csv"):
        read_table(tmp_path / "lost.csv")
    with pytest.raises(ValueError, match=re.escape("a table is .csv, .tsv or .parquet, got")):
        read_table(written(tmp_path, "", "table.xlsx"))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_what_is_written_is_read(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"row": [0, 1], "p": [0.25, 0.75], "kind": ["a", "b"]})
    file = tmp_path / "folder" / f"table{suffix}"
    write_table(file, frame)
    assert values(read_table(file)).to_dict("list") == frame.to_dict("list")
    assert [f.name for f in file.parent.iterdir()] == [file.name]


def test_damage_within_a_parquet_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "table.parquet"
    pd.DataFrame({"a": np.arange(1000) / 7}).to_parquet(file)
    data = bytearray(file.read_bytes())
    data[4:40] = bytes(36)
    file.write_bytes(data)
    with pytest.raises(DataError, match="table.parquet cannot be read as a table"):
        read_table(file)


def test_a_column_far_from_all_names_is_answered_with_some_of_them() -> None:
    with pytest.raises(ValueError, match="no column 'zzz'; its columns are 'c0', .*'c7' and more"):
        find_column("zzz", [f"c{number}" for number in range(9)], "table.csv")
