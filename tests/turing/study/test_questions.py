"""The owner's own questions: what a file may say, and what people may answer."""

from typing import Any

import pytest

from convergan.turing.errors import StudyError
from convergan.turing.languages.words import words_of
from convergan.turing.study.questions import check_answers, example_answers, read_questions
from convergan.web.replies import RefusedError

FILE = """
before:
  - {name: age, type: number, label: "How old are you?", min: 18, max: 120}
  - {name: likes, type: choice, label: Choose one., options: [yes, no, 1]}
  - {name: seen, type: scale, label: "How often?", from: 1, to: 7, labels: [never, daily]}
after:
  - name: remarks
    type: text
    label: Anything else?
    longest: 20
    required: no
"""


def test_a_file_is_read_with_every_value_as_it_is_written() -> None:
    assert read_questions(FILE) == {
        "before": [
            {
                "name": "age",
                "type": "number",
                "label": "How old are you?",
                "required": True,
                "min": 18.0,
                "max": 120.0,
            },
            {
                "name": "likes",
                "type": "choice",
                "label": "Choose one.",
                "required": True,
                "options": ["yes", "no", "1"],
            },
            {
                "name": "seen",
                "type": "scale",
                "label": "How often?",
                "required": True,
                "from": 1,
                "to": 7,
                "labels": ["never", "daily"],
            },
        ],
        "after": [
            {
                "name": "remarks",
                "type": "text",
                "label": "Anything else?",
                "required": False,
                "longest": 20,
            }
        ],
    }


def field(**entries: object) -> str:
    known = {"name": "a", "type": "text", "label": "A"} | entries
    return f"before: [{{{', '.join(f'{key}: {value}' for key, value in known.items())}}}]"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("before: [", "q.yaml, line 1, column 10: this is no YAML: "),
        ("", "must have before or after"),
        ("[]", "must have before or after"),
        ("during: []", "q.yaml has 'during', known are before, after"),
        ("before: 1", "before must be a list"),
        ("before: []", "1 to 50 fields, got 0"),
        ("before: [1]", "field 1 of before must have name, type, label"),
        ("before: []\nbefore: []", "each once"),
        ("before: &a [*a]", "is no YAML"),
        ("before: &a []\nafter: *a", "aliases are not taken"),
        (field(name="1a"), "needs a name of at most 40 letters, .* got '1a'"),
        (field(type="date"), "a, must be of type text, number, choice, scale; got 'date'"),
        (field(colour="red"), "a, has 'colour', known are name, type, label, required, longest"),
        (field(type="number", options="[a, b]"), "has 'options', known are .*, min, max"),
        (field(label="''"), "must have a text label"),
        (field(required="maybe"), "required yes or no, got 'maybe'"),
        (field(longest="many"), "a number longest, got 'many'"),
        (field(longest=9999), "longest from 1 to 2,000"),
        (field(type="number", min=3, max=2), "a min above its max"),
        (field(type="number", min="nan"), "a number min"),
        (field(type="choice"), "a list options, got nothing"),
        (field(type="choice", options="[a, a]"), "2 to 200 options, each once"),
        (field(type="choice", options="[a, [b]]"), "a text options"),
        (field(type="scale"), "a number to, got nothing"),
        (field(type="scale", to=1000), "one whole number to another, 11 at most"),
        (field(type="scale", to=5, labels="[a, b, c]"), "two labels"),
        (field() + "\nafter: [{name: a, type: text, label: B}]", "the name a stands there twice"),
        (
            field(name="annotator"),
            "the name annotator is taken by a column of the exported answers",
        ),
        (field(name="State"), "the name State is taken .*; choose another"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(StudyError, match=reason) as caught:
        read_questions(text, "q.yaml")
    assert "\n" not in str(caught.value)


def test_answers_that_fit_are_taken() -> None:
    questions = read_questions(FILE)
    words = words_of("en")
    given: dict[str, Any] = {"age": 30, "likes": "no", "seen": 7.0}
    assert check_answers(questions["before"], given, words) == given
    assert check_answers(questions["after"], {}, words) == {"remarks": None}
    assert check_answers(questions["after"], {"remarks": " \x00ok\ud800\n"}, words) == {
        "remarks": "ok"
    }
    for fields in questions.values():
        check_answers(fields, example_answers(fields), words)


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("age", None, "Please answer: How old"),
        ("age", "  ", "Please answer: How old"),
        ("age", 17, "does not fit: How old"),
        ("age", 121, "does not fit: How old"),
        ("age", True, "does not fit: How old"),
        ("age", "30", "does not fit: How old"),
        ("age", float("nan"), "does not fit: How old"),
        ("likes", "maybe", "does not fit: Choose"),
        ("likes", 1, "does not fit: Choose"),
        ("seen", 8, "does not fit: How often"),
        ("seen", 1.5, "does not fit: How often"),
        ("other", 1, "not the questions of this study"),
    ],
)
def test_answers_that_do_not_fit_are_refused(name: str, value: object, label: str) -> None:
    fields = read_questions(FILE)["before"]
    given = {"age": 30, "likes": "yes", "seen": 1, name: value}
    with pytest.raises(RefusedError, match=label) as caught:
        check_answers(fields, given, words_of("en"))
    assert caught.value.status == 422


def test_a_text_that_is_too_long_is_refused_in_the_language_of_the_study() -> None:
    fields = read_questions(FILE)["after"]
    with pytest.raises(RefusedError, match="mehr als 20 Zeichen: Anything else"):
        check_answers(fields, {"remarks": "x" * 21}, words_of("de"))
