"""The first schema, which the oldest studies have; new ones never do."""

revision = "0001"
down_revision: str | None = None
