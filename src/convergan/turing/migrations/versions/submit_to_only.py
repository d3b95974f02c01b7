"""Sessions no longer hold the assignment of Mechanical Turk, only where the last form goes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"

sessions = sa.table(
    "sessions", sa.column("id"), sa.column("return_to", sa.JSON), sa.column("submit_to")
)


def upgrade() -> None:
    """Keep one of the two values."""
    op.add_column("sessions", sa.Column("submit_to", sa.Text))
    connection = op.get_bind()
    for session, back in connection.execute(sa.select(sessions.c.id, sessions.c.return_to)).all():
        if back is not None:
            mine = sa.update(sessions).where(sessions.c.id == session)
            connection.execute(mine.values(submit_to=back["submit_to"]))
    op.drop_column("sessions", "return_to")
