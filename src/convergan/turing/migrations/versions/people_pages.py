"""A study has words of its own: title, instructions, language, logo and questions."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Add the columns, empty, and the table of answers to questions."""
    for name, kind in (
        ("title", sa.Text()),
        ("instructions", sa.Text()),
        ("language", sa.String(16)),
        ("logo", sa.LargeBinary()),
        ("questions", sa.JSON()),
    ):
        op.add_column("study", sa.Column(name, kind))
    op.create_table(
        "responses",
        sa.Column("session", sa.String(22), sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.JSON),
        sa.Column("at", sa.Double, nullable=False),
    )
