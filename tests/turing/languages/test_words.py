"""Languages: all have the same keys and placeholders, and every word of the pages is in them."""

import ast
import re
from pathlib import Path

import pytest

from convergan.turing.languages import words
from convergan.turing.languages.words import languages, words_of

TURING = Path(words.__file__).parents[1]
OWNER_ONLY = {
    "There is nobody of that name.",
    "The owner's token is wrong or missing.",
    "Too many wrong tokens; wait a minute.",
}


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w*)\}", text))


@pytest.mark.parametrize("language", languages())
def test_every_language_has_every_text_with_the_same_names_in_braces(language: str) -> None:
    english, other = words_of("en"), words_of(language)
    assert list(other.page) == list(english.page)
    assert list(other.refusals) == list(english.refusals)
    for key, text in english.page.items():
        assert placeholders(other.page[key]) == placeholders(text), key
    texts = [*other.page.values(), *other.refusals.values(), other.consent]
    assert all(text.strip() for text in texts)
    assert not any("  " in text for text in texts)


def test_an_english_refusal_is_its_own_translation() -> None:
    refusals = words_of("en").refusals
    assert list(refusals.values()) == list(refusals)
    assert words_of("de").refusal("This session is closed.") == "Diese Sitzung ist geschlossen."
    assert words_of("de").refusal("of nobody's") == "of nobody's"


def test_a_language_without_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match="language must be one of de, en, got '../en'"):
        words_of("../en")


def test_every_key_is_used_and_every_key_that_is_used_is_there() -> None:
    web = TURING / "web"
    pages = [web / "templates" / f"{name}.html" for name in ("annotator", "message")]
    used: set[str] = set()
    for page in pages:
        used |= set(re.findall(r"words\.(\w+)", page.read_text()))
    for script in (web / "static").glob("*.js"):
        if script.name == "owner.js":
            continue
        used |= set(re.findall(r"say\(\s*\"(\w+)\"", script.read_text()))
        used |= set(re.findall(r"/\* say \*/ \"(\w+)\"", script.read_text()))
    for module in [*(TURING / "study").glob("*.py"), *web.glob("*.py")]:
        used |= set(re.findall(r"page\[\"(\w+)\"\]", module.read_text()))
    assert used == set(words_of("en").page)


def test_every_sentence_that_the_server_refuses_people_with_can_be_translated() -> None:
    found = set()
    for module in [*(TURING / "study").glob("*.py"), TURING / "web" / "app.py"]:
        tree = ast.parse(module.read_text())
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id.endswith("RefusedError"):
                texts = [a.value for a in call.args if isinstance(a, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str)}
    assert len(found) > 10
    assert found - OWNER_ONLY <= set(words_of("en").refusals)
