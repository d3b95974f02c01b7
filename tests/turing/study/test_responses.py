"""Answers to the owner's own questions on their way through the HTTP interface and out again."""

import csv
import io
from typing import Any

from sqlalchemy import func, select

from convergan.turing.owner import export_csv, export_responses, new_names, purge
from convergan.turing.study import schema
from convergan.turing.study.questions import read_questions
from convergan.turing.study.study import Study
from tests.turing.serving import Make, Person, Serve
from tests.turing.session_steps import begin, come

QUESTIONS = read_questions("""
before:
  - {name: age, type: number, label: Age, min: 18}
after:
  - {name: remarks, type: text, label: Remarks, required: no}
  - {name: sure, type: scale, label: Sure, to: 5}
""")


def stored(study: Study) -> int:
    with study.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(schema.responses)).scalar_one()


def respond(person: Person, stage: str, **values: Any) -> Any:
    return person.post("responses", {"stage": stage, "values": values})


def agree(person: Person) -> dict[str, Any]:
    version = person.state()["consent"]["version"]
    found: dict[str, Any] = person.post("consent", {"version": version}).json()
    return found


def take_part(person: Person, age: float = 30, remarks: str | None = None) -> dict[str, Any]:
    agree(person)
    assert respond(person, "before", age=age).json()["stage"] == "tutorial"
    person.post("tutorial", {})
    assert person.finish()["stage"] == "after"
    found: dict[str, Any] = respond(person, "after", remarks=remarks, sure=3).json()
    return found


def test_questions_come_before_and_after_and_the_code_at_the_end(serve: Serve) -> None:
    server = serve(questions=QUESTIONS)
    person = server.join()
    found = agree(person)
    assert (found["stage"], found["questions"]) == ("before", QUESTIONS["before"])
    assert person.post("tutorial", {}).status_code == 409
    refused = respond(person, "before", age=17)
    assert (refused.status_code, refused.json()) == (
        422,
        {"error": "This answer does not fit: Age"},
    )
    assert respond(person, "after", sure=1).status_code == 409
    assert respond(person, "before", age=18).json()["stage"] == "tutorial"
    assert respond(person, "before", age=19).status_code == 409  # the first answer counts
    person.post("tutorial", {})
    found = person.finish()
    assert (found["stage"], found["completion"]) == ("after", None)
    assert found["questions"] == QUESTIONS["after"]
    found = respond(person, "after", sure=5).json()
    assert (found["stage"], found["questions"]) == ("done", [])
    assert len(found["completion"]["code"]) == 10
    # Whoever leaves out the questions at the end has finished nevertheless.
    assert server.owner().get("/owner/api/summary").json()["people"] == {"done": 1}


def test_answers_are_exported_under_the_names_of_the_votes(serve: Serve) -> None:
    server = serve(questions=QUESTIONS)
    take_part(server.join(), age=20, remarks="=1+1, \u00e9\nnew line")
    take_part(server.join(), age=40.5)
    agree(server.join())  # and answers nothing
    names = new_names(server.study)
    lines = list(csv.DictReader(io.StringIO(export_responses(server.study, names))))
    assert [(line["age"], line["remarks"], line["sure"]) for line in lines] == [
        ("20", "'=1+1, \u00e9\nnew line", "3"),
        ("40.5", "", "3"),
    ]
    votes = list(csv.DictReader(io.StringIO(export_csv(server.study, names))))
    assert {line["annotator"] for line in lines} == {vote["annotator"] for vote in votes}
    other = server.owner().get("/owner/api/responses.csv").text
    assert not any(line["annotator"] in other for line in lines)
    assert other.startswith("annotator,state,age,remarks,sure\n")


def test_answers_are_gone_with_who_withdraws_or_is_deleted_and_at_a_purge(serve: Serve) -> None:
    server = serve(questions=QUESTIONS)
    people = [server.join() for _ in range(3)]
    for person in people:
        take_part(person)
    assert stored(server.study) == 9
    assert people[0].post("withdraw", {}).json()["completion"] is not None
    assert stored(server.study) == 6
    alias = server.owner().get("/owner/api/people").json()["people"][1]["alias"]
    assert server.owner().delete(f"/owner/api/people/{alias}").status_code == 200
    assert stored(server.study) == 3
    purge(server.study, early=True)
    assert stored(server.study) == 0


def test_a_study_without_questions_asks_none(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    session = come(study)
    assert begin(session)["stage"] == "trials"
    assert export_responses(study) == "annotator,state\n"
