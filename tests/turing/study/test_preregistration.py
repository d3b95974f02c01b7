"""What was said before the first vote, and what differs from it."""

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from convergan.turing.errors import StudyError
from convergan.turing.study.preregistration import check_preregistration, preregister
from convergan.turing.study.study import Study
from tests.turing.serving import Make
from tests.turing.session_steps import begin, come, run_through


def change(study: Study, statement: str) -> None:
    with study.database.writing() as connection:
        connection.execute(text(statement))


def test_the_file_says_all_that_is_fixed_and_the_study_keeps_its_hash(
    make: Make, tmp_path: Path
) -> None:
    study, _ = make(models=("a", "b"), trials=6, margin=0.04, annotators_wanted=17)
    assert not check_preregistration(study).found
    file = tmp_path / "plan.md"
    digest = preregister(study, file)
    assert digest == hashlib.sha256(file.read_bytes()).hexdigest()
    words = file.read_text()
    plan = json.loads(words.split("```json\n")[1].split("```")[0])
    assert plan["design"]["trials"] == 6 and plan["design"]["truth"] == "independent"
    assert (plan["sample size"], plan["margin of equivalence"]) == (17, 0.04)
    assert plan["exclusion"]["complete_only"] is True and plan["images"]["b"] == 40
    assert "* min attention: 0.8" in words and "## Sample size\n\n17\n" in words
    assert plan["versions"]["convergan"] in words
    found = check_preregistration(study)
    assert found.found and found.sentence() == "As preregistered."


def test_votes_and_a_second_time_and_a_file_that_is_there_are_refused(
    make: Make, tmp_path: Path
) -> None:
    study, _ = make(recruiter="prolific")
    (tmp_path / "mine.md").write_text("kept")
    with pytest.raises(StudyError, match="mine.md exists"):
        preregister(study, tmp_path / "mine.md")
    assert (tmp_path / "mine.md").read_text() == "kept"
    assert not check_preregistration(study).found
    with pytest.raises(OSError, match="No such file"):
        preregister(study, tmp_path / "none" / "plan.md")
    assert not check_preregistration(study).found
    preregister(study, tmp_path / "plan.md")
    with pytest.raises(StudyError, match="only once: .*plan.md, sha256 [0-9a-f]{64}"):
        preregister(study, tmp_path / "again.md")
    assert not (tmp_path / "again.md").exists()


def test_a_preregistration_after_the_first_vote_is_refused(make: Make, tmp_path: Path) -> None:
    study, _ = make(recruiter="prolific")
    session = come(study)
    begin(session)
    run_through(session)
    with pytest.raises(StudyError, match="there are 5 votes; a preregistration comes before"):
        preregister(study, tmp_path / "plan.md")
    assert not (tmp_path / "plan.md").exists()


def test_whatever_differs_is_named(make: Make, tmp_path: Path) -> None:
    study, _ = make(annotators_wanted=17)
    file = tmp_path / "plan.md"
    preregister(study, file)
    change(study, "UPDATE study SET annotators_wanted = 12, truth = 'half'")
    assert check_preregistration(study).differs == (
        'design: truth was "independent", is "half"',
        "sample size was 17, is 12",
    )
    change(study, "UPDATE study SET annotators_wanted = 17, truth = 'independent'")
    file.write_text(file.read_text().replace("17", "12"))
    (said,) = check_preregistration(study).differs
    assert said == f"the file {file} was changed after it was written"
    assert check_preregistration(study, file).sentence().startswith("Not as preregistered: the")


def test_a_file_that_was_moved_is_checked_where_it_is_named(make: Make, tmp_path: Path) -> None:
    study, _ = make()
    file = tmp_path / "plan.md"
    preregister(study, file)
    moved = file.rename(tmp_path / "moved.md")
    assert check_preregistration(study).sentence() == "As preregistered."
    assert check_preregistration(study, moved).sentence() == "As preregistered."
    with pytest.raises(StudyError, match=r"plan.md cannot be read: No such file"):
        check_preregistration(study, file)
