"""The tables of the audit log. Entries are only ever inserted; heads and subject keys change.

`audit_log` has one row: the random name of this log, to which every chain and checkpoint is bound.
`audit_heads` has a row for each writer: where its chain ends, and the lock that keeps two
transactions from continuing it at once. It is a convenience that nobody trusts: verification
compares it with the entries. Formats: docs/formats.md, "audit log".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from msb_identity.foundation.schema import Schema

if TYPE_CHECKING:
    from typing import Any

MAX_WRITER_CHARS = 60
MAX_CODE_CHARS = 60
MAX_OBJECT_CHARS = 200
HASH_BYTES = 32
LOG_ID_BYTES = 16
THE_LOG = 1

AUDIT = Schema("audit", "msb_identity.foundation.audit.migrations", newest="audit_1")
"""The tables of the audit log, with a line of migrations of their own."""

metadata = AUDIT.tables()
logs = Table(
    "audit_log",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", LargeBinary(LOG_ID_BYTES), nullable=False),
)
heads = Table(
    "audit_heads",
    metadata,
    Column("writer", String(MAX_WRITER_CHARS), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary(HASH_BYTES), nullable=False),
)
entries = Table(
    "audit_entries",
    metadata,
    Column("writer", String(MAX_WRITER_CHARS), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),  # microseconds since 1970
    Column("event", String(MAX_CODE_CHARS), nullable=False),
    Column("actor", LargeBinary(HASH_BYTES)),
    Column("subject", LargeBinary(HASH_BYTES)),
    Column("object", String(MAX_OBJECT_CHARS)),
    Column("outcome", String(MAX_CODE_CHARS), nullable=False),
    Column("details", Text, nullable=False),  # the text that was hashed, so not a JSON column
    Column("personal", LargeBinary),
    Column("personal_digest", LargeBinary(HASH_BYTES)),
    Column("previous", LargeBinary(HASH_BYTES), nullable=False),
    Column("hash", LargeBinary(HASH_BYTES), nullable=False),
)
subject_keys = Table(
    "audit_subject_keys",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("subject", LargeBinary(HASH_BYTES), nullable=False, index=True),
    Column("wrapped", LargeBinary),  # none once it has been erased
    Column("erased_at", BigInteger),
)


def _index_where_present(name: str, column: Column[Any]) -> None:
    """Index a column by time, leaving out the many entries that have nothing there."""
    present = column.is_not(None)
    Index(name, column, entries.c.time, sqlite_where=present, postgresql_where=present)


_index_where_present("audit_entries_by_actor", entries.c.actor)
_index_where_present("audit_entries_by_subject", entries.c.subject)
_index_where_present("audit_entries_by_object", entries.c.object)
Index("audit_entries_by_event", entries.c.event, entries.c.time)
Index("audit_entries_by_time", entries.c.time)
