"""The first tables: sessions at a portal, and what the provider ended."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, PrimaryKeyConstraint, String

revision = "portal_1"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "portal_sessions",
        Column("id", LargeBinary(32), nullable=False),
        Column("sid", String(255), nullable=False),
        Column("subject", String(255), nullable=False),
        Column("sealed", LargeBinary(), nullable=False),
        Column("expires_at", BigInteger(), nullable=False),
        PrimaryKeyConstraint("id"),
    )
    for name in ("sid", "subject", "expires_at"):
        op.create_index(f"ix_portal_sessions_{name}", "portal_sessions", [name])
    op.create_table(
        "portal_endings",
        Column("name", String(300), nullable=False),
        Column("ended_at", BigInteger(), nullable=False),
        Column("keep_until", BigInteger(), nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_portal_endings_keep_until", "portal_endings", ["keep_until"])
