"""A small study of noise on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convergan.turing.study.study import Study, StudySettings, create_study, open_study
from faults.studies import scratch_database
from tests.databases import server as server
from tests.turing.serving import CODES, Make, Serve, Server, noise, served


@pytest.fixture
def address(server: str | None) -> Iterator[str | None]:
    """Where the study's database is to be: None for SQLite, or an empty database."""
    with scratch_database(server) as place:
        yield place


@pytest.fixture
def make(address: str | None, tmp_path: Path) -> Iterator[Make]:
    """Make and open a study of `StudySettings` and names of models; returns it and the token.

    One for Prolific has `CODES`.
    """
    with ExitStack() as stack:

        def made(
            models: tuple[str, ...] = ("model",), side: int = 8, **fields: Any
        ) -> tuple[Study, str]:
            if fields.get("recruiter") == "prolific":
                fields = {**CODES, **fields}
            settings = replace(StudySettings(trials=4, attention=1, annotators_wanted=10), **fields)
            real, *generated = (noise(name, side=side) for name in ("real", *models))
            token = create_study(tmp_path / "study", settings, real, generated, address)
            return stack.enter_context(open_study(tmp_path / "study")), token

        yield made


@pytest.fixture
def serve(make: Make) -> Iterator[Serve]:
    """Make a study as `make` does and serve it."""
    with ExitStack() as stack:

        def started(path: str = "", **fields: Any) -> Server:
            return stack.enter_context(served(*make(**fields), path))

        yield started
