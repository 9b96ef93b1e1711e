"""The first tables: licences, their states, codes shown, credentials of devices.

Stores of the time before migrations have them already, and are taken as they are.
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
)

revision = "wallet_1"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "licences",
        Column("identifier", String(160), nullable=False),
        Column("type_code", String(21), nullable=False),
        Column("issuer_code", String(18), nullable=False),
        Column("version", Integer(), nullable=False),
        Column("number_index", LargeBinary(32), nullable=False),
        Column("holder_index", LargeBinary(32), nullable=False),
        Column("body", LargeBinary(), nullable=False),
        Column("content_digest", LargeBinary(32), nullable=False),
        Column("credential", LargeBinary(), nullable=False),
        Column("issued_at", BigInteger(), nullable=False),
        PrimaryKeyConstraint("identifier"),
        UniqueConstraint("issuer_code", "type_code", "number_index", "version"),
        if_not_exists=True,
    )
    op.create_index(
        "licences_by_holder", "licences", ["holder_index", "identifier"], if_not_exists=True
    )
    op.create_table(
        "status_lists",
        Column("issuer_code", String(18), nullable=False),
        Column("list_number", Integer(), autoincrement=False, nullable=False),
        Column("used", Integer(), nullable=False),
        Column("changes", BigInteger(), nullable=False),
        Column("published_changes", BigInteger(), nullable=False),
        Column("published_at", BigInteger(), nullable=False),
        PrimaryKeyConstraint("issuer_code", "list_number"),
        if_not_exists=True,
    )
    op.create_table(
        "device_credentials",
        Column("identifier", String(160), nullable=False),
        Column("device_key", LargeBinary(32), nullable=False),
        Column("credential", LargeBinary(), nullable=False),
        Column("bound_at", BigInteger(), nullable=False),
        ForeignKeyConstraint(["identifier"], ["licences.identifier"]),
        PrimaryKeyConstraint("identifier", "device_key"),
        if_not_exists=True,
    )
    op.create_table(
        "licence_status",
        Column("identifier", String(160), nullable=False),
        Column("issuer_code", String(18), nullable=False),
        Column("list_number", Integer(), nullable=False),
        Column("list_index", Integer(), nullable=False),
        Column("status", Integer(), nullable=False),
        Column("reason", String(40), nullable=False),
        Column("changed_at", BigInteger(), nullable=False),
        ForeignKeyConstraint(["identifier"], ["licences.identifier"]),
        PrimaryKeyConstraint("identifier"),
        UniqueConstraint("issuer_code", "list_number", "list_index"),
        if_not_exists=True,
    )
    op.create_index(
        "licence_status_changed",
        "licence_status",
        ["issuer_code", "list_number", "status"],
        if_not_exists=True,
    )
    op.create_table(
        "shown_codes",
        Column("code_hash", LargeBinary(32), nullable=False),
        Column("identifier", String(160), nullable=False),
        Column("audience", String(200), nullable=True),
        Column("shown_at", BigInteger(), nullable=False),
        Column("used_at", BigInteger(), nullable=True),
        ForeignKeyConstraint(["identifier"], ["licences.identifier"]),
        PrimaryKeyConstraint("code_hash"),
        if_not_exists=True,
    )
    op.create_index("shown_codes_by_age", "shown_codes", ["shown_at"], if_not_exists=True)
