"""Where studies of the tests have their databases."""

import pytest

from faults.studies import POSTGRESQL


@pytest.fixture(
    params=[
        pytest.param(None, id="sqlite"),
        pytest.param(
            POSTGRESQL,
            id="postgresql",
            marks=pytest.mark.skipif(POSTGRESQL is None, reason="no CONVERGAN_TEST_POSTGRESQL"),
        ),
    ]
)
def server(request: pytest.FixtureRequest) -> str | None:
    """The PostgreSQL server that a study's database is to be on; None for SQLite."""
    found: str | None = request.param
    return found
