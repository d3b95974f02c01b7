"""The tables of a study. Times are seconds since 1970, UTC; identifiers are 128 random bits."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

OPEN, DONE, WITHDRAWN, RETURNED, TIMED_OUT, SCREENED_OUT = (
    *("open", "done", "withdrawn", "returned", "timed out", "screened out"),
)
"""States of a session; done ones hold a place of the study, and open ones from consent on. One is
timed out when somebody else has its place."""

WAITING, ANSWERED, LOST = "waiting", "answered", "lost"
"""States of a trial; a lost one could not be shown and was replaced by another."""

RUNNING, STOPPED = "running", "stopped"
"""States of a study; a stopped one takes nobody new."""

study = Table(
    "study",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created", Double, nullable=False),
    Column("retain_until", Double),
    Column("owner_token_sha256", String(64), nullable=False),
    Column("recruiter", String(16), nullable=False),
    Column("protocol", String(16), nullable=False),
    Column("trials", Integer, nullable=False),
    Column("blocks", Integer, nullable=False),
    Column("attention", Integer, nullable=False),
    Column("feedback", String(16), nullable=False),
    Column("margin", Double, nullable=False),
    Column("annotators_wanted", Integer, nullable=False),
    Column("exclusion", JSON, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("consent_version", String(16), nullable=False),
    Column("consent_text", Text, nullable=False),
    Column("minutes", Double, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("scale", Integer, nullable=False),
    Column("completion_code", String(64)),
    Column("screened_out_code", String(64)),
    Column("failed_attention_code", String(64)),
    Column("resume_days", Double, nullable=False, server_default="7"),
    Column("allow_list", Boolean, nullable=False, server_default=false()),
    Column("bonus", Text),
    Column("contact", Text),
    Column("links", JSON),
    Column("truth", String(16), nullable=False, server_default="half"),
    Column("preregistration", JSON),
    Column("title", Text),
    Column("instructions", Text),
    Column("language", String(16)),
    Column("logo", LargeBinary),
    Column("questions", JSON),
)
"""One row: what was fixed before the first vote, and whether the study takes people."""

models = Table(
    "models",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
)
"""What made the generated images, counted from 0."""

images = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("model", Integer, ForeignKey("models.id")),
    Column("attention", Boolean, nullable=False),
    Column("png", LargeBinary, nullable=False),
    Column("file_name", Text),
)
"""Images, counted from 0, those of attention trials last. Without a model, one is real, or
obviously not where it is for attention. No browser of an annotator ever sees these numbers, nor the
names of the files that images came from. ``png`` is a WebP file without loss; in studies of before
0.15 it is PNG. All files of a study have one length."""

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("pilot", Boolean, nullable=False, server_default=false()),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("alias", String(16), nullable=False, unique=True),
    Column("adapter", String(16), nullable=False),
    Column("person", String(64), nullable=False),
    Column("submit_to", Text),
    Column("model", Integer, ForeignKey("models.id"), nullable=False),
    Column("feedback", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created", Double, nullable=False),
    Column("seen", Double, nullable=False),
    Column("consent_version", String(16)),
    Column("consented", Double),
    Column("instructed", Double),
    Column("finished", Double),
    Column("completion_code", String(16), unique=True),
    Column("visit", String(64)),
    Column("wrong_visits", Integer, nullable=False, server_default="0"),
    Column("failed_attention", Boolean),
    Column("pilot", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("adapter", "person"),
)
"""One a person; ``person`` and ``visit`` are keyed hashes of what the recruiter calls them and the
visit in which they began. ``seen`` is when they last went on. The completion code is a receipt of
their own; what a panel wants to see at the end is in ``study``."""

consent_texts = Table(
    "consent_texts",
    metadata,
    Column("version", String(16), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("contact", Text),
    Column("links", JSON),
    Column("created", Double, nullable=False),
)
"""All versions of what people agree to, counted from 1; the newest is in ``study`` as well."""

listed_people = Table(
    "listed_people",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("visit", String(64)),
)
"""Whom the panel's own list names, by the keyed hashes that sessions have."""

trials = Table(
    "trials",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("session", String(22), ForeignKey("sessions.id"), nullable=False),
    Column("block", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("first_image", Integer, ForeignKey("images.id"), nullable=False),
    Column("first_view", String(22), nullable=False),
    Column("second_image", Integer, ForeignKey("images.id")),
    Column("second_view", String(22)),
    Column("generated", Boolean, nullable=False),
    Column("attention", Boolean, nullable=False),
    Column("exposure_ms", Double),
    Column("loss", Text),
    UniqueConstraint("session", "position"),
    Index(None, "session", "state", "block", "position"),
)
"""The plan of every session. ``generated`` is the truth about the first image, the left one of a
pair; views are what the browser calls images, other ones in every trial."""

answers = Table(
    "answers",
    metadata,
    Column("trial", String(22), ForeignKey("trials.id"), primary_key=True),
    Column("session", String(22), ForeignKey("sessions.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("said_generated", Boolean, nullable=False),
    Column("reaction_ms", Double, nullable=False),
    Column("shown_ms", Double, nullable=False),
    Column("ignored", Integer, nullable=False),
    Column("screen", JSON, nullable=False),
    Column("at", Double, nullable=False),
    Column("reply", Text, nullable=False),
    UniqueConstraint("session", "number"),
)
"""Votes, the first answer to every trial, with the reply that a repeated one gets again."""

responses = Table(
    "responses",
    metadata,
    Column("session", String(22), ForeignKey("sessions.id"), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("value", JSON),
    Column("at", Double, nullable=False),
)
"""Answers to the owner's own questions, by the name of the field; null where it was left out."""
