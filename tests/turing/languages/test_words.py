"""Languages: all have the same keys and placeholders, and every word of the pages is in them."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

from convergan.turing import study
from convergan.turing.languages import words
from convergan.turing.languages.words import languages, words_of
from convergan.turing.web import app

TURING = Path(words.__file__).parents[1]


def modules_of(package: ModuleType) -> list[str]:
    return [found.name for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]


def parsed(module: ModuleType) -> ast.Module:
    assert module.__file__ is not None
    return ast.parse(Path(module.__file__).read_text())


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


def sentences(module: ModuleType, text: ast.expr) -> set[str]:
    """What an argument may be; none where it was refused with before or is a text of the pages."""
    match text:
        case ast.Constant(value=str(sentence)):
            return {sentence}
        case ast.Name(id=name) | ast.BinOp(left=ast.Name(id=name)):
            return {getattr(module, name)}  # what follows is whom to ask
        case ast.Subscript(value=ast.Name(id=name)):
            return set(getattr(module, name).values())
    passed_on = ast.unparse(text)
    assert passed_on == "error.text" or passed_on.startswith("words.page["), passed_on
    return set()


def test_every_sentence_that_the_server_refuses_people_with_can_be_translated() -> None:
    found = set[str]()
    for name in [*modules_of(study), "convergan.turing.web.app"]:
        module = importlib.import_module(name)
        for call in (n for n in ast.walk(parsed(module)) if isinstance(n, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id.endswith("RefusedError"):
                found |= sentences(module, call.args[1])
    assert len(found) > 20
    assert found <= set(words_of("en").refusals)


def test_every_sentence_of_the_application_can_be_translated() -> None:
    tree = parsed(app)
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes
    }
    found = {text for text in texts if text.endswith(".") and " " in text}
    assert len(found) > 5
    assert found <= set(words_of("en").refusals)


def test_every_refusal_is_said_somewhere() -> None:
    code = "".join(file.read_text() for file in TURING.rglob("*.py"))
    said = re.sub(r'"\s+"', "", code)  # sentences of two lines are one
    assert [text for text in words_of("en").refusals if text not in said] == []
