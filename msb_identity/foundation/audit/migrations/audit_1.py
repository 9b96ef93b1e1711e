"""The first tables: the log's name, heads of chains, entries, subjects' keys.

Taken as they are where they are there already, as the first ones of the other packages are.
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    text,
)

revision = "audit_1"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audit_log",
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("id", LargeBinary(16), nullable=False),
        PrimaryKeyConstraint("number"),
        if_not_exists=True,
    )
    op.create_table(
        "audit_heads",
        Column("writer", String(60), nullable=False),
        Column("sequence", BigInteger(), nullable=False),
        Column("hash", LargeBinary(32), nullable=False),
        PrimaryKeyConstraint("writer"),
        if_not_exists=True,
    )
    op.create_table(
        "audit_subject_keys",
        Column("id", LargeBinary(16), nullable=False),
        Column("subject", LargeBinary(32), nullable=False),
        Column("wrapped", LargeBinary(), nullable=True),
        Column("erased_at", BigInteger(), nullable=True),
        PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_audit_subject_keys_subject", "audit_subject_keys", ["subject"], if_not_exists=True
    )
    _make_entries()


def _make_entries() -> None:
    op.create_table(
        "audit_entries",
        Column("writer", String(60), nullable=False),
        Column("sequence", BigInteger(), autoincrement=False, nullable=False),
        Column("time", BigInteger(), nullable=False),
        Column("event", String(60), nullable=False),
        Column("actor", LargeBinary(32), nullable=True),
        Column("subject", LargeBinary(32), nullable=True),
        Column("object", String(200), nullable=True),
        Column("outcome", String(60), nullable=False),
        Column("details", Text(), nullable=False),
        Column("personal", LargeBinary(), nullable=True),
        Column("personal_digest", LargeBinary(32), nullable=True),
        Column("previous", LargeBinary(32), nullable=False),
        Column("hash", LargeBinary(32), nullable=False),
        PrimaryKeyConstraint("writer", "sequence"),
        if_not_exists=True,
    )
    for column in ("actor", "subject", "object"):
        present = text(f"{column} IS NOT NULL")
        op.create_index(
            f"audit_entries_by_{column}",
            "audit_entries",
            [column, "time"],
            sqlite_where=present,
            postgresql_where=present,
            if_not_exists=True,
        )
    op.create_index(
        "audit_entries_by_event", "audit_entries", ["event", "time"], if_not_exists=True
    )
    op.create_index("audit_entries_by_time", "audit_entries", ["time"], if_not_exists=True)
