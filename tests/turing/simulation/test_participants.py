"""Words of the command line for simulated annotators."""

import numpy as np
import pytest

from convergan.turing.simulation.observers import FastClicker, Guesser, Observer, Stimulus
from convergan.turing.simulation.participants import DEFAULTS, HABITS, Participants


def test_kinds_take_turns() -> None:
    people = Participants(3, ["observer:d=1.5,c=0.2", "fast-clicker"]).annotators(pairs=True)
    assert people == [Observer(1.5, 0.2, True), FastClicker(80.0), Observer(1.5, 0.2, True)]


def test_a_crowd_has_skills_of_its_own_and_the_same_ones_with_the_same_seed() -> None:
    def skills(seed: int) -> list[float]:
        people = Participants(200, ["crowd:skill=.7,rho=.05"], seed=seed).annotators()
        return [person.skill for person in people if isinstance(person, Guesser)]

    assert len(set(skills(0))) == 200
    assert skills(0) == skills(0) != skills(1)
    assert np.mean(skills(0)) == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_kind_answers_by_its_defaults(name: str) -> None:
    (person,) = Participants(1, [name]).annotators()
    said, reaction = person.answer(Stimulus(True, 0, 500.0, False), np.random.default_rng(0))
    assert said in (True, False)
    assert reaction > 0


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("expert", "kind must be one of observer, guesser"),
        ("observer:e=1", "observer has no field 'e'; its fields: d, c"),
        ("observer:d=x", "d must be a number, got 'x'"),
        ("observer:d=nan", "d must be a number, got 'nan'"),
        ("alternator:d=1", "alternator has no field 'd'; its fields: none"),
        ("crowd:rho=1", "a crowd needs 0 < skill < 1"),
    ],
)
def test_an_unknown_kind_is_refused_with_the_known_ones(kind: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Participants(2, [kind]).annotators()


def test_participants_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=f"habit must be one of {', '.join(HABITS)}, got 'lazy'"):
        Participants(habit_names=["lazy"])
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        Participants(workers=0)
    with pytest.raises(ValueError, match="kinds must be at least one"):
        Participants(kinds=[])
