"""Sign-in: passwords, challenges, scans, and what a session remembers."""

revision = "identity_4"
down_revision = "identity_3"


def upgrade() -> None:
    """Add the tables."""
