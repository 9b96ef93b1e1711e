"""The OpenID Provider: clients, codes, refresh tokens, logouts to deliver."""

from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
)

revision = "identity_6"
down_revision = "identity_5"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "clients",
        Column("id", String(64), nullable=False),
        Column("registration", Text(), nullable=False),
        Column("secret_hash", LargeBinary(32), nullable=True),
        Column("registered_at", BigInteger(), nullable=False),
        Column("ended_at", BigInteger(), nullable=True),
        PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "client_assertions",
        Column("hash", LargeBinary(32), nullable=False),
        Column("expires_at", BigInteger(), nullable=False),
        PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_client_assertions_expires_at", "client_assertions", ["expires_at"])
    op.create_table(
        "authorization_codes",
        Column("hash", LargeBinary(32), nullable=False),
        *_authorization(),
        Column("redirect_address", String(1_000), nullable=False),
        Column("challenge", String(43), nullable=False),
        Column("nonce", String(500), nullable=True),
        Column("expires_at_us", BigInteger(), nullable=False),
        Column("used", Boolean(), nullable=False),
        Column("family", String(22), nullable=True),
        Column("removed_at", BigInteger(), nullable=False),
        PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_authorization_codes_removed_at", "authorization_codes", ["removed_at"])
    op.create_table(
        "refresh_families",
        Column("id", String(22), nullable=False),
        *_authorization(),
        Column("token_hash", LargeBinary(32), nullable=False),
        Column("previous_hash", LargeBinary(32), nullable=True),
        Column("began_at", BigInteger(), nullable=False),
        Column("rotated_at_us", BigInteger(), nullable=False),
        Column("expires_at", BigInteger(), nullable=False),
        Column("ended_at", BigInteger(), nullable=True),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_refresh_families_expires_at", "refresh_families", ["expires_at"])
    op.create_table(
        "client_sessions",
        Column("name", String(87), nullable=False),
        Column("sid", String(22), nullable=False),
        Column("client_id", String(64), nullable=False),
        Column("subject", String(26), nullable=False),
        Column("firm_id", String(26), nullable=True),
        Column("mandate_id", String(26), nullable=True),
        Column("began_at", BigInteger(), nullable=False),
        Column("ended", Boolean(), nullable=False),
        Column("tries", Integer(), nullable=False),
        Column("next_at_us", BigInteger(), nullable=False),
        PrimaryKeyConstraint("name"),
    )
    for column in ("sid", "subject", "firm_id", "mandate_id", "next_at_us"):
        op.create_index(f"ix_client_sessions_{column}", "client_sessions", [column])
    progress = op.create_table(
        "logout_progress",
        Column("id", Integer(), autoincrement=False, nullable=False),
        Column("version", BigInteger(), nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(progress, [{"id": 1, "version": 0}])


def _authorization() -> list[Column[Any]]:
    """Give the columns of what was authorised, which a code and a refresh token both carry."""
    return [
        Column("client_id", String(64), nullable=False),
        Column("sid", String(22), nullable=False),
        Column("subject", String(26), nullable=False),
        Column("scope", Text(), nullable=False),
        Column("audience", Text(), nullable=False),
        Column("firm_id", String(26), nullable=True),
        Column("mandate_id", String(26), nullable=True),
        Column("shown_since", BigInteger(), nullable=True),
    ]
