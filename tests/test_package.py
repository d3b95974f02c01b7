"""What the package says of itself on its page, and of the weights that it carries."""

import re
import tomllib
from pathlib import Path

import pytest
import setuptools

from convergan.core.version import __version__
from convergan.metrics.classifier import SHA256, WEIGHTS
from convergan.metrics.efficientnet import SHA256 as EFFICIENTNET

ROOT = Path(__file__).parents[1]
HOME = (ROOT / "docs" / "home_url.txt").read_text().splitlines()[-1]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What setup.py adds to the metadata."""
    found: dict[str, object] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **given: found.update(given))
    exec(
        compile((ROOT / "setup.py").read_text(), "setup.py", "exec"),
        {"__file__": ROOT / "setup.py"},
    )
    return found


def test_the_description_is_the_readme_with_absolute_links(said: dict[str, object]) -> None:
    text = str(said["long_description"])
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    targets += re.findall(r"^\[[^\]]+\]: +(\S+)", text, re.MULTILINE)
    assert len(targets) > 10
    assert not [target for target in targets if not target.startswith(f"{HOME}/")]
    assert text.replace(f"{HOME}/", "") == (ROOT / "README.md").read_text()


def test_every_address_is_below_the_one_of_the_repository(said: dict[str, object]) -> None:
    addresses = said["project_urls"]
    assert isinstance(addresses, dict) and addresses["Homepage"] == HOME
    assert all(address.startswith(HOME) for address in addresses.values())


def test_the_metadata_name_no_person() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["authors"] == [{"name": "The convergan developers"}]
    assert project["classifiers"] == sorted(project["classifiers"])
    assert {"readme", "urls"} <= set(project["dynamic"])


def test_the_citation_is_of_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.+)$", text, re.MULTILINE) == [__version__]


def test_the_card_beside_the_weights_has_a_row_and_the_hash_of_each_file() -> None:
    text = (WEIGHTS / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)\.safetensors` \|.* ([0-9a-f]{64}) \|$", text, re.MULTILINE))
    assert rows == SHA256
    assert {file.stem for file in WEIGHTS.glob("*.safetensors")} == rows.keys()
    for name in rows:
        assert re.search(rf"`convergan classifier [^`]* --out {name}\.safetensors", text)
    assert EFFICIENTNET in text
