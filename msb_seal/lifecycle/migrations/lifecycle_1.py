"""The first tables: units, seals, their bodies, grants, reservations, filings, numbers, lists."""

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

revision = "lifecycle_1"
down_revision = None


def upgrade() -> None:
    """Make the tables, those that others point to first."""
    _make_units()
    _make_seals()
    _make_bodies()
    _make_grants()
    _make_reservations()
    _make_filings()
    _make_counters()


def _make_units() -> None:
    op.create_table(
        "seal_units",
        Column("code", String(18), nullable=False),
        Column("name", String(200), nullable=False),
        Column("region", String(6), nullable=False),
        Column("closed_at", BigInteger(), nullable=True),
        PrimaryKeyConstraint("code"),
    )


def _make_seals() -> None:
    op.create_table(
        "seals",
        Column("record", String(32), nullable=False),
        Column("unit_code", String(18), nullable=False),
        Column("reference", String(100), nullable=False),
        Column("content_digest", LargeBinary(32), nullable=False),
        Column("type", Integer(), nullable=False),
        Column("name", String(200), nullable=False),
        Column("valid_from", BigInteger(), nullable=False),
        Column("valid_until", BigInteger(), nullable=False),
        Column("renews", String(32), nullable=True),
        Column("state", String(20), nullable=False),
        Column("reason", String(40), nullable=False),
        Column("since", BigInteger(), nullable=False),
        Column("inactive_since", BigInteger(), nullable=True),
        Column("epoch", BigInteger(), nullable=False),
        Column("asked_end", String(20), nullable=True),
        Column("asked_reason", String(40), nullable=True),
        Column("applied_by", LargeBinary(32), nullable=False),
        Column("changed_by", LargeBinary(32), nullable=False),
        Column("asked_by", LargeBinary(32), nullable=True),
        Column("seal_code", String(14), nullable=True),
        Column("fingerprint", String(64), nullable=True),
        Column("usable_until", BigInteger(), nullable=True),
        ForeignKeyConstraint(["renews"], ["seals.record"]),
        ForeignKeyConstraint(["unit_code"], ["seal_units.code"]),
        PrimaryKeyConstraint("record"),
        UniqueConstraint("seal_code"),
        UniqueConstraint("fingerprint"),
        UniqueConstraint("unit_code", "reference"),
    )
    op.create_index("seals_by_renewed", "seals", ["renews"])
    op.create_index("seals_by_state", "seals", ["state", "record"])
    op.create_index("seals_by_unit", "seals", ["unit_code", "type", "record"])


def _make_bodies() -> None:
    op.create_table(
        "seal_bodies",
        Column("record", String(32), nullable=False),
        Column("applicant", LargeBinary(), nullable=False),
        Column("picture_type", String(8), nullable=False),
        Column("picture", LargeBinary(), nullable=False),
        Column("width_mm", Integer(), nullable=False),
        Column("height_mm", Integer(), nullable=False),
        Column("certificates", LargeBinary(), nullable=False),
        Column("encoded", LargeBinary(), nullable=True),
        ForeignKeyConstraint(["record"], ["seals.record"]),
        PrimaryKeyConstraint("record"),
    )


def _make_filings() -> None:
    op.create_table(
        "seal_filings",
        Column("record", String(32), nullable=False),
        Column("epoch", BigInteger(), autoincrement=False, nullable=False),
        Column("content", String(2000), nullable=False),
        Column("made_at", BigInteger(), nullable=False),
        Column("filed_at", BigInteger(), nullable=True),
        Column("receipt", String(100), nullable=True),
        ForeignKeyConstraint(["record"], ["seals.record"]),
        PrimaryKeyConstraint("record", "epoch"),
    )
    op.create_index("seal_filings_due", "seal_filings", ["filed_at", "record", "epoch"])


def _make_grants() -> None:
    op.create_table(
        "seal_grants",
        Column("grant_id", String(32), nullable=False),
        Column("record", String(32), nullable=False),
        Column("user_mark", LargeBinary(32), nullable=False),
        Column("user_id", LargeBinary(), nullable=False),
        Column("purpose", String(40), nullable=False),
        Column("valid_from", BigInteger(), nullable=False),
        Column("valid_until", BigInteger(), nullable=False),
        Column("max_uses", BigInteger(), nullable=True),
        Column("used", BigInteger(), nullable=False),
        Column("withdrawn_at", BigInteger(), nullable=True),
        ForeignKeyConstraint(["record"], ["seals.record"]),
        PrimaryKeyConstraint("grant_id"),
    )
    op.create_index(
        "seal_grants_of_user", "seal_grants", ["record", "user_mark", "purpose", "grant_id"]
    )


def _make_reservations() -> None:
    op.create_table(
        "seal_reservations",
        Column("reservation", String(32), nullable=False),
        Column("grant_id", String(32), nullable=False),
        Column("epoch", BigInteger(), nullable=False),
        Column("size", BigInteger(), nullable=False),
        Column("used", BigInteger(), nullable=False),
        Column("lifetime_seconds", Integer(), nullable=False),
        Column("expires_at", BigInteger(), nullable=False),
        Column("closed_at", BigInteger(), nullable=True),
        ForeignKeyConstraint(["grant_id"], ["seal_grants.grant_id"]),
        PrimaryKeyConstraint("reservation"),
    )
    op.create_index(
        "seal_reservations_of_grant", "seal_reservations", ["grant_id", "closed_at", "expires_at"]
    )
    op.create_index("seal_reservations_open", "seal_reservations", ["closed_at", "expires_at"])


def _make_counters() -> None:
    op.create_table(
        "seal_numbers",
        Column("region", String(6), nullable=False),
        Column("used", Integer(), nullable=False),
        PrimaryKeyConstraint("region"),
    )
    op.create_table(
        "seal_state_lists",
        Column("name", String(100), nullable=False),
        Column("version", BigInteger(), nullable=False),
        PrimaryKeyConstraint("name"),
    )
