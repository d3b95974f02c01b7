"""Older databases are brought up to the schema, with people in them."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, func, insert, select, text
from sqlalchemy.exc import OperationalError

from convergan.turing import migrations
from convergan.turing.owner import people, read_design, read_votes
from convergan.turing.results.analysis import analyse
from convergan.turing.results.headline import cautions
from convergan.turing.study import schema
from convergan.turing.study.study import Study
from tests.turing.serving import Make
from tests.turing.session_steps import begin, come, run_through
from tests.turing.study.first_schema import make_first_tables


def filled(study: Study) -> None:
    for person in ("ann", "ben"):
        session = come(study, person)
        begin(session)
        run_through(session)


def count_votes(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(schema.answers)).scalar_one()


def make_older(connection: Connection) -> None:
    """Put the tables of the first schema in the place of today's, with what is in them."""
    tables = schema.metadata.sorted_tables
    kept = {table.name: connection.execute(select(table)).mappings().all() for table in tables}
    schema.metadata.drop_all(connection)
    context = MigrationContext.configure(connection)
    with Operations.context(context):
        make_first_tables()
    context.stamp(migrations._scripts(), "0001")
    first = MetaData()
    first.reflect(connection)
    for table in tables:
        if (older := first.tables.get(table.name)) is None:
            continue
        rows: list[dict[str, Any]] = [dict(row) for row in kept[table.name]]
        if table is schema.sessions:
            panels = {0: {"submit_to": "https://www.mturk.com", "visit": "V1"}}
            rows = [row | {"return_to": panels.get(row["number"])} for row in rows]
        rows = [{n: v for n, v in row.items() if n in older.c} for row in rows]
        if rows:
            connection.execute(insert(older), rows)


def assert_newest(connection: Connection) -> None:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    assert compare_metadata(context, schema.metadata) == []
    assert migrations.current(connection) == migrations.newest()


def test_a_table_of_somebody_else_is_not_taken_for_one_of_a_study() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE models (id INTEGER)"))
        with pytest.raises(OperationalError, match="models already exists"):
            migrations.create(connection)
    engine.dispose()


def test_a_database_of_the_first_schema_is_brought_up_to_date_with_its_votes(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    filled(study)
    with study.database.writing() as connection:
        make_older(connection)
        assert migrations.current(connection) == "0001"
        migrations.upgrade(connection)
        assert_newest(connection)
        assert count_votes(connection) == 10
        query = select(schema.sessions.c.submit_to).order_by(schema.sessions.c.number)
        assert list(connection.execute(query).scalars()) == ["https://www.mturk.com", None]
        texts = connection.execute(select(schema.consent_texts)).all()
        design = connection.execute(select(schema.study)).one()
        assert [(row.version, row.number, row.text) for row in texts] == [
            (design.consent_version, 1, design.consent_text)
        ]
        names = connection.execute(select(schema.images.c.file_name).distinct()).scalars().all()
        assert names == [None]
    codes = {person["panel_code"] for person in people(study)}
    assert codes == {person["completion_code"] for person in people(study)} and len(codes) == 2


def test_a_study_of_before_plans_half_of_each_kind_for_all_of_its_people_and_says_so(
    make: Make,
) -> None:
    study, _ = make(recruiter="prolific", trials=10, attention=2)
    assert read_design(study).truth == "independent"
    with study.database.writing() as connection:
        make_older(connection)
        migrations.upgrade(connection)
    design = read_design(study)
    assert design.truth == "half"
    for person in range(6):
        begin(come(study, f"p{person}"))
    with study.database.reading() as connection:
        columns = schema.trials.c
        query = select(columns.session, func.count()).where(columns.generated, ~columns.attention)
        counts = [count for _, count in connection.execute(query.group_by(columns.session))]
    assert counts == [5] * 6
    run_through(come(study, "p0"))
    (said,) = [c for c in cautions(analyse(read_votes(study), design, draws=10)) if "Half" in c]
    assert "whoever counts" in said


def test_an_up_to_date_database_is_left_as_it_is(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    filled(study)
    with study.database.writing() as connection:
        migrations.upgrade(connection)
        assert_newest(connection)
        assert count_votes(connection) == 10


def test_a_migration_that_fails_changes_nothing(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    filled(study)
    with study.database.writing() as connection:
        make_older(connection)
    with pytest.raises(RuntimeError), study.database.writing() as connection:
        migrations.upgrade(connection)
        raise RuntimeError("power")
    with study.database.reading() as connection:
        assert migrations.current(connection) == "0001"
        assert count_votes(connection) == 10


def test_only_revisions_of_this_version_are_known() -> None:
    assert migrations.known(migrations.newest())
    assert not migrations.known("9999")
