"""What was said before the first vote: a file of design, exclusions, analysis and versions.

The file is Markdown that people read, with one block of JSON that says the same and is what counts.
Its SHA-256 is stored in the study, so that results can say whether the study is as it was said to
be, and whether the file was changed since.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, update

from ...core.files import named_place
from ...core.version import __version__
from ..errors import StudyError
from . import schema
from .schema import answers, images, models
from .study import Study

FENCE = "```"
MOST_BYTES = 2**20
ANALYSIS = {
    "primary outcome": {
        "single": "error of all judged votes",
        "pair": "error of all judged votes",
        "timed": "exposure at which the typical person is right in 75 % of the votes",
    },
    "interval": "95 %, bootstrap over annotators, 10,000 draws, seeded by the study's seed",
    "votes that count": "of complete sessions of annotators whom no rule excludes",
    "sensitivity analyses": ["partial sessions too", "nobody excluded", "annotators x images"],
    "told apart": (
        "95 % interval over annotators on one side of 50 %, pooled exact test below 0.05, 15 or "
        "more annotators"
    ),
    "as good as real": (
        "90 % interval over annotators within 50 % plus or minus the margin, pooled one-sided "
        "tests below 0.05, 15 or more annotators"
    ),
    "stopping": "when as many annotators as wanted have finished",
}
"""What `results` computes, in words; a change of the analysis changes these words."""


@dataclass(frozen=True)
class Check:
    """Whether a study is as it was said to be.

    Attributes:
        found: whether something was said before the first vote.
        differs: what is otherwise, a phrase each; empty if all is as it was said.
    """

    found: bool
    differs: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return the verdict in words.

        Example:
            >>> Check(True).sentence(), Check(False).sentence()
            ('As preregistered.', 'Nothing was preregistered.')
        """
        if not self.found:
            return "Nothing was preregistered."
        if self.differs:
            return f"Not as preregistered: {'; '.join(self.differs)}."
        return "As preregistered."


def preregister(study: Study, out: Path) -> str:
    """Write the file and store its hash.

    Args:
        study: without any vote.
        out: of the file, which must not be there.

    Returns:
        the SHA-256 of the file.

    Raises:
        StudyError: if somebody has voted, something was said before, or the file is there.
        OSError: if it cannot be written.
    """
    with study.database.writing() as connection:
        row = connection.execute(select(schema.study).with_for_update()).one()
        if row.preregistration is not None:
            digest, file = (row.preregistration[name] for name in ("sha256", "file"))
            raise StudyError(
                f"this study is preregistered, which can be done only once: {file}, sha256 {digest}"
            )
        votes = connection.execute(select(func.count()).select_from(answers)).scalar_one()
        if votes:
            raise StudyError(f"there are {votes:,} votes; a preregistration comes before the first")
        plan = _plan(connection)
        data = _markdown(plan, row.name, study.clock()).encode()
        digest = hashlib.sha256(data).hexdigest()
        stored = {"sha256": digest, "plan": plan, "file": str(out.resolve())}
        connection.execute(update(schema.study).values(preregistration=stored))
        try:
            with named_place(out), out.open("xb") as file:
                file.write(data)
        except FileExistsError:
            raise StudyError(f"{out} exists; choose another file") from None
    return digest


def check_preregistration(study: Study, file: Path | None = None) -> Check:
    """Compare a study with what was said before its first vote.

    Args:
        study: the study.
        file: where the preregistration is; None for where it was written, if it is still there.

    Raises:
        StudyError: if a file is named and cannot be read.
    """
    with study.database.reading() as connection:
        stored = connection.execute(select(schema.study.c.preregistration)).scalar_one()
        if stored is None:
            return Check(False)
        now = _plan(connection)
    differs = [
        f"{name} was {json.dumps(was)}, is {json.dumps(is_now)}"
        for name, was, is_now in _differences(stored["plan"], now)
    ]
    place = Path(stored["file"]) if file is None else file
    try:
        with place.open("rb") as opened:
            data = opened.read(MOST_BYTES)
    except OSError as error:
        if file is not None:
            reason = error.strerror or str(error)
            raise StudyError(f"{place} cannot be read: {reason}") from None
    else:
        if hashlib.sha256(data).hexdigest() != stored["sha256"]:
            differs.insert(0, f"the file {place} was changed after it was written")
    return Check(True, tuple(differs))


def _plan(connection: Connection) -> dict[str, Any]:
    """Return what is fixed before the first vote."""
    row = connection.execute(select(schema.study)).one()
    counted = select(images.c.model, images.c.attention, func.count()).group_by(
        images.c.model, images.c.attention
    )
    names = {model: name for model, name in connection.execute(select(models.c.id, models.c.name))}
    pictures = {
        "scrambled" if attention else "real" if model is None else names[model]: count
        for model, attention, count in connection.execute(counted)
    }
    design = ("protocol", "trials", "blocks", "attention", "feedback", "truth", "seed", "scale")
    outcome = ANALYSIS["primary outcome"]
    assert isinstance(outcome, dict)
    return {
        "study": row.id,
        "design": {name: getattr(row, name) for name in design},
        "images": dict(sorted(pictures.items())),
        "consent version": row.consent_version,
        "sample size": row.annotators_wanted,
        "margin of equivalence": row.margin,
        "exclusion": dict(sorted(row.exclusion.items())),
        "analysis": {**ANALYSIS, "primary outcome": outcome[row.protocol]},
        "versions": {"convergan": __version__, "python": platform.python_version()},
    }


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], place: str = ""
) -> list[tuple[str, Any, Any]]:
    """Return each value that is otherwise, with its name; versions of Python may differ."""
    found: list[tuple[str, Any, Any]] = []
    for name in sorted({*before, *now} - {"python"}):
        was, is_now = before.get(name), now.get(name)
        if isinstance(was, dict) and isinstance(is_now, dict):
            found += _differences(was, is_now, f"{place}{name}: ")
        elif was != is_now:
            found.append((f"{place}{name}", was, is_now))
    return found


def _markdown(plan: Mapping[str, Any], name: str, now: float) -> str:
    """Return the file: a list for people, and the block of JSON."""
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    lines = [f"# Preregistration of the study {name}", "", f"Written {moment}.", ""]
    for title, value in plan.items():
        if isinstance(value, dict):
            lines += [f"## {title.capitalize()}", ""]
            lines += [f"* {key.replace('_', ' ')}: {_words(entry)}" for key, entry in value.items()]
            lines.append("")
        else:
            lines += [f"## {title.capitalize()}", "", _words(value), ""]
    block = json.dumps(plan, indent=1, ensure_ascii=False)
    lines += ["## The same for programs", "", f"{FENCE}json", block, FENCE, ""]
    return "\n".join(lines)


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
