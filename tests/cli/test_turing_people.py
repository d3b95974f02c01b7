"""The commands that concern the people of a study."""

import json
from pathlib import Path

import pytest

from convergan.turing.people import people
from convergan.turing.study.admission import join_by_invitation
from convergan.turing.study.sessions import Session
from convergan.turing.study.study import StudySettings, create_study, open_study
from tests.commands import convergan
from tests.turing.serving import CODES, noise
from tests.turing.session_steps import begin, come, run_through

SETTINGS = StudySettings(
    trials=4, attention=1, recruiter="prolific", bonus="0.50 if error below 60%", **CODES
)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study that one person of Prolific has finished and one has begun."""
    create_study(tmp_path / "study", SETTINGS, noise("real"), [noise("made")])
    with open_study(tmp_path / "study") as found:
        for person in ("ann", "ben"):
            begin(session := come(found, person, visit=f"v-{person}"))
            if person == "ann":
                run_through(session)
    return tmp_path / "study"


def turing(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Run a command; return its exit code, output and errors."""
    capsys.readouterr()
    return convergan("turing", *words), *capsys.readouterr()


def test_people_are_listed_held_against_the_panels_list_and_let_on(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: object) -> tuple[int, str, str]:
        return turing(capsys, *words)

    export = study.parent / "export.csv"
    export.write_text("Submission id,Participant id,Status\nv-ann,ann,APPROVED\n")
    listed = run("people", study, "--import", export)
    assert listed[0] == 0, listed[2]
    lines = listed[1].splitlines()
    assert lines[0] == "listed by the panel: 1" and len(lines) == 4
    assert "not in the panel's list" not in lines[2] and "not in the panel's list" in lines[3]
    ben = lines[3].split()[0]
    values = json.loads(run("people", study, "--json", "-")[1])
    assert [one["listed"] for one in values["people"]] == [True, False]
    assert values["people"][1]["alias"] == ben and values["closed"] == []
    closed = run("people", study, "--close-unlisted")[1]
    assert f"closed, not in the panel's list: {ben}" in closed
    again = run("reopen", study, ben, "--public-url", "https://study.example/deep")
    assert again[1].startswith("https://study.example/deep/s/")
    wrong = run("reopen", study, "P-none")
    assert wrong[0] == 2 and wrong[2] == "convergan: P-none: There is nobody of that name.\n"

    out = study.parent / "new" / "bonus.csv"
    paid = run("bonuses", study, "--import", export, "--out", out)
    assert paid[0] == 0, paid[2]
    assert out.read_text() == "ann,0.50\n"
    assert "1 person, 0.50 in all" in paid[1]
    paid = run("bonuses", study, "--import", export, "--out", out, "--json", "-", "--quiet")
    values = {"file": str(out), "bonuses": [{"person": "ann", "amount": "0.50"}], "total": "0.50"}
    assert (json.loads(paid[1]), paid[2]) == (values, "")
    refused = run("people", study, "--allow-only")
    assert (refused[0], refused[2].count("\n")) == (2, 1)


def test_a_new_consent_text_is_a_version(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = study.parent / "text.txt"
    text.write_text("You look at images.")
    words = ("consent", study, "--text", text, "--contact", "Ann", "--link", "https://lab.example")
    code, out, err = turing(capsys, *words)
    assert code == 0, err
    first, second = out.splitlines()
    assert first.startswith("version 1, ") and first.endswith(": 2 agreed")
    assert second.startswith("version 2, ") and second.endswith(": 0 agreed (now)")
    assert turing(capsys, "consent", study)[1] == out
    values = json.loads(turing(capsys, "consent", study, "--json", "-")[1])
    assert [(one["agreed"], one["current"]) for one in values["versions"]] == [
        (2, False),
        (0, True),
    ]
    code, _, err = turing(capsys, "consent", study, "--link", "lab.example")
    assert (code, err.count("\n")) == (2, 1)


def test_pilots_are_invited(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = turing(capsys, "invite", study, "--pilot", "--public-url", "https://a.b")
    with open_study(study) as found:
        session = Session(found, join_by_invitation(found, out.strip().rsplit("/")[-1]))
        begin(session)
        assert people(found)[2]["pilot"] is True
