"""Tokens: rings of keys and cut-offs."""

revision = "identity_5"
down_revision = "identity_4"


def upgrade() -> None:
    """Add the tables."""
