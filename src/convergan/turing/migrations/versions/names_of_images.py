"""Images have the names of the files that they came from; those of older studies have none."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """Add the column."""
    op.add_column("images", sa.Column("file_name", sa.Text))
