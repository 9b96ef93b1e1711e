"""The OpenID Provider: clients, codes, refresh tokens, logouts to deliver."""

revision = "identity_6"
down_revision = "identity_5"


def upgrade() -> None:
    """Add the tables."""
