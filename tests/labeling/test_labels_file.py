from pathlib import Path

import pytest

from convergan.data import DataError
from convergan.labeling.labels_file import LabelsFile, Merge, merge, plain_label

NAMES = ["a.png", "b/ü.png", "c.png"]


def labels_file(folder: Path, text: str | None = None) -> LabelsFile:
    if text is not None:
        (folder / "labels.csv").write_text(text, encoding="utf-8")
    return LabelsFile(folder / "labels.csv", NAMES, "file")


def test_a_file_that_is_not_there_has_no_labels_and_is_written_with_all_items(
    tmp_path: Path,
) -> None:
    file = labels_file(tmp_path)
    assert file.read() == {} and not file.has_changed()
    file.write({"b/ü.png": 'a "cat", or so'})
    assert file.path.read_text(encoding="utf-8") == (
        'file,label\na.png,\nb/ü.png,"a ""cat"", or so"\nc.png,\n'
    )
    assert not file.has_changed()
    assert labels_file(tmp_path).read() == {"b/ü.png": 'a "cat", or so'}


def test_other_columns_and_rows_stay(tmp_path: Path) -> None:
    file = labels_file(tmp_path, "label;who;file\ncat;ann;c.png\n;;gone.png\n-1;bob;a.png\n")
    assert file.read() == {"c.png": "cat"}
    file.write({"a.png": "dog", "b/ü.png": "cat"})
    assert file.path.read_text(encoding="utf-8") == (
        "label,who,file\n,ann,c.png\n,,gone.png\ndog,bob,a.png\ncat,,b/ü.png\n"
    )


def test_names_are_known_in_other_spellings(tmp_path: Path) -> None:
    file = labels_file(tmp_path, "file,label\nb\\u\u0308.png,cat\n./a.png,dog\n")
    assert file.read() == {"b/ü.png": "cat", "a.png": "dog"}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("name,label\na.png,cat\n", "must have the columns file,label"),
        ("file,label\na.png,cat\na.png,dog\n", "names a.png twice"),
        ("file,label\na.png,cat,x,y\n", "more cells.*nothing is lost"),
    ],
)
def test_what_is_no_labels_file_is_refused(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        labels_file(tmp_path, text).read()


def test_a_change_by_another_program_is_seen(tmp_path: Path) -> None:
    file = labels_file(tmp_path, "file,label\na.png,cat\n")
    file.read()
    assert not file.has_changed()
    file.path.write_text("file,label\na.png,horse\n")
    assert file.has_changed()
    assert file.read() == {"a.png": "horse"}
    file.path.unlink()
    assert file.has_changed()


@pytest.mark.parametrize(
    ("before", "ours", "theirs", "expected"),
    [
        ({}, {}, {}, Merge({}, {})),
        ({"a": "x"}, {"a": "y"}, {"a": "x"}, Merge({}, {})),  # only we
        ({"a": "x"}, {"a": "x"}, {"a": "y"}, Merge({"a": "y"}, {})),  # only they
        ({"a": "x"}, {"a": "x"}, {}, Merge({"a": None}, {})),  # they removed it
        ({"a": "x"}, {"a": "y"}, {}, Merge({}, {"a": None})),
        ({"a": "x"}, {"a": "y"}, {"a": "y"}, Merge({}, {})),  # both the same
        ({}, {}, {"a": "y"}, Merge({"a": "y"}, {})),
        ({"a": "x"}, {}, {"a": "x"}, Merge({}, {})),  # we removed it
    ],
)
def test_merging(
    before: dict[str, str], ours: dict[str, str], theirs: dict[str, str], expected: Merge
) -> None:
    assert merge(before, ours, theirs) == expected


def test_labels_are_in_one_form() -> None:
    assert plain_label("  u\u0308 ") == "ü"
    assert [plain_label(text) for text in ("-1", "-1.0", "", " ")] == [""] * 4
