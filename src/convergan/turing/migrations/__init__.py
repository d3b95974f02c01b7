"""Versions of the schema, as Alembic revisions that this module runs.

There is no alembic.ini: where the revisions are is known, and the connection is the caller's, so
that making a study is one transaction.
"""

from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


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


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring a database up to a revision."""
    context, scripts = MigrationContext.configure(connection), _scripts()
    newer = list(scripts.iterate_revisions(revision, context.get_current_revision() or "base"))
    with Operations.context(context):
        for script in reversed(newer):
            script.module.upgrade()
            context.stamp(scripts, script.revision)


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Bring a database down to a revision; ``base`` is one without tables of ours."""
    context, scripts = MigrationContext.configure(connection), _scripts()
    newer = list(scripts.iterate_revisions(context.get_current_revision() or "base", revision))
    with Operations.context(context):
        for script in newer:
            script.module.downgrade()
            context.stamp(scripts, script.down_revision or "base")  # type: ignore[arg-type]


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent))
