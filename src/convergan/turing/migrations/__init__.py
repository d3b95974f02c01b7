"""Versions of the schema: a new study begins with the newest, an older one is brought up to it.

The revisions are Alembic's, which this module runs. There is no alembic.ini: where they are is
known, and the connection is the caller's, so that making a study is one transaction.
"""

from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from ..study import schema


def newest() -> str:
    """Return the revision that this version of the code works with."""
    head = _scripts().get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str | None:
    """Return the revision of a database, None where no study is in it."""
    return MigrationContext.configure(connection).get_current_revision()


def known(revision: str) -> bool:
    """Whether this version of the code knows a revision, and so can bring it up to date."""
    return revision in {script.revision for script in _scripts().walk_revisions()}


def create(connection: Connection) -> None:
    """Make the tables in a database without a study; one that is there already is an error."""
    schema.metadata.create_all(connection, checkfirst=False)
    MigrationContext.configure(connection).stamp(_scripts(), newest())


def upgrade(connection: Connection) -> None:
    """Bring the database of a study up to the newest revision."""
    context, scripts = MigrationContext.configure(connection), _scripts()
    newer = list(scripts.iterate_revisions("head", context.get_current_revision()))
    with Operations.context(context):
        for script in reversed(newer):
            script.module.upgrade()
            context.stamp(scripts, script.revision)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent))
