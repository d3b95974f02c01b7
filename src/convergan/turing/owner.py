"""What the owner of a study can read and do; what concerns single people is in `people`."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, delete, func, select, update

from ..core.files import csv_lines
from .image_votes import read_file_names
from .people import change_consent as change_consent
from .people import close_person as close_person
from .people import close_unlisted as close_unlisted
from .people import consent_versions as consent_versions
from .people import delete_person as delete_person
from .people import invite as invite
from .people import iso_time as iso_time
from .people import list_people as list_people
from .people import people as people
from .people import reopen_person as reopen_person
from .results.analysis import analyse, primary_group, sensitivity_analyses, to_json
from .results.estimates import Estimates
from .results.formats import people as people_text
from .results.headline import nothing_yet
from .statistics.votes import Design, Exclusion, Votes
from .study import schema
from .study.responses import responses_csv
from .study.schema import answers, invitations, listed_people, models, sessions, trials
from .study.study import Study

COUNTED_STATES = (schema.OPEN, schema.DONE, schema.TIMED_OUT)
"""States of sessions whose votes are in the analysis; the others were returned or withdrawn."""
PERSONAL_TABLES = (schema.responses, answers, trials, sessions, invitations, listed_people)
"""Tables of what people said; tables that refer to others come first."""
EXPORTED_STATES = (*COUNTED_STATES, schema.RETURNED, schema.SCREENED_OUT)

BEFORE = {"allowed_slips": 0, "complete_only": False}
"""Rules of exclusion that studies of before do not name, as they were then."""

EXPORT_COLUMNS = (
    *("annotator", "state", "model", "feedback", "number", "block", "attention", "generated"),
    *("said_generated", "correct", "image", "exposure_ms", "shown_ms", "reaction_ms", "ignored"),
    *("screen_width", "screen_height", "pixel_ratio", "shown_px", "file_name", "other_file_name"),
    *("at", "pilot"),
)
"""Of the exported table. In pairs ``generated`` and ``said_generated`` are of the left image.
``file_name`` is where the judged image came from, in pairs the generated one, and
``other_file_name`` the image beside it. ``at`` is in seconds since consent, as a panel tells who
came at which time of day."""


def token_hash(study: Study) -> str:
    """Return the hash of the owner's token."""
    with study.database.reading() as connection:
        return str(connection.execute(select(schema.study.c.owner_token_sha256)).scalar_one())


def set_state(study: Study, state: str) -> dict[str, Any]:
    """Start or stop taking people; those who have begun may finish in either case."""
    with study.database.writing() as connection:
        connection.execute(update(schema.study).values(state=state))
    return {"state": state}


def summary(study: Study) -> dict[str, Any]:
    """Return the state of the study: people by state, votes, the headline, and errors by trial.

    Who opened a link and did not consent is not counted, nor who tried the study out.
    """
    with study.database.reading() as connection:
        design = connection.execute(select(schema.study)).one()
        only_looked = sessions.c.consented.is_(None) & sessions.c.state.in_(
            (schema.OPEN, schema.TIMED_OUT)
        )
        counted = (~only_looked, sessions.c.pilot.is_(False))
        states = select(sessions.c.state, func.count()).where(*counted)
        states = states.group_by(sessions.c.state)
        people = {state: count for state, count in connection.execute(states)}
        lost = select(func.count()).select_from(trials.join(sessions))
        lost = lost.where(trials.c.state == schema.LOST, sessions.c.pilot.is_(False))
        losses = connection.execute(lost).scalar_one()
        votes = _votes(connection)
    judged = votes.judged()
    return {
        "name": study.name,
        "state": design.state,
        "protocol": design.protocol,
        "wanted": design.annotators_wanted,
        "people": people,
        "votes": len(judged),
        "losses": losses,
        **_headline(design.id, votes, _design(design)),
        "curve": _curve(judged),
    }


def new_names(study: Study) -> dict[str, str]:
    """Return a new name for everybody, by pseudonym, for exports that belong together."""
    with study.database.reading() as connection:
        aliases = connection.execute(select(sessions.c.alias)).scalars()
        return {alias: f"A-{secrets.token_hex(4)}" for alias in aliases}


