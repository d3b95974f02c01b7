"""Impostors, and what must be found where one gets through."""

import random
from pathlib import Path

import pytest

from convergan.turing.study.admission import Admission
from convergan.turing.study.study import StudySettings, create_study, open_study
from faults import impostors
from faults.impostors import Attack, attack
from tests.turing.serving import CODES, noise, served

pytestmark = pytest.mark.slow


def test_impostors_and_previews_get_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impostors, "GUESSES", 2)
    monkeypatch.setattr(impostors, "PEOPLE", 3)
    found = attack(tmp_path / "study", None, 0)
    assert found.lost == ""
    assert found.figures == {"tries": 2 * 3 * 3 + 6, "previews": 9, "places taken": 3}


def test_a_session_that_is_handed_over_by_an_id_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impostors, "GUESSES", 1)
    monkeypatch.setattr(Admission, "come_again", lambda self, known, visit: str(known.id))
    settings = StudySettings(trials=4, attention=0, recruiter="prolific", **CODES)
    token = create_study(tmp_path / "study", settings, noise("real"), [noise("made")])
    with open_study(tmp_path / "study") as study, served(study, token) as server:
        found = Attack(server.client(), random.Random(0))
        place = found.arrive("ann", "hers")
        assert place is not None and found.begin(place)
        found.guess("ann", place)
    assert found.wrong == ["ann's session was handed over"] * 2
