"""People who answer all at once, and what must be found where answers are lost."""

import socket
from pathlib import Path

import pytest
from sqlalchemy import text

from convergan.turing.simulation.participants import Participants
from convergan.turing.simulation.simulator import simulate
from convergan.turing.study.study import StudySettings, open_study
from convergan.turing.web.server_process import serving
from faults.crowds import crowd, kept_port
from faults.studies import disagreements, faults, make_study

pytestmark = pytest.mark.slow


def test_answers_sent_three_times_and_out_of_order_are_stored_once(
    tmp_path: Path, server: str | None
) -> None:
    found = crowd(tmp_path / "study", server, people=8, trials=10)
    assert (found.lost, found.times) == ("", 80)
    assert found.figures["sent"] >= 3 * 80


@pytest.mark.nightly  # rows 13 to 15 of the fault table are tried in every run
def test_no_acknowledged_answer_is_lost_in_a_kill(tmp_path: Path, server: str | None) -> None:
    found = crowd(tmp_path / "study", server, people=6, trials=8, kills=2)
    assert (found.lost, found.times) == ("", 2)
    assert found.figures["failed requests, sent again"] > 0  # the kills were felt


def test_between_two_servers_nobody_else_gets_their_port() -> None:
    with kept_port() as port:
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port)):
                socket.create_connection(("127.0.0.1", port)).close()
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port))


def test_answers_that_are_lost_or_other_than_acknowledged_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    make_study(folder, StudySettings(trials=4, attention=0))
    with serving(folder) as url:
        visits = simulate(folder, url, Participants(2, ["guesser"]))
    assert disagreements(folder, visits, 8) == faults(folder) == []
    visits[0].failures["500"] += 1
    visits[1].statuses[422] += 1
    with open_study(folder) as study, study.database.writing() as connection:
        connection.execute(text("DELETE FROM answers WHERE number = 1"))
        connection.execute(text("UPDATE answers SET reply = '{}' WHERE number = 0"))
        connection.execute(text("UPDATE sessions SET completion_code = NULL WHERE number = 0"))
    half_done = [
        "2 answered trials without an answer",
        "2 sessions with a gap in their answers",
        "1 sessions that are done without a code, or not with one",
    ]
    assert faults(folder) == half_done
    assert disagreements(folder, visits, 8) == [
        "2 answers fewer than 8",
        "4 acknowledged answers that are not stored as they were acknowledged",
        "1 people with another code than is stored",
        "1 replies of a broken server",
        "1 answers refused by mistake",
        *half_done,
    ]
