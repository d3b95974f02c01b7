"""Making and opening a study, and what is left where that fails."""

import io
import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import create_engine, inspect, select

from convergan.turing import migrations
from convergan.turing.errors import StudyError
from convergan.turing.statistics.votes import Exclusion
from convergan.turing.study import schema
from convergan.turing.study.database import locate
from convergan.turing.study.image_import import Source
from convergan.turing.study.resampling import resample, secret_chance
from convergan.turing.study.study import StudySettings, create_study, open_study
from convergan.turing.study.tokens import token_sha256
from tests.turing.serving import Make, noise

PLAN = StudySettings(trials=4, attention=1, annotators_wanted=3)


def test_a_study_keeps_its_key_from_others_and_its_owners_token_from_itself(
    make: Make, tmp_path: Path
) -> None:
    study, token = make()
    folder = tmp_path / "study"
    assert stat.S_IMODE((folder / "secret.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with study.database.reading() as connection:
        rows = [repr(connection.execute(select(t)).all()) for t in schema.metadata.sorted_tables]
    assert not any(token in row or study.key.hex() in row for row in rows)
    assert any(token_sha256(token) in row for row in rows)
    assert not list(tmp_path.glob(".tmp-*"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"protocol": "triple"}, "protocol must be one of single, pair, timed, got 'triple'"),
        ({"feedback": "maybe"}, "feedback must be one of"),
        ({"protocol": "timed", "feedback": "split"}, "feedback must be on"),
        ({"trials": 0}, "trials must be from 1"),
        ({"attention": -1}, "attention must be"),
        ({"annotators_wanted": 0}, "annotators_wanted must be"),
        ({"margin": 0.5}, "margin must be between"),
        ({"margin": float("nan")}, "margin must be between"),
        ({"seed": -1}, "seed must be"),
        ({"scale": 0}, "scale must be"),
        ({"minutes": 0}, "minutes must be"),
        ({"consent": " "}, "consent must be"),
        ({"retention_days": -1}, "retention_days must be"),
        ({"retention_days": float("inf")}, "retention_days must be"),
        ({"recruiter": "forum"}, "recruiter must be"),
        ({"recruiter": "prolific"}, "recruiter prolific needs completion-code"),
        ({"recruiter": "prolific", "completion_code": "C1"}, "prolific needs screened-out"),
        ({"completion_code": "C1"}, "completion-code needs --recruiter prolific"),
        ({"recruiter": "mturk", "screened_out_code": "C1"}, "screened-out needs --recruiter"),
        ({"resume_days": 0}, "resume_days must be"),
        ({"resume_days": float("nan")}, "resume_days must be"),
        ({"contact": " "}, "contact must be"),
        ({"links": ("javascript:alert(1)",)}, "a link must begin with https"),
        ({"bonus": "a lot"}, "bonus must be terms like"),
        ({"bonus": "0.02 per correct, at most 0"}, "'0.02 per correct, at most 0' pays nothing"),
        ({"bonus": "0 per answer + 0.50 if error below 0%"}, "bonus must pay whoever is always ri"),
        (
            {"exclusion": Exclusion(max_same_answer=0.49)},
            "max_same_answer must be from 0.5 to 1, a",
        ),
        (
            {"exclusion": Exclusion(max_alternation=0.1)},
            "max_alternation must be from 0.5 to 1, as",
        ),
        ({"trials": 50}, "real has 40 images, but 50 trials need 4., as each shows a generated"),
        ({"trials": 200}, "real has 40 images, but 200 trials need 13"),
        ({"trials": 50, "protocol": "pair"}, "real has 40 .* need 50, as a pair takes one of each"),
    ],
)
def test_a_plan_that_cannot_be_leaves_nothing(
    address: str | None, tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        settings = replace(PLAN, **fields)
        create_study(tmp_path / "study", settings, noise("real"), [noise("a")], address)
    assert not list(tmp_path.iterdir())
    if address is not None:
        engine = create_engine(address)
        assert not inspect(engine).get_table_names()
        engine.dispose()


def test_a_study_that_cannot_be_written_names_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match=r"/file/study cannot be written: ") as refused:
        create_study(tmp_path / "file" / "study", PLAN, noise("real"), [noise("a")])
    assert ".tmp-" not in str(refused.value)


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine").write_text("kept")
    with pytest.raises(ValueError, match="exists; choose another place for the study"):
        create_study(tmp_path / "study", PLAN, noise("real"), [noise("a")])
    assert [file.name for file in tmp_path.rglob("*")] == ["study", "mine"]


def test_a_database_takes_one_study(make: Make, address: str | None, tmp_path: Path) -> None:
    if address is None:
        pytest.skip("SQLite's is in the folder")
    make()
    with pytest.raises(StudyError, match="holds a study"):
        create_study(tmp_path / "other", PLAN, noise("real"), [noise("a")], address)
    assert not (tmp_path / "other").exists()


