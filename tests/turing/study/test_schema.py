"""The tables of a new study."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from convergan.turing import migrations
from convergan.turing.study import schema
from tests.turing.serving import Make


def test_a_new_study_has_exactly_the_tables_of_the_schema(make: Make) -> None:
    study, _ = make()
    with study.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        assert migrations.current(connection) == migrations.newest()
