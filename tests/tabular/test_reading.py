import csv
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.api.types import is_numeric_dtype

from convergan.data import DataError
from convergan.data.text_tables import TextFormat
from convergan.tabular.columns import learn, read_features
from convergan.tabular.naming import find_column
from convergan.tabular.reading import Table, TableFormat, read_table, write_table
from tests.files.tables import CITIES, IDS, KINDS, NAMES, PARQUET, TEXTS, WIDTHS, integer_names


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


# --- what programs write, see tests/files/tables.py ----------------------------------------------


def as_the_corpus(table: Table) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = table.stored(table.names).to_dict("list")
    return {name: [None if cell is pd.NA else cell for cell in found[name]] for name in NAMES}


@pytest.mark.parametrize("name", TEXTS)
def test_what_spreadsheets_write_is_read_as_it_stands_there(tmp_path: Path, name: str) -> None:
    dialect = TEXTS[name]
    file = tmp_path / f"table.{'tsv' if dialect.separator == chr(9) else 'csv'}"
    dialect.write(file)
    table = read_table(file, TableFormat(decimal=dialect.decimal))
    assert as_the_corpus(table) == {
        "id": IDS,
        "width": [dialect.number(width) for width in WIDTHS],
        "city": CITIES,
        "kind": KINDS,
    }
    assert table.values(["width"]).frame["width"].tolist() == WIDTHS
    told = any("not in UTF-8" in notice for notice in table.notices)
    assert told == (dialect.encoding == "cp1252")


@pytest.mark.parametrize("name", TEXTS)
def test_numbers_of_other_countries_are_never_taken_for_something_else(
    tmp_path: Path, name: str
) -> None:
    dialect = TEXTS[name]
    dialect.write(tmp_path / "table.csv")
    table = read_table(tmp_path / "table.csv")
    if dialect.decimal == "." and not dialect.group:
        assert table.values(["width"]).frame["width"].tolist() == WIDTHS
    else:
        with pytest.raises(DataError, match="'width' holds numbers .* say --decimal"):
            table.values(["width"])


@pytest.mark.parametrize("name", PARQUET)
def test_parquet_of_every_program_is_read_with_its_values(tmp_path: Path, name: str) -> None:
    path = tmp_path / "table.parquet"
    PARQUET[name](path)
    table = read_table(path)
    order = np.argsort(WIDTHS) if "shuffled" in name else range(5)
    found = as_the_corpus(table)
    assert found["id"] == [IDS[row] for row in order]
    assert found["city"] == [CITIES[row] for row in order]
    assert found["kind"] == [KINDS[row] for row in order]
    assert [float(width) for width in found["width"]] == [WIDTHS[row] for row in order]
    values = table.values(["width"]).frame
    learned = read_features(values, [learn(values["width"], "width")])
    assert learned.frame["width"].tolist() == [WIDTHS[row] for row in order]
    assert table.index == (("id",) if name == "pandas, index" else ())


@pytest.mark.parametrize("name", PARQUET)
def test_what_is_copied_to_text_and_back_does_not_change(tmp_path: Path, name: str) -> None:
    PARQUET[name](tmp_path / "table.parquet")
    table = read_table(tmp_path / "table.parquet")
    write_table(tmp_path / "copy.csv", table.stored(NAMES))
    copied = as_the_corpus(read_table(tmp_path / "copy.csv"))
    there = as_the_corpus(table)
    assert [float(width) for width in copied.pop("width")] == [float(w) for w in there.pop("width")]
    assert copied == there


