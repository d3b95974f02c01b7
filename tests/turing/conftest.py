"""A small study of noise on SQLite and on PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.turing_studies import scratch_database
from convergan.turing.study import Plan, Study, create_study, opened
from tests.turing.serving import Make, Serve, Server, noise, served

POSTGRESQL = os.environ.get("CONVERGAN_TEST_POSTGRESQL")
"""Address of a server on which databases may be made, postgresql+psycopg://USER@HOST:PORT/NAME."""


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgresql",
            marks=pytest.mark.skipif(POSTGRESQL is None, reason="no CONVERGAN_TEST_POSTGRESQL"),
        ),
    ]
)
def address(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where the study's database is to be: None for SQLite, or an empty database."""
    with scratch_database(None if request.param == "sqlite" else POSTGRESQL) as place:
        yield place


@pytest.fixture
def make(address: str | None, tmp_path: Path) -> Iterator[Make]:
    """Make and open a study: fields of `Plan`, and names of models; returns it and the token."""
    with ExitStack() as stack:

        def made(models: tuple[str, ...] = ("model",), **fields: Any) -> tuple[Study, str]:
            plan = replace(Plan(trials=4, attention=1, annotators_wanted=10), **fields)
            generated = [noise(name) for name in models]
            token = create_study(tmp_path / "study", plan, noise("real"), generated, address)
            return stack.enter_context(opened(tmp_path / "study")), token

        yield made


@pytest.fixture
def serve(make: Make) -> Iterator[Serve]:
    """Make a study as `make` does and serve it."""
    with ExitStack() as stack:

        def started(**fields: Any) -> Server:
            return stack.enter_context(served(*make(**fields)))

        yield started
