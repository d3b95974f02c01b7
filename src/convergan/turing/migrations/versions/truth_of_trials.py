"""Studies say how truth is drawn, in those of before half of each kind; preregistrations."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    """Add the column."""
    truth = sa.Column("truth", sa.String(16), nullable=False, server_default="half")
    op.add_column("study", truth)
    op.add_column("study", sa.Column("preregistration", sa.JSON))
