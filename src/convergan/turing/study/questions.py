"""The owner's own questions, before and after the trials: from YAML, and the answers checked.

A file has the lists ``before`` and ``after``. Each entry is a field with ``name``, ``type`` and
``label``; ``required`` is true unless it says no. What else it may have depends on the type.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ...web.replies import RefusedError
from ..errors import StudyError
from ..languages.words import Words

Field = dict[str, Any]
Questions = dict[str, list[Field]]

STAGES = ("before", "after")
COMMON = ("name", "type", "label", "required")
TYPES = {
    "text": ("longest",),
    "number": ("min", "max"),
    "choice": ("options",),
    "scale": ("from", "to", "labels"),
}
"""What a field of each type may have besides `COMMON`."""
MAX_FIELDS, MAX_OPTIONS, MAX_STEPS, MAX_LETTERS = 50, 200, 11, 2000
DEFAULT_LETTERS = 1000
COLUMNS = ("annotator", "state")
"""Of the exported answers, before those of the questions."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


def read_questions(text: str, file: str = "questions") -> Questions:
    """Return the fields of each stage from a YAML text.

    Args:
        text: YAML.
        file: what messages call it.

    Raises:
        StudyError: naming what is wrong with which field, and what is known.

    Example:
        >>> text = "before: [{name: age, type: number, label: Age in years, min: 18}]"
        >>> read_questions(text)["before"][0]["min"]
        18.0
    """
    try:
        found = _plain(yaml.compose(text, Loader=yaml.BaseLoader), set())
    except yaml.MarkedYAMLError as error:
        mark, reason = error.problem_mark or error.context_mark, error.problem or error.context
        where = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
        raise StudyError(f"{file}{where}: this is no YAML: {reason}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise StudyError(f"{file} is no YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(found, dict) or not found:
        raise StudyError(f"{file} must have before or after, each a list of fields")
    _known(file, found, STAGES)
    questions: Questions = {stage: [] for stage in STAGES}
    names: set[str] = set()
    for stage, fields in found.items():
        if not isinstance(fields, list):
            raise StudyError(f"{file}: {stage} must be a list of fields")
        for number, entry in enumerate(fields, 1):
            field = _field(f"{file}: field {number} of {stage}", entry)
            if field["name"] in names:
                raise StudyError(f"{file}: the name {field['name']} stands there twice")
            if field["name"].lower() in COLUMNS:
                raise StudyError(
                    f"{file}: the name {field['name']} is taken by a column of the exported "
                    "answers; choose another"
                )
            names.add(field["name"])
            questions[stage].append(field)
    if not 0 < len(names) <= MAX_FIELDS:
        raise StudyError(f"{file} must have 1 to {MAX_FIELDS} fields, got {len(names)}")
    return questions


def check_answers(
    fields: Sequence[Field], values: Mapping[str, object], words: Words
) -> dict[str, str | float | None]:
    """Return the answer to every field, None where an optional one was left out.

    Args:
        fields: of the stage.
        values: as sent, by name.
        words: of the study's language, for refusals.

    Raises:
        RefusedError: naming the first question whose answer is missing or does not fit.
    """
    known = {field["name"] for field in fields}
    if not set(values) <= known:
        raise RefusedError(422, "These are not the questions of this study; reload the page.")
    found: dict[str, str | float | None] = {}
    for field in fields:
        value = values.get(field["name"])
        if isinstance(value, str):
            value = _clean(value) or None
        if value is None:
            if field["required"]:
                raise RefusedError(422, words.page["answer_missing"].format(**field))
            found[field["name"]] = None
            continue
        if not _fits(field, value):
            if field["type"] == "text" and isinstance(value, str):
                raise RefusedError(422, words.page["answer_long"].format(**field))
            raise RefusedError(422, words.page["answer_wrong"].format(**field))
        assert isinstance(value, str | int | float)
        found[field["name"]] = value
    return found


def example_answers(fields: Sequence[Field]) -> dict[str, str | float]:
    """Return answers that fit, for simulated people."""
    made: dict[str, str | float] = {}
    for field in fields:
        if field["type"] == "number":
            made[field["name"]] = field.get("min", min(field.get("max", 0.0), 0.0))
        elif field["type"] == "text":
            made[field["name"]] = "simulated"[: field["longest"]]
        else:
            made[field["name"]] = field["options"][0] if "options" in field else field["from"]
    return made


def _fits(field: Field, value: object) -> bool:
    kind = field["type"]
    if kind == "text":
        return isinstance(value, str) and len(value) <= field["longest"]
    if kind == "choice":
        return value in field["options"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    if kind == "scale":
        return value == int(value) and field["from"] <= value <= field["to"]
    return bool(field.get("min", -math.inf) <= value <= field.get("max", math.inf))


def _clean(text: str) -> str:
    """Return what can be printed of a text: no database stores all that JSON may hold."""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n").strip()


def _field(place: str, entry: object) -> Field:
    if not isinstance(entry, dict):
        raise StudyError(f"{place} must have {', '.join(COMMON)}")
    kind, name = entry.get("type"), entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise StudyError(
            f"{place} needs a name of at most 40 letters, digits and _, the first a letter; got "
            f"{_short(name)}"
        )
    place = f"{place}, {name},"
    if not isinstance(kind, str) or kind not in TYPES:
        raise StudyError(f"{place} must be of type {', '.join(TYPES)}; got {_short(kind)}")
    _known(place, entry, (*COMMON, *TYPES[kind]))
    label = _text(place, entry, "label")
    required = entry.get("required", "yes")
    if required not in ("yes", "no", "true", "false"):
        raise StudyError(f"{place} must have required yes or no, got {_short(required)}")
    field: Field = {"name": name, "type": kind, "label": label}
    field["required"] = required in ("yes", "true")
    return field | _DETAILS[kind](place, entry)


def _text_details(place: str, entry: Field) -> Field:
    longest = _number(place, entry, "longest", DEFAULT_LETTERS)
    if longest != int(longest) or not 1 <= longest <= MAX_LETTERS:
        raise StudyError(f"{place} must have longest from 1 to {MAX_LETTERS:,}")
    return {"longest": int(longest)}


def _number_details(place: str, entry: Field) -> Field:
    found: Field = {n: _number(place, entry, n) for n in ("min", "max") if n in entry}
    if found.get("min", -math.inf) > found.get("max", math.inf):
        raise StudyError(f"{place} has a min above its max")
    return found


def _choice_details(place: str, entry: Field) -> Field:
    options = _texts(place, entry, "options")
    if not 2 <= len(options) <= MAX_OPTIONS or len(set(options)) < len(options):
        raise StudyError(f"{place} must have 2 to {MAX_OPTIONS} options, each once")
    return {"options": options}


def _scale_details(place: str, entry: Field) -> Field:
    first, last = _number(place, entry, "from", 1), _number(place, entry, "to")
    if first != int(first) or last != int(last) or not 1 <= last - first < MAX_STEPS:
        raise StudyError(f"{place} must go from one whole number to another, {MAX_STEPS} at most")
    labels = _texts(place, entry, "labels") if "labels" in entry else []
    if len(labels) not in (0, 2):
        raise StudyError(f"{place} must have two labels, of its two ends, or none")
    return {"from": int(first), "to": int(last), "labels": labels}


_DETAILS = {
    "text": _text_details,
    "number": _number_details,
    "choice": _choice_details,
    "scale": _scale_details,
}


def _known(place: str, entry: Mapping[Any, object], names: Sequence[str]) -> None:
    for name in entry:
        if name not in names:
            raise StudyError(f"{place} has {_short(name)}, known are {', '.join(names)}")


def _number(place: str, entry: Field, name: str, default: float | None = None) -> float:
    try:
        value = float(entry[name]) if default is None or name in entry else default
    except (KeyError, ValueError, TypeError):
        value = math.nan
    if not math.isfinite(value):
        raise StudyError(f"{place} must have a number {name}, got {_short(entry.get(name))}")
    return value


def _text(place: str, entry: Field, name: str) -> str:
    text = entry.get(name)
    cleaned = _clean(text) if isinstance(text, str) else ""
    if not cleaned or len(cleaned) > MAX_LETTERS:
        raise StudyError(f"{place} must have a text {name}, got {_short(text)}")
    return cleaned


def _texts(place: str, entry: Field, name: str) -> list[str]:
    values = entry.get(name)
    if not isinstance(values, list):
        raise StudyError(f"{place} must have a list {name}, got {_short(values)}")
    return [_text(place, {name: value}, name) for value in values]


def _plain(node: Any, seen: set[int]) -> Any:
    """Return the lists and mappings of a node; all else stays text, so ``yes`` is as any option."""
    if id(node) in seen:
        raise yaml.YAMLError("aliases are not taken")
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(entry, seen) for entry in node.value]
    if isinstance(node, yaml.MappingNode):
        pairs = [(_plain(key, seen), _plain(value, seen)) for key, value in node.value]
        if not all(isinstance(key, str) for key, _ in pairs) or len(dict(pairs)) < len(pairs):
            raise yaml.YAMLError("keys must be texts, each once in its place")
        return dict(pairs)
    return None if node is None else node.value


def _short(value: object) -> str:
    return "nothing" if value is None else repr(value)[:60]
