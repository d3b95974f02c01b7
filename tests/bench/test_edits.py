from pathlib import Path

import pytest

from bench.edits import as_module, diff, edited, lines_changed


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "script.py"
    file.write_text("a = 1\nb = 2\nif __name__ == '__main__':\n    raise SystemExit\n")
    return file


def test_what_is_replaced_is_run_shown_and_counted(script: Path) -> None:
    edits = [("a = 1\n", "a = 3\nc = 4\n")]
    module = as_module(script, edits)
    assert (module.a, module.b, module.c) == (3, 2, 4)
    assert diff(script, edits) == ["@@ -1,2 +1,3 @@", "-a = 1", "+a = 3", "+c = 4", " b = 2"]
    assert lines_changed(script, edits) == 2
    assert lines_changed(script, ()) == 0 and diff(script, ()) == []


def test_an_edit_of_what_is_not_there_is_refused(script: Path) -> None:
    with pytest.raises(ValueError, match=r"^script.py has no 'c = 5'$"):
        edited(script, [("c = 5", "c = 6")])
