"""The schema's versions, up and down, with people in the database."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import JSON, column, func, inspect, select, table, update

from convergan.turing import migrations
from convergan.turing.study import schema
from convergan.turing.study.study import Study
from tests.turing.serving import Make
from tests.turing.session_steps import begin, come, run_through


def filled(study: Study) -> None:
    for person in ("ann", "ben"):
        session = come(study, person)
        begin(session)
        run_through(session)


def test_a_filled_database_goes_down_and_up_again(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    filled(study)
    with study.database.writing() as connection:
        migrations.downgrade(connection)
        assert inspect(connection).get_table_names() == ["alembic_version"]
        assert migrations.current(connection) is None
        migrations.upgrade(connection)
        assert migrations.current(connection) == migrations.newest()
        votes = select(func.count()).select_from(schema.answers)
        assert connection.execute(votes).scalar_one() == 0


def test_a_database_of_the_first_schema_is_brought_up_to_date_with_its_votes(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    filled(study)
    with study.database.writing() as connection:
        migrations.downgrade(connection, "0001")
        assert migrations.current(connection) == "0001"
        migrations.upgrade(connection)
        assert migrations.current(connection) == migrations.newest()
        votes = select(func.count()).select_from(schema.answers)
        assert connection.execute(votes).scalar_one() == 10
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_an_older_database_forgets_assignments_and_keeps_where_the_last_form_goes(
    make: Make,
) -> None:
    study, _ = make(recruiter="prolific")
    filled(study)
    old = table("sessions", column("number"), column("return_to", JSON))
    with study.database.writing() as connection:
        migrations.downgrade(connection, "0002")
        back = {"submit_to": "https://www.mturk.com", "visit": "V1"}
        connection.execute(update(old).where(old.c.number == 0).values(return_to=back))
        migrations.upgrade(connection)
        query = select(schema.sessions.c.submit_to).order_by(schema.sessions.c.number)
        assert list(connection.execute(query).scalars()) == ["https://www.mturk.com", None]


def test_an_up_to_date_database_is_left_as_it_is(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    filled(study)
    with study.database.writing() as connection:
        migrations.upgrade(connection)
        votes = select(func.count()).select_from(schema.answers)
        assert connection.execute(votes).scalar_one() == 10


def test_a_migration_that_fails_changes_nothing(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    filled(study)
    try:
        with study.database.writing() as connection:
            migrations.downgrade(connection)
            raise RuntimeError("power")
    except RuntimeError:
        pass
    with study.database.reading() as connection:
        assert migrations.current(connection) == migrations.newest()
        votes = select(func.count()).select_from(schema.answers)
        assert connection.execute(votes).scalar_one() == 10


def test_only_revisions_of_this_version_are_known() -> None:
    assert migrations.known(migrations.newest())
    assert not migrations.known("9999")
