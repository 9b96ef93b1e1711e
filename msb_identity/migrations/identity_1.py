"""The first tables: data keys, accounts, limits, codes by SMS, sessions.

Stores of the time before migrations have them already, and are taken as they are.
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
)

revision = "identity_1"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "data_keys",
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("wrapped", LargeBinary(), nullable=False),
        PrimaryKeyConstraint("number"),
        if_not_exists=True,
    )
    op.create_table(
        "limits",
        Column("key", LargeBinary(32), nullable=False),
        Column("attempts", Integer(), nullable=False),
        Column("blocked_until_us", BigInteger(), nullable=False),
        Column("expires_at_us", BigInteger(), nullable=False),
        PrimaryKeyConstraint("key"),
        if_not_exists=True,
    )
    op.create_index("ix_limits_expires_at_us", "limits", ["expires_at_us"], if_not_exists=True)
    op.create_table(
        "people",
        Column("id", String(26), nullable=False),
        Column("identity_number_index", LargeBinary(32), nullable=False),
        Column("mobile_index", LargeBinary(32), nullable=False),
        Column("name", LargeBinary(), nullable=False),
        Column("identity_number", LargeBinary(), nullable=False),
        Column("mobile", LargeBinary(), nullable=False),
        Column("level", Integer(), nullable=False),
        Column("level_method", String(40), nullable=False),
        Column("level_time", BigInteger(), nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("identity_number_index"),
        UniqueConstraint("mobile_index"),
        if_not_exists=True,
    )
    op.create_table(
        "sessions",
        Column("sid", String(22), nullable=False),
        Column("subject", String(26), nullable=False),
        Column("level", Integer(), nullable=False),
        Column("acr", String(64), nullable=False),
        Column("amr", String(200), nullable=False),
        Column("auth_time", BigInteger(), nullable=False),
        Column("expires_at", BigInteger(), nullable=False),
        Column("ended_at", BigInteger(), nullable=True),
        Column("device", String(200), nullable=False),
        PrimaryKeyConstraint("sid"),
        if_not_exists=True,
    )
    op.create_index("ix_sessions_subject", "sessions", ["subject"], if_not_exists=True)
    op.create_table(
        "sms_codes",
        Column("mobile_index", LargeBinary(32), nullable=False),
        Column("code", LargeBinary(32), nullable=False),
        Column("tries", Integer(), nullable=False),
        Column("expires_at_us", BigInteger(), nullable=False),
        PrimaryKeyConstraint("mobile_index"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_sms_codes_expires_at_us", "sms_codes", ["expires_at_us"], if_not_exists=True
    )
