"""Sessions no longer hold the invitation that they came by, only its keyed hash."""

from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Drop the column."""
    op.drop_column("sessions", "invitation")