def test_an_address_that_is_not_of_postgresql_is_refused(tmp_path: Path) -> None:
    for address in ("mysql://x/y", "postgresql+psycopg2://x/y", "sqlite:///x", "nonsense", ""):
        with pytest.raises(StudyError, match="postgresql"):
            create_study(tmp_path / "study", PLAN, noise("real"), [noise("a")], address)
    assert not list(tmp_path.iterdir())


def test_a_database_that_cannot_be_reached_is_told_without_its_password(tmp_path: Path) -> None:
    address = "postgresql+psycopg://ann:hunter2@127.0.0.1:1/none"
    with pytest.raises(OSError, match="cannot be used") as refused:
        create_study(tmp_path / "study", PLAN, noise("real"), [noise("a")], address)
    assert "hunter2" not in str(refused.value)
    assert not list(tmp_path.iterdir())
    assert locate(address, tmp_path).password == "hunter2"


def break_key(folder: Path) -> None:
    (folder / "secret.key").write_text("not hexadecimal\n")


def binary_key(folder: Path) -> None:
    (folder / "secret.key").write_bytes(b"\xff\xfe")


def public_key(folder: Path) -> None:
    (folder / "secret.key").chmod(0o644)


def no_key(folder: Path) -> None:
    (folder / "secret.key").unlink()


def no_database(folder: Path) -> None:
    (folder / "study.sqlite3").unlink()


def other_schema(folder: Path) -> None:
    with sqlite3.connect(folder / "study.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def no_schema(folder: Path) -> None:
    (folder / "study.sqlite3").unlink()
    sqlite3.connect(folder / "study.sqlite3").close()


def broken_database(folder: Path) -> None:
    (folder / "study.sqlite3").write_bytes(os.urandom(5000))


BROKEN = {
    break_key: "not a key of 64",
    binary_key: "cannot be read",
    public_key: "can be read by others",
    no_key: "cannot be read",
    no_database: "has no database",
    other_schema: f"has schema 9999, this version of convergan knows {migrations.newest()}",
    no_schema: "holds no study",
    broken_database: "cannot be used: file is not a database",
}


@pytest.mark.parametrize("spoil", BROKEN, ids=lambda spoil: spoil.__name__)
def test_a_study_that_cannot_be_opened_says_why_in_one_line(spoil: Any, tmp_path: Path) -> None:
    create_study(tmp_path / "study", PLAN, noise("real"), [noise("a")])
    spoil(tmp_path / "study")
    with pytest.raises(StudyError, match=BROKEN[spoil]), open_study(tmp_path / "study"):
        pass


def test_a_study_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there is no study"), open_study(tmp_path / "none"):
        pass


def test_images_are_stored_without_names_and_with_one_length(make: Make) -> None:
    study, _ = make(models=("a", "b"), attention=2)
    with study.database.reading() as connection:
        rows = connection.execute(select(schema.images).order_by("id")).all()
    assert [row.id for row in rows] == list(range(40 * 3 + 16))
    assert [row.model for row in rows] == [None] * 40 + [0] * 40 + [1] * 40 + [None] * 16
    assert [row.attention for row in rows] == [False] * 120 + [True] * 16
    assert len({len(row.png) for row in rows}) == 1
    assert not any(b"real" in row.png for row in rows)


def test_no_image_is_stored_as_it_was_when_that_is_asked_for(make: Make) -> None:
    study, _ = make(resample=True)
    plain = {image.tobytes() for name in ("real", "model") for image in noise(name).pixels}
    expected = resample(noise("real").pixels, secret_chance(study.key))
    with study.database.reading() as connection:
        query = select(schema.images.c.png).order_by(schema.images.c.id)
        files = connection.execute(query).scalars().all()
    found = [np.asarray(Image.open(io.BytesIO(file)).convert("L")) for file in files]
    assert not plain & {image.tobytes() for image in found}
    assert np.array_equal(found[:40], expected)


def test_small_images_are_shown_as_large_as_screens_are() -> None:
    for side, scale in ((8, 64), (28, 64), (64, 32), (256, 8), (1000, 2), (2048, 1)):
        source: Source = noise("real", count=1, side=side)
        assert PLAN.enlarged(source).scale == scale


def test_the_version_of_the_consent_changes_with_its_text() -> None:
    assert PLAN.consent_text.version == StudySettings().consent_text.version
    other = replace(PLAN, consent="Other.", contact="ann@lab.example")
    assert other.consent_text.version != replace(PLAN, consent="Other.").consent_text.version
    assert other.consent_text.version != PLAN.consent_text.version
