"""Simulated annotators on a real server, and what of them reaches the database."""

from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import select

from convergan.cli.turing import turing
from convergan.turing.errors import StudyError
from convergan.turing.owner import read_design, read_votes
from convergan.turing.results.analysis import analyse
from convergan.turing.simulation.participants import HABITS, Participants
from convergan.turing.simulation.simulated_person import Visit
from convergan.turing.simulation.simulator import open_truth, simulate
from convergan.turing.study import schema
from convergan.turing.study.study import StudySettings, create_study, open_study
from convergan.turing.web.server_process import serving
from tests.turing.serving import Serve, Server, noise

pytestmark = pytest.mark.slow


def rows(server: Server, table: Any) -> list[Any]:
    with server.study.database.reading() as connection:
        return list(connection.execute(select(table)))


def run(server: Server, folder: Path, participants: Participants) -> list[Visit]:
    return simulate(folder / "study", server.url, participants, expect=True)


@pytest.mark.parametrize("protocol", ["single", "pair", "timed"])
def test_annotators_come_to_the_code_and_their_votes_are_what_they_meant(
    serve: Serve, tmp_path: Path, protocol: str
) -> None:
    feedback = "on" if protocol == "timed" else "split"
    server = serve(protocol=protocol, trials=4, attention=1, feedback=feedback)
    visits = run(server, tmp_path, Participants(4, ["observer:d=1"]))
    stored = {row.completion_code for row in rows(server, schema.sessions)}
    assert {visit.code for visit in visits} == stored
    votes = read_votes(server.study).judged()
    blocks = 3 if protocol == "timed" else 1
    assert len(votes) == sum(visit.judged for visit in visits) == 4 * 4 * blocks
    assert (~votes.correct).sum() == sum(visit.wrong for visit in visits)
    assert sum(len(visit.replies) for visit in visits) == len(rows(server, schema.answers))
    assert not any(visit.failures for visit in visits)


@pytest.mark.nightly
def test_the_same_seeds_give_the_same_votes_on_servers_of_their_own(tmp_path: Path) -> None:
    plan = StudySettings(trials=6, attention=1, annotators_wanted=4, seed=3)

    def votes(folder: Path, seed: int) -> tuple[list[int], list[bool], list[float]]:
        create_study(folder, plan, noise("real"), [noise("made")])
        with serving(folder) as url:
            simulate(folder, url, Participants(4, ["observer"], workers=3, seed=seed))
        (line,) = (folder / "server.log").read_text().splitlines()
        assert "stopped by SIGTERM" in line
        with open_study(folder) as study:
            found = read_votes(study)
        return found.image.tolist(), found.said_generated.tolist(), found.reaction_ms.tolist()

    first = votes(tmp_path / "first", seed=0)
    assert votes(tmp_path / "again", seed=0) == first
    other = votes(tmp_path / "other", seed=1)
    assert other[0] == first[0]
    assert other[1:] != first[1:]


def test_no_habit_loses_or_doubles_a_vote_and_each_finisher_has_one_code(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve(trials=4, attention=1)
    participants = Participants(len(HABITS), ["observer"], list(HABITS))
    visits = dict(zip(HABITS, run(server, tmp_path, participants), strict=True))
    answers = rows(server, schema.answers)
    assert len(answers) == sum(len(visit.replies) for visit in visits.values()) == 5 * 5 + 3
    kept = {row.trial: row.reply.encode() for row in answers}
    for name, visit in visits.items():
        assert visit.differing == 0
        assert (visit.code is None) == (name == "quitter")
        assert all(kept[trial] == reply for trial, reply in visit.replies.items())
        assert set(visit.statuses) <= {200, 409}
    assert visits["two-tabs"].statuses[200] == 10
    assert visits["double-sender"].statuses[200] >= 14


def test_the_truth_is_opened_for_reading_only(serve: Serve, tmp_path: Path) -> None:
    server = serve(trials=4, attention=1)
    person = server.join()
    begun = person.begin()
    with open_truth(tmp_path / "study") as known:
        found = known(person.place.removeprefix("/s/"))
    assert sum(truth.attention for truth in found.values()) == 1
    with server.study.database.reading() as connection:
        query = select(schema.trials.c.id, schema.trials.c.generated)
        planned = {trial: generated for trial, generated in connection.execute(query)}
    assert {trial: truth.generated for trial, truth in found.items()} == planned
    assert {trial["trial"] for trial in begun["trials"]} <= set(found)
    with pytest.raises(StudyError, match="there is no study"), open_truth(tmp_path / "none"):
        pass


def test_people_who_are_too_many_are_told_so(serve: Serve, tmp_path: Path) -> None:
    server = serve(trials=4, attention=0, annotators_wanted=2)
    with pytest.raises(StudyError, match=r"annotator [012] cannot join: 403, .* all the people"):
        run(server, tmp_path, Participants(3))


def test_an_address_that_is_none_is_refused_at_once(serve: Serve, tmp_path: Path) -> None:
    serve(trials=4, attention=0)
    with pytest.raises(ValueError, match="url must be http://... or https://..., got 'localhost'"):
        simulate(tmp_path / "study", "localhost", Participants(1))


def test_bots_are_excluded_and_others_are_not(serve: Serve, tmp_path: Path) -> None:
    server = serve(trials=20, attention=5, annotators_wanted=8)
    run(
        server,
        tmp_path,
        Participants(8, ["observer:d=2", "fast-clicker", "always-fake", "alternator"]),
    )
    found = analyse(read_votes(server.study), read_design(server.study))
    assert [bool(person.excluded) for person in found.annotators] == [False, True, True, True] * 2
    assert found.result is not None and found.without_exclusion is not None


@pytest.mark.nightly
def test_learners_learn_with_feedback_alone(serve: Serve, tmp_path: Path) -> None:
    server = serve(trials=30, attention=0, annotators_wanted=16, feedback="split")
    visits = run(server, tmp_path, Participants(16, ["learner:slope=8"]))
    learning = analyse(read_votes(server.study), read_design(server.study)).learning
    assert learning.interval is not None and learning.interval.low > 0
    expected = sum(visit.expected_wrong or 0 for visit in visits) / (16 * 30)
    wrong = sum(visit.wrong for visit in visits) / (16 * 30)
    assert wrong == pytest.approx(expected, abs=3 * (0.25 / 480) ** 0.5)


def test_the_command_starts_a_server_and_says_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    create_study(folder, StudySettings(trials=4, attention=0), noise("real"), [noise("made")])
    turing_command = typer.main.get_command(turing)
    options = ["--annotators", "3", "--habit", "double-sender", "--kind", "guesser:skill=1"]
    turing_command.main(["simulate", str(folder), *options, "--truth"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "3 annotators, 3 with a completion code" in shown
    assert "12 recorded" in shown
    assert "error that such annotators have on average: 0.0%" in shown
    assert "error: 0.0%" in shown and "as in results" in shown
