"""People: kinds of identifiers, legal persons, mandates, staff, real-name levels."""

revision = "identity_3"
down_revision = "identity_2"


def upgrade() -> None:
    """Add the tables."""
