"""Panels' completion codes and lists, resuming, pilots, and versions of the consent text."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    """Add columns and tables; the consent text of a study is its first version."""
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    texts = op.create_table(
        "consent_texts",
        sa.Column("version", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("contact", sa.Text),
        sa.Column("links", sa.JSON),
        sa.Column("created", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_consent_texts"),
        sa.UniqueConstraint("number", name="uq_consent_texts_number"),
    )
    op.create_table(
        "listed_people",
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("visit", sa.String(64)),
        sa.PrimaryKeyConstraint("person", name="pk_listed_people"),
    )
    names = ("consent_version", "consent_text", "created")
    study = sa.table("study", *(sa.column(name) for name in names))
    first = sa.select(study.c.consent_version, sa.literal(1), study.c.consent_text, study.c.created)
    op.execute(sa.insert(texts).from_select(["version", "number", "text", "created"], first))


def _columns() -> dict[str, tuple[sa.Column[Any], ...]]:
    return {
        "study": (
            sa.Column("completion_code", sa.String(64)),
            sa.Column("screened_out_code", sa.String(64)),
            sa.Column("failed_attention_code", sa.String(64)),
            sa.Column("resume_days", sa.Double, nullable=False, server_default="7"),
            sa.Column("allow_list", sa.Boolean, nullable=False, server_default=sa.false()),
            sa.Column("bonus", sa.Text),
            sa.Column("contact", sa.Text),
            sa.Column("links", sa.JSON),
        ),
        "invitations": (sa.Column("pilot", sa.Boolean, nullable=False, server_default=sa.false()),),
        "sessions": (
            sa.Column("visit", sa.String(64)),
            sa.Column("wrong_visits", sa.Integer, nullable=False, server_default="0"),
            sa.Column("failed_attention", sa.Boolean),
            sa.Column("pilot", sa.Boolean, nullable=False, server_default=sa.false()),
        ),
    }
