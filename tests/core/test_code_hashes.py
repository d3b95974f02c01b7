"""What counts as a change of code, and which files are seen."""

import ast
from pathlib import Path

import pytest

from convergan.core.code_hashes import code_hashes, hash_syntax

CODE = '''"""A module."""
import math

def area(radius):
    """Of a circle."""
    return math.pi * radius**2
'''


@pytest.mark.parametrize(
    "other",
    [
        CODE.replace("Of a circle", "Something else").replace("A module", "Ours"),
        CODE.replace("import math\n", "import math  # of Python\n\n\n# a circle\n"),
        CODE.replace("math.pi * radius**2", "(\n        math.pi\n        * radius ** 2\n    )"),
        CODE.replace('    """Of a circle."""\n', ""),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(other: str) -> None:
    assert other != CODE
    assert hash_syntax(ast.parse(other)) == hash_syntax(ast.parse(CODE))


@pytest.mark.parametrize(
    "other",
    [
        CODE.replace("**2", "**3"),
        CODE.replace("radius", "r"),
        CODE.replace("**2", "**2.0"),
        CODE.replace("math.pi *", "math.pi +"),
        CODE.replace("import math", "import cmath as math"),
        CODE.replace("(radius)", "(radius=1)"),
        CODE + "'text'\n",
    ],
)
def test_names_numbers_and_operations_count(other: str) -> None:
    assert hash_syntax(ast.parse(other)) != hash_syntax(ast.parse(CODE))


def test_a_hash_is_the_same_in_every_version_of_python() -> None:
    assert hash_syntax(ast.parse(CODE)).startswith("74eb7cc0c645b235")


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_what_is_imported_from_the_folder_is_seen_wherever_the_import_stands(
    tmp_path: Path,
) -> None:
    files = {
        "mine.py": "import torch, os.path\nimport first\nfrom nets import deep\n",
        "first.py": "def f():\n    import second\n",
        "second.py": "import first\n",
        "nets/__init__.py": "from .layers import *\n",
        "nets/layers.py": "from . import more\n",
        "nets/more.py": "",
        "nets/deep/__init__.py": "from ..beside import X\n",
        "nets/beside.py": "X = 1",
        "nets/unused.py": "",
        "other.py": "",
        "loose/inside.py": "",
    }
    write(tmp_path, files)
    unseen = {"nets/unused.py", "other.py", "loose/inside.py"}
    assert code_hashes(tmp_path / "mine.py").keys() == files.keys() - unseen
    write(tmp_path, {"mine.py": "import loose.inside"})
    assert list(code_hashes(tmp_path / "mine.py")) == ["loose/inside.py", "mine.py"]


def test_only_what_changed_has_another_hash(tmp_path: Path) -> None:
    write(tmp_path, {"mine.py": "import first", "first.py": "N = 1"})
    before = code_hashes(tmp_path / "mine.py")
    write(tmp_path, {"first.py": "N = 2"})
    after = code_hashes(tmp_path / "mine.py")
    assert before["mine.py"] == after["mine.py"] and before["first.py"] != after["first.py"]


def test_what_lies_elsewhere_or_is_installed_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"here/mine.py": "import above, tool", "above.py": ""})
    write(tmp_path / "here" / "lib" / "site-packages", {"tool.py": ""})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "here" / "lib" / "site-packages"))
    assert list(code_hashes(tmp_path / "here" / "mine.py")) == ["mine.py"]
