"""Sessions no longer hold the invitation that they came by, only its keyed hash."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Drop the column."""
    op.drop_column("sessions", "invitation")


def downgrade() -> None:
    """Make the column again, without what was in it."""
    op.add_column("sessions", sa.Column("invitation", sa.String(22)))
