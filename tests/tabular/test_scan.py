from pathlib import Path

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