def test_columns_without_text_as_name_are_found_by_what_is_typed(tmp_path: Path) -> None:
    integer_names(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").names == ["0", "1", "2"]
    table = read_table(written(tmp_path, ',"Umsatz\n(EUR)","a, b"\n0,1,2\n'))
    assert table.names == ["Unnamed: 0", "Umsatz (EUR)", "a, b"]
    assert table.find("Umsatz (EUR)") == "Umsatz (EUR)"
    assert any("without a name are called 'Unnamed: 0'" in notice for notice in table.notices)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([12345678.0, None, 2.0**53 - 1]), ["12345678", "", "9007199254740991"]),
        (pa.array([0.1, 1e300, -0.5]), ["0.1", "1e+300", "-0.5"]),
        (pa.array([0.1, 16777216.0], pa.float32()), ["0.1", "16777216.0"]),
        (pa.array([2**63 - 1, -(2**63)]), ["9223372036854775807", "-9223372036854775808"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([Decimal("1.50"), Decimal("0.00")]), ["1.50", "0.00"]),
        (pa.array([True, None, False]), ["True", "", "False"]),
        (pa.array(["NA", "", "007"]), ["NA", "", "007"]),
        (pa.array([date(2026, 1, 31)]), ["2026-01-31"]),
    ],
)
def test_cells_that_are_copied_say_all_of_their_value(
    tmp_path: Path, values: Any, texts: list[str]
) -> None:
    columns = {"x": values, "y": pa.array(["y"] * len(values))}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    write_table(tmp_path / "t.csv", read_table(tmp_path / "t.parquet").stored(["x", "y"]))
    with (tmp_path / "t.csv").open(newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["x", *texts]


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["y", "x", None]).dictionary_encode(),
        pa.array([[1], [2, 3], None]),
        pa.array([{"a": 1}, {"a": 2}, None]),
        pa.array([date(2026, 1, 31), None, None]),
    ],
    ids=lambda values: str(values.type),
)
def test_columns_that_are_copied_to_parquet_keep_their_type_and_pandas_reads_them(
    tmp_path: Path, values: Any
) -> None:
    pq.write_table(pa.table({"x": values, "y": [1.5, 2.5, 3.5]}), tmp_path / "t.parquet")
    write_table(tmp_path / "u.parquet", read_table(tmp_path / "t.parquet").stored(["x", "y"]))
    assert pq.read_table(tmp_path / "u.parquet").column("x").combine_chunks().equals(values)
    assert (
        pd.read_parquet(tmp_path / "u.parquet")["x"].notna().tolist()
        == values.is_valid().to_pylist()
    )


HERE = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
CELLS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=6)


@pytest.mark.slow
@given(
    rows=st.lists(st.tuples(st.integers(), CELLS, CELLS), min_size=1, max_size=8),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
@HERE
def test_every_text_that_is_written_is_read_again(
    tmp_path: Path, rows: list[tuple[int, str, str]], separator: str, encoding: str, newline: str
) -> None:
    file = tmp_path / "table.csv"
    with file.open("w", newline="", encoding=encoding) as opened:
        writer = csv.writer(
            opened, delimiter=separator, lineterminator=newline, quoting=csv.QUOTE_ALL
        )
        writer.writerows([("key", "one", "other"), *rows])
    table = read_table(file, TableFormat(text=TextFormat(separator=separator)))
    found = table.stored(table.names)
    assert len(found) == len(rows)
    assert found["key"].tolist() == [str(key) for key, _, _ in rows]
    for place, name in ((1, "one"), (2, "other")):
        assert [cell if cell is not pd.NA else "" for cell in found[name]] == [
            r[place] for r in rows
        ]


@pytest.mark.slow
@given(
    values=st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False), st.integers(-(2**53), 2**53).map(float)),
        min_size=1,
        max_size=8,
    )
)
@HERE
def test_every_number_that_is_copied_is_the_same_number(
    tmp_path: Path, values: list[float | None]
) -> None:
    columns = {"x": pa.array(values, pa.float64()), "y": pa.array(["y"] * len(values))}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    write_table(tmp_path / "t.csv", read_table(tmp_path / "t.parquet").stored(["x", "y"]))
    found = read_table(tmp_path / "t.csv").values(["x"]).frame["x"]
    assert [None if pd.isna(value) else float(value) for value in found] == values


@pytest.mark.parametrize("kind", ["int64", "uint64"])
def test_whole_numbers_that_lose_digits_are_told_as_in_text(tmp_path: Path, kind: str) -> None:
    table = pd.DataFrame({"key": [1, 2**53, 2**53 + 1], "size": [1, 2, 3]}).astype(kind)
    table.to_parquet(tmp_path / "t.parquet")
    table.to_csv(tmp_path / "t.csv", index=False)
    told = [
        read_table(tmp_path / name).values(["key", "size"]).notices
        for name in ("t.parquet", "t.csv")
    ]
    assert told[0] == told[1] and len(told[0]) == 1
    assert "'key' holds whole numbers above 2^53, such as 9007199254740993" in told[0][0]


@pytest.mark.parametrize("folder", [False, True])
def test_parquet_with_a_name_twice_is_refused_by_name(tmp_path: Path, folder: bool) -> None:
    file = tmp_path / "t" / "part.parquet"
    file.parent.mkdir()
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), file)
    with pytest.raises(DataError, match="has two columns 'a'; give them names of their own"):
        read_table(file.parent if folder else file)
