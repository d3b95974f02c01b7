"""What documents promise: links, commands, names, the example of the README, and their size."""

import importlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAPER = ROOT / "docs" / "paper.md"
EXPERIMENTS = ROOT / "docs" / "experiments"
HOME_FILE = ROOT / "docs" / "home_url.txt"
NOT_OURS = {"reference", "runs", "scores", "build", "shared", "node_modules"}
"""Folders that git ignores and that may hold pages of other projects; so do those with a dot."""

LARGEST = 9_000
WIDEST = 120


def pages() -> list[Path]:
    """Every document of the repository."""
    found = (file.relative_to(ROOT) for file in ROOT.rglob("*.md"))
    return sorted(
        ROOT / file
        for file in found
        if not any(part.startswith(".") or part in NOT_OURS for part in file.parts)
    )


PAGES = [str(file.relative_to(ROOT)) for file in pages()]


def home_url() -> str:
    [url] = [line for line in HOME_FILE.read_text().splitlines() if line[:1] not in ("", "#")]
    return url


def prose(text: str) -> str:
    """Return a document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def links(file: Path) -> list[str]:
    """Return the target of every link and picture, in brackets or by reference."""
    text = re.sub(r"`[^`\n]*`", "", prose(file.read_text()))
    return [
        *re.findall(r"\]\(([^)\s]+)\)", text),
        *re.findall(r"^\[[^\]]+\]:\s+(\S+)", text, re.MULTILINE),
    ]


@cache
def anchors(file: Path) -> set[str]:
    """Return the names of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for title in re.findall(r"^#+ (.+)$", prose(file.read_text()), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        name = re.sub(r"[^\w\- ]", "", plain.lower().strip()).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def broken(target: str, place: Path) -> str | None:
    """Say what is wrong with a link to a file of ours, from a document in a folder."""
    name, _, anchor = target.partition("#")
    file = (place / name).resolve()
    if not file.exists():
        return f"{target}: no such file"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return f"{target}: no such heading"
    return None


class Command(NamedTuple):
    """A command of ours as a document spells it, in a page."""

    page: str
    words: str


def commands() -> Iterator[Command]:
    """Yield ``COMMAND`` or ``turing COMMAND`` of every command line in a document."""
    for page in PAGES:
        if page != "CHANGELOG.md":  # tells of commands as they were
            text = (ROOT / page).read_text()
            code = re.findall(r"^```.*?^```$|`[^`\n]+`", text, re.MULTILINE | re.DOTALL)
            for piece in code:
                pattern = r"(?:^|[`\s(/])(?<!from )convergan ((?:turing )?[a-z]+)(?![\w.-])"
                yield from (Command(page, words) for words in re.findall(pattern, piece))


@cache
def known(*group: str) -> frozenset[str]:
    """Return the commands that the command line lists."""
    asked = [sys.executable, "-m", "convergan", *group, "--help"]
    text = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  ([a-z][\w-]*) ", text.partition("\nCommands:\n")[2], re.MULTILINE)
    return frozenset(listed)


def test_the_readme_is_short() -> None:
    assert README.stat().st_size <= LARGEST


def test_the_readme_links_to_files_of_the_repository_alone() -> None:
    targets = links(README)
    assert len(targets) > 10
    assert not [wrong for target in targets if (wrong := broken(target, ROOT))]


def test_every_reference_of_the_readme_is_defined_and_used() -> None:
    text = prose(README.read_text())
    defined = set(re.findall(r"^\[([^\]]+)\]: ", text, re.MULTILINE))
    assert set(re.findall(r"\]\[([^\]]+)\]", text)) == defined


def test_the_home_address_is_declared_once_as_a_placeholder() -> None:
    comment, url = HOME_FILE.read_text().splitlines()
    assert comment.startswith("# A placeholder")
    assert re.fullmatch(r"https://\S+[^/]", url)
    assert not [page for page in PAGES if url in (ROOT / page).read_text()]


@pytest.mark.slow
def test_the_programs_of_the_readme_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from convergan import SemiSupervisedGANClassifier

    block, layers = re.findall(
        r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL
    )
    for program in (block, layers):
        assert len([line for line in program.splitlines() if line]) <= 12
    fit = SemiSupervisedGANClassifier.fit

    def fit_soon(self: SemiSupervisedGANClassifier, *data: object) -> SemiSupervisedGANClassifier:
        fitted: SemiSupervisedGANClassifier = fit(self.set_params(max_epochs=1), *data)
        return fitted

    monkeypatch.setattr(SemiSupervisedGANClassifier, "fit", fit_soon)
    names: dict[str, object] = {}
    shown: list[float] = []
    names["print"] = shown.append
    exec(compile(block, str(README), "exec"), names)
    assert len(shown) == 1 and 0.5 < shown[0] <= 1
    exec(compile(layers, str(README), "exec"), names)
    made = names["netG"](torch.randn(5, 100, 1, 1))  # type: ignore[operator]
    assert made.shape == (5, 3, 8, 8)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
def test_every_relative_link_leads_to_a_file(page: str) -> None:
    file = ROOT / page
    targets = [target for target in links(file) if not re.match(r"[a-z]+:", target)]
    wrong = [
        broken(target if target[0] != "#" else file.name + target, file.parent)
        for target in targets
    ]
    assert not list(filter(None, wrong))


def test_every_page_is_in_the_index() -> None:
    folder = ROOT / "docs"
    for index, beneath in (
        (folder / "README.md", folder),
        (folder / "README.md", folder / "tutorials"),
        (EXPERIMENTS / "README.md", EXPERIMENTS),
    ):
        named = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
        assert not set(beneath.glob("*.md")) - named - {index}


def test_every_command_that_documents_name_exists() -> None:
    named = set(commands())
    assert {"train", "fit", "turing create"} <= {command.words for command in named}
    for page, words in named:
        first, _, rest = words.partition(" ")
        assert first in known(), f"{page}: convergan {words}"
        assert not rest or rest in known(first), f"{page}: convergan {words}"


def test_every_recipe_that_documents_train_exists() -> None:
    from convergan.recipes import ALIASES, RECIPES
    from convergan.sweeps.paper_tables import TABLES
    from convergan.sweeps.studies import STUDIES

    pattern = r"convergan (?:train|sweep) ([a-z][\w-]*)(?![\w./])"
    text = "\n".join((ROOT / page).read_text() for page in PAGES if page != "CHANGELOG.md")
    named = set(re.findall(pattern, text))
    assert {"digits", "mnist-table", "collapse"} <= named
    assert not named - {*ALIASES, *RECIPES, *STUDIES, *TABLES}


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/experiments/")])
def test_lines_of_experiments_fit_a_screen(page: str) -> None:
    lines = (ROOT / page).read_text().splitlines()
    assert not [line for line in lines if len(line) > WIDEST and not line.startswith("|")]


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/experiments/")])
def test_sections_of_experiments_are_dated_and_the_newest_comes_first(page: str) -> None:
    titles = re.findall(r"^## (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    if Path(page).name == "README.md":
        return
    assert titles
    dates = [re.fullmatch(r"(\d{4}-\d\d-\d\d): .+", title) for title in titles]
    assert all(dates)
    days = [date[1] for date in dates if date]
    assert days == sorted(days, reverse=True)


def test_every_file_that_documents_name_exists() -> None:
    folders = "src|tests|tests_parity|bench|faults|examples"
    found = {
        (page, name)
        for page in PAGES
        if page != "CHANGELOG.md"
        for name in re.findall(rf"`((?:{folders})/[\w./-]*)", (ROOT / page).read_text())
    }
    assert len({name for page, name in found if ROOT / page == PAPER}) > 100
    assert not [(page, name) for page, name in found if not (ROOT / name).exists()]


def test_every_technique_of_the_papers_table_can_be_imported_by_its_name() -> None:
    rows = [line for line in PAPER.read_text().splitlines() if "`convergan." in line]
    names = [name for row in rows for name in re.findall(r"`(convergan\.[\w.]+)`", row)]
    assert len(names) > 50
    for name in names:
        module, attribute = name.rsplit(".", 1)
        assert hasattr(importlib.import_module(module), attribute), name
