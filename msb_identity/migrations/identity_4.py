"""Sign-in: passwords, challenges, scans, and what a session remembers."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, String, text

revision = "identity_4"
down_revision = "identity_3"


def upgrade() -> None:
    """Add the columns of sessions: those that there are belong to persons and have no secret."""
    op.add_column(
        "sessions",
        Column("subject_kind", String(16), nullable=False, server_default=text("'person'")),
    )
    op.add_column(
        "sessions", Column("place", String(100), nullable=False, server_default=text("''"))
    )
    op.add_column("sessions", Column("secret_hash", LargeBinary(32)))
    op.add_column("sessions", Column("idle_until", BigInteger))
    op.create_index("ix_sessions_secret_hash", "sessions", ["secret_hash"], unique=True)
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
