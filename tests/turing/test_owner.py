"""What the owner reads of a study and removes from it."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from convergan.turing.owner import (
    change_consent,
    delete_person,
    export_csv,
    people,
    purge,
    read_design,
    read_votes,
    results,
    summary,
)
from convergan.turing.results.text import status_text
from convergan.turing.study import schema
from convergan.turing.study.study import StudySettings, create_study, open_study
from convergan.web.replies import RefusedError
from tests.turing.serving import CODES, Make, noise
from tests.turing.session_steps import begin, come, reply_to, run_through


def test_the_summary_counts_people_votes_losses_and_errors(make: Make) -> None:
    study, _ = make(recruiter="prolific", feedback="split", trials=6, attention=1)
    assert summary(study)["error"] is None
    for person in range(4):
        session = come(study, f"p{person}")
        begin(session)
        run_through(session)
    late = come(study, "late")
    trial = begin(late)["trials"][0]
    late.report_loss(trial["trial"], "offline")
    found = summary(study)
    assert found["people"] == {"done": 4, "open": 1}
    assert (found["votes"], found["losses"], found["wanted"]) == (24, 1, 10)
    wrong = int((~read_votes(study).judged().correct).sum())
    assert found["error"]["low"] <= found["error"]["rate"] == wrong / 24 <= found["error"]["high"]
    assert {point["feedback"] for point in found["curve"]} == {False, True}
    assert sum(point["votes"] for point in found["curve"]) == 24
    assert sum(point["votes"] * point["error"] for point in found["curve"]) == pytest.approx(wrong)


def test_where_no_vote_counts_the_summary_says_why_and_what_the_others_say(make: Make) -> None:
    study, _ = make(recruiter="prolific", trials=12, attention=0)
    session = come(study)
    begin(session)
    run_through(session)
    found = summary(study)
    assert found["error"] is None and found["with_partial"] is None
    assert "1 of 1 annotator was excluded (same answer above 0.9: 1)" in status_text(found)
    wrong = int((~read_votes(study).judged().correct).sum())
    assert found["without_exclusion"]["rate"] == wrong / 12
    assert f"error without exclusion: {wrong / 12:.1%}, 95% interval" in status_text(found)


def test_votes_are_those_that_were_given(make: Make) -> None:
    study, _ = make(models=("a", "b"), recruiter="prolific", protocol="pair", trials=6)
    given: list[bool] = []
    for person in range(2):
        session = come(study, f"p{person}")
        found = begin(session)
        while found["stage"] == "trials":
            word = ("left", "right")[len(given) % 2]
            session.answer(reply_to(found["trials"][0], word))
            given.append(word == "left")
            found = session.state()
    votes = read_votes(study)
    assert votes.said_generated.tolist() == given
    assert votes.trial.tolist() == [*range(7), *range(7)]
    assert votes.annotators == tuple(person["alias"] for person in people(study))
    assert sorted(set(votes.model.tolist())) == [0, 1]
    judged = votes.judged()
    shown = judged.model == (judged.image >= 80)  # real ones, those of a, those of b
    assert shown.all() and (judged.image >= 40).all()
    with study.database.reading() as connection:
        query = select(schema.trials.c.generated).join(schema.answers).order_by("number")
        truth = connection.execute(query).scalars().all()
    assert sorted(truth) == sorted(votes.generated.tolist())


def test_the_design_is_what_was_asked_for(make: Make) -> None:
    study, _ = make(trials=8, attention=2, margin=0.03, feedback="split", seed=5)
    design = read_design(study)
    assert (design.trials, design.margin, design.feedback, design.seed) == (10, 0.03, "split", 5)
    assert design.exclusion.min_attention > 0


def test_the_design_names_the_texts_that_people_agreed_to(make: Make) -> None:
    study, _ = make(recruiter="prolific", consent="First.")
    first = read_design(study).consent_version
    begin(come(study, "ann"))
    change_consent(study, "Second.", None, None)
    second = come(study, "ben").state()["consent"]["version"]
    assert read_design(study).consent_version == f"{first} (1 person)"
    for person in ("ben", "cat"):
        begin(come(study, person))
    assert read_design(study).consent_version == f"{first} (1 person), {second} (2 people)"


def test_results_are_plain_values_even_of_no_votes(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    assert results(study)["result"] is None
    session = come(study)
    begin(session)
    run_through(session)
    assert results(study)["finished"] == 1


@pytest.mark.slow
def test_the_export_has_every_vote_under_names_that_change(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    for person in ("ann", "ben"):
        session = come(study, person)
        begin(session)
        run_through(session)
    texts = [export_csv(study) for _ in range(2)]
    tables = [list(csv.DictReader(io.StringIO(text))) for text in texts]
    names = [{row["annotator"] for row in table} for table in tables]
    assert [len(found) for found in names] == [2, 2] and not names[0] & names[1]
    stored = {person["alias"] for person in people(study)}
    assert not stored & names[0]
    assert len(tables[0]) == 10
    assert {row["said_generated"] for row in tables[0]} == {"1"}
    assert all((row["image"] == "-1") == (row["attention"] == "1") for row in tables[0])
    assert all((row["correct"] == "1") == (row["generated"] == "1") for row in tables[0])
    for row in tables[0]:
        place = int(row["image"])
        source, number = ("real", place) if row["generated"] == "0" else ("model", place - 40)
        assert row["file_name"] == ("" if row["attention"] == "1" else f"{source}[{number}]")
        assert row["other_file_name"] == ""


@pytest.mark.slow
def test_the_export_names_both_files_of_a_pair(make: Make) -> None:
    study, _ = make(recruiter="prolific", protocol="pair", attention=0)
    session = come(study)
    begin(session)
    run_through(session, "left")
    for row in csv.DictReader(io.StringIO(export_csv(study))):
        assert row["file_name"] == f"model[{int(row['image']) - 40}]"
        assert row["other_file_name"].startswith("real[")


def test_nothing_of_a_deleted_person_is_left(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    for person in ("ann", "ben"):
        session = come(study, person)
        begin(session)
        run_through(session)
    alias = people(study)[0]["alias"]
    delete_person(study, alias)
    assert [person["alias"] for person in people(study)] != [alias]
    assert len(read_votes(study).annotators) == 1
    with study.database.reading() as connection:
        for table, column in (
            (schema.answers, schema.answers.c.session),
            (schema.trials, schema.trials.c.session),
            (schema.sessions, schema.sessions.c.id),
        ):
            query = select(func.count(column.distinct())).select_from(table)
            assert connection.execute(query).scalar_one() == 1
    with pytest.raises(RefusedError, match="nobody"):
        delete_person(study, alias)


@pytest.mark.parametrize("how", ["withdrawn", "deleted", "purged"])
def test_no_file_keeps_what_was_removed(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "study"
    settings = StudySettings(trials=4, attention=1, recruiter="prolific", **CODES)
    create_study(folder, settings, noise("real"), [noise("made")])
    remove: dict[str, Callable[[], object]] = {
        "withdrawn": lambda: mine.withdraw(),
        "deleted": lambda: delete_person(study, people(study)[0]["alias"]),
        "purged": lambda: purge(study, early=True),
    }
    with open_study(folder) as study:
        mine, other = come(study, "ann"), come(study, "ben")
        for session in (mine, other):
            begin(session)
        with study.database.reading() as connection:
            query = select(schema.trials.c.id).where(schema.trials.c.session == mine.id)
            names = [name.encode() for name in connection.execute(query).scalars()]
        run_through(mine)
        assert all(name in files_of(folder) for name in names)
        remove[how]()
        assert not any(name in files_of(folder) for name in names)
        assert (mine.id.encode() in files_of(folder)) == (how == "withdrawn")
        assert (other.id.encode() in files_of(folder)) == (how != "purged")


def files_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_purge_waits_for_its_date_and_then_leaves_nobody(make: Make) -> None:
    study, _ = make(recruiter="prolific", retention_days=10)
    session = come(study)
    begin(session)
    run_through(session)
    with pytest.raises(ValueError, match="is kept until"):
        purge(study)
    now = study.clock()
    assert purge(replace(study, clock=lambda: now + 11 * 86400)) == 1
    with study.database.reading() as connection:
        for table in (schema.answers, schema.trials, schema.sessions, schema.invitations):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
        images = select(func.count()).select_from(schema.images)
        assert connection.execute(images).scalar_one() > 80
    with pytest.raises(RefusedError, match="ended"):
        come(study)


def test_purge_without_a_date_is_asked_for(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    come(study)
    with pytest.raises(ValueError, match="kept without a date"):
        purge(study)
    assert purge(study, early=True) == 1
