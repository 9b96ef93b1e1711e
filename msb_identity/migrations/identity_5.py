"""Tokens: rings of keys and cut-offs."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, String

revision = "identity_5"
down_revision = "identity_4"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "ring_keys",
        Column("key_id", String(11), nullable=False),
        Column("kind", String(8), nullable=False),
        Column("published_at", BigInteger(), nullable=False),
        Column("used_from", BigInteger(), nullable=True),
        Column("private", LargeBinary(), nullable=False),
        PrimaryKeyConstraint("key_id"),
    )
    op.create_table(
        "cut_offs",
        Column("name", String(280), nullable=False),
        Column("cut_at", BigInteger(), nullable=False),
        Column("version", BigInteger(), nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_cut_offs_cut_at", "cut_offs", ["cut_at"])
    op.create_index("ix_cut_offs_version", "cut_offs", ["version"])
    counter = op.create_table(
        "cut_off_counter",
        Column("id", Integer(), autoincrement=False, nullable=False),
        Column("version", BigInteger(), nullable=False),
        PrimaryKeyConstraint("id"),
    )
    # One row, which every cut-off locks: versions are committed in their order.
    op.bulk_insert(counter, [{"id": 1, "version": 0}])
