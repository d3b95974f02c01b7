from pathlib import Path

import pytest

from convergan.data import DataError
from convergan.data.text_tables import TextFormat, TextTable, one_form, open_text_table


def opened(folder: Path, content: str | bytes, form: TextFormat | None = None) -> TextTable:
    file = folder / "t.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_text_table(file, form or TextFormat())


@pytest.mark.parametrize(
    ("content", "names", "rows", "told"),
    [
        ("a;b\n1,5;2\n", ["a", "b"], [["1,5", "2"]], "read with a semicolon between columns"),
        ("sep=;\r\na;b\r\n1;2\r\n", ["a", "b"], [["1", "2"]], ""),
        (
            "a,b\n1,2\n\n3,4\n,\n,\n",
            ["a", "b"],
            [["1", "2"], ["3", "4"]],
            "1 line without anything",
        ),
        ("a,b\n1,2\n,\n3,4\n", ["a", "b"], [["1", "2"], ["", ""], ["3", "4"]], ""),
        (
            "# made by x\n#\nid,a\n1,2\n# end\n",
            ["id", "a"],
            [["1", "2"]],
            "2 lines before the names",
        ),
        ("#id,a\n1,2\n", ["#id", "a"], [["1", "2"]], ""),
        ("a,b\n1\n2,3\n", ["a", "b"], [["1", ""], ["2", "3"]], "the first is row 0 (line 2)"),
        ("a,b\n1,2,\n", ["a", "b"], [["1", "2"]], ""),
        ("a,b\r1,2\r3,4\r", ["a", "b"], [["1", "2"], ["3", "4"]], ""),
        ('a, b\n1, "x, y"\n', ["a", "b"], [["1", "x, y"]], ""),
        ('a,b\n1,"x\ny"\n', ["a", "b"], [["1", "x\ny"]], "a cell of several lines: 1"),
        ("'a','b'\n'x, y','1'\n'z','2'\n", ["a", "b"], [["x, y", "1"], ["z", "2"]], "between '"),
        ("file,label\nimg\\a.png,x\n", ["file", "label"], [["img\\a.png", "x"]], ""),
    ],
)
def test_rows_are_those_of_the_file_and_what_was_supposed_is_told(
    tmp_path: Path, content: str, names: list[str], rows: list[list[str]], told: str
) -> None:
    table = opened(tmp_path, content)
    assert (table.names, list(table.rows())) == (names, rows)
    assert told in " ".join(table.notices)
    assert bool(told) == bool(table.notices)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_western_europe_are_found(tmp_path: Path, encoding: str) -> None:
    table = opened(tmp_path, "größe,a\nsüß,1\n".encode(encoding))
    assert (table.names, list(table.rows())) == (["größe", "a"], [["süß", "1"]])
    assert ["was read as cp1252" in notice for notice in table.notices] == [True] * (
        encoding == "cp1252"
    )


def test_any_encoding_can_be_named(tmp_path: Path) -> None:
    text = "имя,город\nИван,Москва\n"
    with pytest.raises(DataError, match="it may be cp1251: name its encoding with --encoding"):
        opened(tmp_path, text.encode("cp1251"))
    for encoding in ("cp1251", "utf-16-le"):
        table = opened(tmp_path, text.encode(encoding), TextFormat(encoding=encoding))
        assert list(table.rows()) == [["Иван", "Москва"]]
    with pytest.raises(ValueError, match="--encoding must be one that Python knows"):
        TextFormat(encoding="latin-99")
    with pytest.raises(ValueError, match="--separator must be one character"):
        TextFormat(separator="::")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('id,t,k\n0,a,b\n1,"ab,x\n2,de",y\n', "one cell in lines 3 to 4 would hold the row '2,de"),
        ('id,t\n1,"ab\n2,d\n', "lines 2 to 3: unexpected end of data"),
        ('a,b\n1,"x"y\n', "line 2: .* a quotation mark within quotation marks is written twice"),
        ("a,b\n1,2,3\n", "line 2 has 3, the first line 2"),
        (b"a,b\n\xff\x00\x01\n", "not text in UTF-8, and holds zero bytes"),
        ("a,b\nx,1\n".encode("utf-16-le"), "name --encoding utf-16-le or utf-16-be"),
    ],
)
def test_rows_that_cannot_be_told_apart_are_refused(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        list(opened(tmp_path, content).rows())


def test_a_separator_that_is_named_wrongly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has one column, 'a,b': .* name ',' with --separator"):
        opened(tmp_path, "a,b\n1,2\n", TextFormat(separator="tab"))
    many = ";".join(["a"] * 1000)
    with pytest.raises(DataError) as refused:
        opened(tmp_path, f"{many}\n", TextFormat(separator="comma"))
    assert f"has one column, '{many[:40]}...': it is read with ','" in str(refused.value)
    assert str(refused.value).endswith("name ';' with --separator if that stands between them")


def test_labels_that_differ_in_case_alone_are_told() -> None:
    texts, notices = one_form(["Red", "red", "blue"], "labels")
    assert texts == ["Red", "red", "blue"]
    assert notices == [
        "labels that differ in case or blanks alone count as different: 'Red' and 'red'"
    ]


def test_no_encoding_is_guessed_from_two_letters(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not text in UTF-8: name its encoding with --encoding"):
        opened(tmp_path, "a\né€\n".encode("cp1252"))
