"""The tables of a study in the first schema, revision 0001, which older studies come from."""

import sqlalchemy as sa
from alembic import op


def make_first_tables() -> None:
    """Make the tables, inside of Alembic's ``Operations.context``."""
    op.create_table(
        "study",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("retain_until", sa.Double),
        sa.Column("owner_token_sha256", sa.String(64), nullable=False),
        sa.Column("recruiter", sa.String(16), nullable=False),
        sa.Column("protocol", sa.String(16), nullable=False),
        sa.Column("trials", sa.Integer, nullable=False),
        sa.Column("blocks", sa.Integer, nullable=False),
        sa.Column("attention", sa.Integer, nullable=False),
        sa.Column("feedback", sa.String(16), nullable=False),
        sa.Column("margin", sa.Double, nullable=False),
        sa.Column("annotators_wanted", sa.Integer, nullable=False),
        sa.Column("exclusion", sa.JSON, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("consent_version", sa.String(16), nullable=False),
        sa.Column("consent_text", sa.Text, nullable=False),
        sa.Column("minutes", sa.Double, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("scale", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_study"),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_models"),
        sa.UniqueConstraint("name", name="uq_models_name"),
    )
    op.create_table(
        "images",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("model", sa.Integer),
        sa.Column("attention", sa.Boolean, nullable=False),
        sa.Column("png", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.ForeignKeyConstraint(["model"], ["models.id"], name="fk_images_model"),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
    )
    _people()


def _people() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("alias", sa.String(16), nullable=False),
        sa.Column("adapter", sa.String(16), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("invitation", sa.String(22)),
        sa.Column("return_to", sa.JSON),
        sa.Column("model", sa.Integer, nullable=False),
        sa.Column("feedback", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("seen", sa.Double, nullable=False),
        sa.Column("consent_version", sa.String(16)),
        sa.Column("consented", sa.Double),
        sa.Column("instructed", sa.Double),
        sa.Column("finished", sa.Double),
        sa.Column("completion_code", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(["model"], ["models.id"], name="fk_sessions_model"),
        sa.UniqueConstraint("number", name="uq_sessions_number"),
        sa.UniqueConstraint("alias", name="uq_sessions_alias"),
        sa.UniqueConstraint("completion_code", name="uq_sessions_completion_code"),
        sa.UniqueConstraint("adapter", "person", name="uq_sessions_adapter_person"),
    )
    op.create_table(
        "trials",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("session", sa.String(22), nullable=False),
        sa.Column("block", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("first_image", sa.Integer, nullable=False),
        sa.Column("first_view", sa.String(22), nullable=False),
        sa.Column("second_image", sa.Integer),
        sa.Column("second_view", sa.String(22)),
        sa.Column("generated", sa.Boolean, nullable=False),
        sa.Column("attention", sa.Boolean, nullable=False),
        sa.Column("exposure_ms", sa.Double),
        sa.Column("loss", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_trials"),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name="fk_trials_session"),
        sa.ForeignKeyConstraint(["first_image"], ["images.id"], name="fk_trials_first_image"),
        sa.ForeignKeyConstraint(["second_image"], ["images.id"], name="fk_trials_second_image"),
        sa.UniqueConstraint("session", "position", name="uq_trials_session_position"),
    )
    op.create_index(
        "ix_trials_session_state_block_position",
        "trials",
        ["session", "state", "block", "position"],
    )
    op.create_table(
        "answers",
        sa.Column("trial", sa.String(22), nullable=False),
        sa.Column("session", sa.String(22), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("said_generated", sa.Boolean, nullable=False),
        sa.Column("reaction_ms", sa.Double, nullable=False),
        sa.Column("shown_ms", sa.Double, nullable=False),
        sa.Column("ignored", sa.Integer, nullable=False),
        sa.Column("screen", sa.JSON, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("reply", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("trial", name="pk_answers"),
        sa.ForeignKeyConstraint(["trial"], ["trials.id"], name="fk_answers_trial"),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name="fk_answers_session"),
        sa.UniqueConstraint("session", "number", name="uq_answers_session_number"),
    )
    op.create_index("ix_answers_session", "answers", ["session"])
