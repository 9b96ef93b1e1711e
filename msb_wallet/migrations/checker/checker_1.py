"""The first tables: nonces seen, and the newest trust lists.

Stores of the time before migrations have them already, and are taken as they are.
"""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, PrimaryKeyConstraint, String

revision = "checker_1"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "newest_lists",
        Column("signer", String(64), nullable=False),
        Column("version", BigInteger(), nullable=False),
        Column("digest", LargeBinary(32), nullable=False),
        PrimaryKeyConstraint("signer"),
        if_not_exists=True,
    )
    op.create_table(
        "seen_nonces",
        Column("nonce", LargeBinary(64), nullable=False),
        Column("seen_at", BigInteger(), nullable=False),
        PrimaryKeyConstraint("nonce"),
        if_not_exists=True,
    )
    op.create_index("seen_nonces_by_age", "seen_nonces", ["seen_at"], if_not_exists=True)
