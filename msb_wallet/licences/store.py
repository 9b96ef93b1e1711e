"""The wallet's tables and the look-ups over them.

A licence's body never changes; its status has a narrow row of its own. Personal values are sealed,
holders and licence numbers are found by blind indexes. Codes that were shown stand as hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

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
    select,
    text,
)

from msb_identity.foundation.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, RowMapping

WALLET = Schema("wallet", "msb_wallet.migrations.wallet", newest="wallet_2")
metadata = WALLET.tables()
IDENTIFIER_CHARS = 160

licences = Table(
    "licences",
    metadata,
    Column("identifier", String(IDENTIFIER_CHARS), primary_key=True),
    Column("type_code", String(21), nullable=False),
    Column("issuer_code", String(18), nullable=False),
    Column("version", Integer, nullable=False),
    Column("number_index", LargeBinary(32), nullable=False),
    Column("holder_index", LargeBinary(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("content_digest", LargeBinary(32), nullable=False),
    Column("credential", LargeBinary, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("index_version", Integer, nullable=False, server_default=text("1")),
    # One licence number of one type and issuer is one licence: this makes issuing idempotent.
    UniqueConstraint("issuer_code", "type_code", "number_index", "version"),
    Index("licences_by_holder", "holder_index", "identifier"),
)
licence_status = Table(
    "licence_status",
    metadata,
    Column("identifier", ForeignKey("licences.identifier"), primary_key=True),
    Column("issuer_code", String(18), nullable=False),
    Column("list_number", Integer, nullable=False),
    Column("list_index", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("reason", String(40), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    UniqueConstraint("issuer_code", "list_number", "list_index"),
    Index("licence_status_changed", "issuer_code", "list_number", "status"),
)
status_lists = Table(
    "status_lists",
    metadata,
    Column("issuer_code", String(18), primary_key=True),
    Column("list_number", Integer, primary_key=True, autoincrement=False),
    Column("used", Integer, nullable=False),
    Column("changes", BigInteger, nullable=False),  # counts changes of any entry
    Column("published_changes", BigInteger, nullable=False),  # its value at the last publication
    Column("published_at", BigInteger, nullable=False),
)
shown_codes = Table(
    "shown_codes",
    metadata,
    Column("code_hash", LargeBinary(32), primary_key=True),
    Column("binding", LargeBinary(32), nullable=False),  # under the secret, of the next three
    Column("identifier", ForeignKey("licences.identifier"), nullable=False),
    Column("audience", String(200), nullable=True),
    Column("shown_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=True),
    Index("shown_codes_by_age", "shown_at"),
)
device_credentials = Table(
    "device_credentials",
    metadata,
    Column("identifier", ForeignKey("licences.identifier"), primary_key=True),
    Column("device_key", LargeBinary(32), primary_key=True),  # thumbprint
    Column("credential", LargeBinary, nullable=False),
    Column("bound_at", BigInteger, nullable=False),
)


class Status(IntEnum):
    """States of a licence, as a status list's 2 bits say them (Token Status List, section 7)."""

    VALID = 0
    REVOKED = 1
    SUSPENDED = 2


@dataclass(frozen=True, slots=True)
class StoredLicence:
    """What the store knows of a licence without opening its body."""

    identifier: str
    type_code: str
    issuer_code: str
    holder_index: bytes
    body: bytes
    content_digest: bytes
    credential: bytes
    issued_at: int


_COLUMNS = tuple(licences.c[name] for name in StoredLicence.__dataclass_fields__)


def find_licence(connection: Connection, identifier: str) -> StoredLicence | None:
    """Look a licence up by its identifier without the root."""
    query = select(*_COLUMNS).where(licences.c.identifier == identifier)
    return _stored(connection.execute(query).mappings().first())


def find_by_numbers(
    connection: Connection,
    number_indexes: Sequence[bytes],
    *,
    issuer_code: str,
    type_code: str,
    version: int,
) -> dict[bytes, StoredLicence]:
    """Look licences up by what makes each one: issuer, type, number and version."""
    query = select(licences.c.number_index, *_COLUMNS).where(
        licences.c.issuer_code == issuer_code,
        licences.c.type_code == type_code,
        licences.c.number_index.in_(number_indexes),
        licences.c.version == version,
    )
    found = [dict(row) for row in connection.execute(query).mappings()]
    return {row.pop("number_index"): StoredLicence(**row) for row in found}


def list_by_holder(
    connection: Connection, holder_indexes: Sequence[bytes], *, after: str = "", limit: int = 50
) -> list[StoredLicence]:
    """Give a page of a holder's licences in order of identifier, from the one after `after`."""
    query = (
        select(*_COLUMNS)
        .where(licences.c.holder_index.in_(holder_indexes), licences.c.identifier > after)
        .order_by(licences.c.identifier)
        .limit(limit)
    )
    return [StoredLicence(**row) for row in connection.execute(query).mappings()]


def _stored(row: RowMapping | None) -> StoredLicence | None:
    return StoredLicence(**row) if row is not None else None