def export_responses(study: Study, people: dict[str, str] | None = None) -> str:
    """Return the answers to the owner's own questions, a line for each person.

    Args:
        study: whose.
        people: what they are called, of `new_names`; None for names of this export alone.
    """
    people = new_names(study) if people is None else people
    with study.database.reading() as connection:
        return responses_csv(connection, EXPORTED_STATES, people)


def export_csv(study: Study, people: dict[str, str] | None = None) -> str:
    """Return every vote as a line.

    Args:
        study: whose.
        people: what they are called, of `new_names`; None for names of this export alone.
    """
    fresh = new_names(study) if people is None else people
    with study.database.reading() as connection:
        rows = _vote_rows(connection, EXPORTED_STATES)
        names = [row.name for row in _models(connection)]
    file_names = read_file_names(study)
    lines: list[tuple[object, ...]] = [EXPORT_COLUMNS]
    for row in rows:
        name = fresh[row.alias]
        screen = row.screen
        lines.append(
            (
                *(name, row.session_state, names[row.model], int(row.feedback), row.number),
                *(row.block, int(row.attention), int(row.generated), int(row.said_generated)),
                *(int(row.generated == row.said_generated), _judged(row), row.exposure_ms),
                *(row.shown_ms, row.reaction_ms, row.ignored, screen["width"], screen["height"]),
                *(screen["ratio"], screen["shown_px"], *_file_names(row, file_names)),
                *(round(row.at - row.consented, 1), int(row.pilot)),
            )
        )
    return csv_lines(lines)


def results(study: Study) -> dict[str, object]:
    """Return the whole analysis as plain values."""
    return to_json(analyse(read_votes(study), read_design(study)))


def read_votes(study: Study) -> Votes:
    """Return the votes of all sessions that were neither returned, withdrawn nor of a pilot."""
    with study.database.reading() as connection:
        return _votes(connection)


def read_design(study: Study) -> Design:
    """Return what was fixed before the first vote."""
    with study.database.reading() as connection:
        design = _design(connection.execute(select(schema.study)).one())
    agreed = [version for version in consent_versions(study) if version.agreed]
    if not agreed:
        return design
    named = ", ".join(f"{one.version} ({people_text(one.agreed)})" for one in agreed)
    return replace(design, consent_version=named)


def purge(study: Study, *, early: bool = False) -> int:
    """Remove everybody's sessions, votes and invitations, and what SQLite keeps of them on disk.

    The study takes nobody from then on.

    Args:
        study: to purge.
        early: even if the date of retention is not reached, or there is none.

    Returns:
        How many sessions there were.

    Raises:
        ValueError: if it is too early.
    """
    with study.database.writing() as connection:
        until = connection.execute(select(schema.study.c.retain_until)).scalar_one()
        if not early and (until is None or study.clock() < until):
            kept = "without a date" if until is None else f"until {iso_time(until)}"
            raise ValueError(f"what people said is kept {kept}; --early removes it nevertheless")
        count = connection.execute(select(func.count()).select_from(sessions)).scalar_one()
        for table in PERSONAL_TABLES:
            connection.execute(delete(table))
        connection.execute(update(schema.study).values(state=schema.STOPPED))
    study.database.shrink([table.name for table in PERSONAL_TABLES])
    return count


def _design(row: Row[Any]) -> Design:
    return Design(
        protocol=row.protocol,
        trials=row.blocks * (row.trials + row.attention),
        feedback=row.feedback,
        margin=row.margin,
        annotators_wanted=row.annotators_wanted,
        exclusion=Exclusion(**BEFORE | row.exclusion),
        seed=row.seed,
        consent_version=row.consent_version,
        created=iso_time(row.created),
        truth=row.truth,
    )


def _vote_rows(connection: Connection, states: tuple[str, ...]) -> list[Row[Any]]:
    """Return all answers of sessions in some states, by person and number."""
    query = (
        select(
            sessions.c.alias,
            sessions.c.state.label("session_state"),
            sessions.c.model,
            sessions.c.feedback,
            sessions.c.pilot,
            sessions.c.consented,
            answers,
            *(trials.c[name] for name in ("block", "generated", "attention", "exposure_ms")),
            trials.c.first_image,
            trials.c.second_image,
        )
        .join(sessions, sessions.c.id == answers.c.session)
        .join(trials, trials.c.id == answers.c.trial)
        .where(sessions.c.state.in_(states))
        .order_by(sessions.c.number, answers.c.number)
    )
    return list(connection.execute(query))


