"""The tables of the seals' lives. Their migrations: lifecycle/migrations.

`seals` is narrow and is what every look-up reads; pictures, certificates and the made seal lie in
`seal_bodies`, each row once written and then filled once. Persons stand as HMACs where they are
only compared, and sealed where somebody must read them. Times are seconds since 1970.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from msb_identity.foundation.schema import Schema

LIFECYCLE = Schema("lifecycle", "msb_seal.lifecycle.migrations", newest="lifecycle_2")
RECORD_CHARS = 32
MAX_NAME_CHARS = 200
MAX_REFERENCE_CHARS = 100
REASON_CHARS = 40
MARK_BYTES = 32

metadata = LIFECYCLE.tables()
units = Table(
    "seal_units",
    metadata,
    Column("code", String(18), primary_key=True),  # 统一社会信用代码
    Column("name", String(MAX_NAME_CHARS), nullable=False),
    Column("region", String(6), nullable=False),  # GB/T 2260
    Column("closed_at", BigInteger),
)
seals = Table(
    "seals",
    metadata,
    Column("record", String(RECORD_CHARS), primary_key=True),
    Column("unit_code", ForeignKey("seal_units.code"), nullable=False),
    Column("reference", String(MAX_REFERENCE_CHARS), nullable=False),
    Column("content_digest", LargeBinary(32), nullable=False),
    Column("type", Integer, nullable=False),
    Column("name", String(MAX_NAME_CHARS), nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
    Column("renews", ForeignKey("seals.record")),
    Column("state", String(20), nullable=False),
    Column("reason", String(REASON_CHARS), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("inactive_since", BigInteger),  # none while it is active
    Column("epoch", BigInteger, nullable=False),  # counts changes of the state
    Column("asked_end", String(20)),
    Column("asked_reason", String(REASON_CHARS)),
    Column("applied_by", LargeBinary(MARK_BYTES), nullable=False),
    Column("changed_by", LargeBinary(MARK_BYTES), nullable=False),
    Column("asked_by", LargeBinary(MARK_BYTES)),
    Column("seal_code", String(14)),  # 印章编码: region and eight digits
    Column("fingerprint", String(64)),
    Column("usable_until", BigInteger),  # the seal's end, or its last signer certificate's
    Column("sealed_name", LargeBinary),  # of a personal seal, whose `name` is then empty
    # One reference of one unit is one application: this makes applying idempotent.
    UniqueConstraint("unit_code", "reference"),
    UniqueConstraint("seal_code"),
    UniqueConstraint("fingerprint"),
    Index("seals_by_unit", "unit_code", "type", "record"),
    Index("seals_by_state", "state", "record"),
    Index("seals_by_renewed", "renews"),
)
bodies = Table(
    "seal_bodies",
    metadata,
    Column("record", ForeignKey("seals.record"), primary_key=True),
    Column("applicant", LargeBinary, nullable=False),  # sealed name
    Column("picture_type", String(8), nullable=False),
    Column("picture", LargeBinary, nullable=False),
    Column("width_mm", Integer, nullable=False),
    Column("height_mm", Integer, nullable=False),
    Column("certificates", LargeBinary, nullable=False),  # CBOR array of DER certificates
    Column("encoded", LargeBinary),  # the seal, once it is made
)
grants = Table(
    "seal_grants",
    metadata,
    Column("grant_id", String(RECORD_CHARS), primary_key=True),
    Column("record", ForeignKey("seals.record"), nullable=False),
    Column("user_mark", LargeBinary(MARK_BYTES), nullable=False),
    Column("user_id", LargeBinary, nullable=False),  # sealed
    Column("purpose", String(40), nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
    Column("max_uses", BigInteger),  # none: as often as needed
    Column("used", BigInteger, nullable=False),  # reserved uses count as used
    Column("withdrawn_at", BigInteger),
    Index("seal_grants_of_user", "record", "user_mark", "purpose", "grant_id"),
)
reservations = Table(
    "seal_reservations",
    metadata,
    Column("reservation", String(RECORD_CHARS), primary_key=True),
    Column("grant_id", ForeignKey("seal_grants.grant_id"), nullable=False),
    Column("epoch", BigInteger, nullable=False),  # the seal's when it was made
    Column("size", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("lifetime_seconds", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Index("seal_reservations_of_grant", "grant_id", "closed_at", "expires_at"),
    Index("seal_reservations_open", "closed_at", "expires_at"),
)
filings = Table(
    "seal_filings",
    metadata,
    Column("record", ForeignKey("seals.record"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("content", String(2_000), nullable=False),  # JSON as it is to be filed
    Column("made_at", BigInteger, nullable=False),
    Column("filed_at", BigInteger),
    Column("receipt", String(MAX_REFERENCE_CHARS)),
    Index("seal_filings_due", "filed_at", "record", "epoch"),
)
numbers = Table(
    "seal_numbers",
    metadata,
    Column("region", String(6), primary_key=True),
    Column("used", Integer, nullable=False),
)
lists = Table(
    "seal_state_lists",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("version", BigInteger, nullable=False),
)