def _votes(connection: Connection) -> Votes:
    rows = [row for row in _vote_rows(connection, COUNTED_STATES) if not row.pilot]
    names = {row.alias: None for row in rows}
    place = {alias: number for number, alias in enumerate(names)}
    exposures = [np.inf if row.exposure_ms is None else row.exposure_ms for row in rows]

    return Votes(
        annotator=np.array([place[row.alias] for row in rows], np.int64),
        image=np.array([_judged(row) for row in rows], np.int64),
        generated=np.array([row.generated for row in rows], np.bool_),
        said_generated=np.array([row.said_generated for row in rows], np.bool_),
        attention=np.array([row.attention for row in rows], np.bool_),
        trial=np.array([row.number for row in rows], np.int64),
        reaction_ms=np.array([row.reaction_ms for row in rows], np.float64),
        exposure_ms=np.array(exposures, np.float64),
        feedback=np.array([row.feedback for row in rows], np.bool_),
        model=np.array([row.model for row in rows], np.int64),
        annotators=tuple(names),
        models=tuple(row.name for row in _models(connection)),
    )


def _judged(row: Row[Any]) -> int:
    """Return the number of the judged image: of pairs the generated one, of attention -1."""
    if row.attention:
        return -1
    second = row.second_image is not None and not row.generated
    return int(row.second_image if second else row.first_image)


def _file_names(row: Row[Any], names: Mapping[int, str]) -> tuple[str, str]:
    """Return the names of the judged image and of the one beside it; empty for attention."""
    if row.attention:
        return "", ""
    judged = _judged(row)
    other = row.first_image if judged == row.second_image else row.second_image
    return names.get(judged, ""), "" if other is None else names.get(other, "")


def _models(connection: Connection) -> list[Row[Any]]:
    return list(connection.execute(select(models).order_by(models.c.id)))


def _headline(study: str, votes: Votes, design: Design) -> dict[str, Any]:
    """Return the error and the threshold with their intervals, as `results` has them.

    A page asks every few seconds, so the last figures of a study are kept until votes change.
    """
    columns = [getattr(votes, column.name) for column in fields(votes)[:-2]]
    digest = hashlib.sha256(b"".join(column.tobytes() for column in columns)).digest()
    kept = _LAST_HEADLINES.get(study)
    if kept is None or kept[0] != digest:
        kept = _LAST_HEADLINES[study] = (digest, _new_headline(votes, design))
    return kept[1]


_LAST_HEADLINES: dict[str, tuple[bytes, dict[str, Any]]] = {}


def _new_headline(votes: Votes, design: Design) -> dict[str, Any]:
    """Return the figures; where no vote counts, why, and those of votes that do not count."""
    group = primary_group(votes, design)
    result, timed = group.result(), group.timed()
    found: dict[str, Any] = {"error": _error(result), "threshold": None, "why_none": None}
    with_partial, everybody = None, None
    if result is None:
        found["why_none"] = nothing_yet(group.everybody, design)
        with_partial, everybody = map(_error, sensitivity_analyses(votes, group))
    found |= {"with_partial": with_partial, "without_exclusion": everybody}
    if timed is not None:
        fit = timed.threshold
        low, high = fit.interval or (fit.ms, fit.ms)
        found["threshold"] = {"ms": fit.ms, "low": low, "high": high}
    return found


def _error(result: Estimates | None) -> dict[str, float] | None:
    if result is None:
        return None
    low, high = result.error.interval or result.error.pooled
    rate, people = result.error.error, result.annotators
    return {"rate": rate, "low": low, "high": high, "annotators": people}


def _curve(votes: Votes) -> list[dict[str, Any]]:
    found = []
    for feedback in (False, True):
        arm = votes.feedback == feedback
        for trial in np.unique(votes.trial[arm]):
            here = arm & (votes.trial == trial)
            error = float((~votes.correct[here]).mean())
            point = {"trial": int(trial), "feedback": feedback, "votes": int(here.sum())}
            found.append({**point, "error": error})
    return found
